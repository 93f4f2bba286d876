/* SPDX-License-Identifier: Apache-2.0 */
/* The host: devices outside, addresses, what changes there. */
#ifndef TESTS_SIM_FAKE_HOST_H
#define TESTS_SIM_FAKE_HOST_H

#include "fake_tables.h"

struct host_watch *host_watch_open(char error[DATAPLANE_ERROR_SIZE])
{
	(void)error;
	return (struct host_watch *)&fake;
}

void host_watch_close(struct host_watch *w)
{
	(void)w;
}

int host_watch_fd(const struct host_watch *w)
{
	(void)w;
	return -1;
}

void host_watch_device(struct host_watch *w, const char *name)
{
	(void)w, (void)name;
}

void host_watch_forget(struct host_watch *w, const char *name)
{
	(void)w, (void)name;
}

bool host_watch_read(struct host_watch *w)
{
	(void)w;
	return true;
}

bool host_watch_gone(struct host_watch *w, const char *name)
{
	struct fake_device *d = fake_device(name);
	bool gone = d && d->gone_since;

	(void)w;
	if (d)
		d->gone_since = false;
	return gone;
}

bool host_addresses(struct host_addresses *all)
{
	if (all->room < FAKE_MAX) {
		all->list = realloc(all->list, FAKE_MAX * sizeof(*all->list));
		all->room = FAKE_MAX;
	}
	assert_non_null(all->list);
	memcpy(all->list, fake.addresses, fake.address_count * sizeof(*all->list));
	all->count = fake.address_count;
	return true;
}

void host_addresses_fini(struct host_addresses *all)
{
	free(all->list);
}

bool host_forward_closed(const char *device, bool closed)
{
	struct fake_device *d = fake_device(device);

	if (!d || d->unruly)
		return false;
	d->closed = closed;
	return true;
}

void host_forward_forget(const char *const *names, size_t count)
{
	(void)names, (void)count;
}

bool host_way_out(int family, uint32_t ifindex)
{
	(void)family;
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (fake.devices[i].is.ifindex == ifindex)
			return !fake.devices[i].no_way;
	}
	return true;
}

bool host_rp_filter_loosen(const char *device, bool *was_strict)
{
	struct fake_device *d = fake_device(device);

	*was_strict = d && d->strict;
	if (d)
		d->strict = false;
	return true;
}

bool link_device(const char *name, struct link_device *device)
{
	const struct fake_device *d = fake_device(name);

	if (d)
		*device = d->is;
	return d && d->is.ifindex;
}

size_t half_open_list(uint16_t port, struct ip_addr *list, size_t max)
{
	assert_int_equal(port, 179);
	assert_true(max >= fake.half_open_count);
	memcpy(list, fake.half_open, fake.half_open_count * sizeof(list[0]));
	return fake.half_open_count;
}

#endif
