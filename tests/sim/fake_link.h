/* SPDX-License-Identifier: Apache-2.0 */
/* The inside device, the kernel's routing table, and the interfaces of kernel ESP. */
#ifndef TESTS_SIM_FAKE_LINK_H
#define TESTS_SIM_FAKE_LINK_H

#include "fake_tables.h"

/* ---- the inside device ---- */

struct link *link_open(const struct link_options *options, char error[DATAPLANE_ERROR_SIZE])
{
	(void)options, (void)error;
	return (struct link *)&fake;
}

void link_close(struct link *l)
{
	(void)l;
}

uint32_t link_ifindex(const struct link *l)
{
	(void)l;
	return FAKE_INSIDE;
}

const char *link_name(const struct link *l)
{
	(void)l;
	return "lo"; /* sockets are bound to it */
}

int link_queue_fd(const struct link *l, uint32_t queue)
{
	(void)l, (void)queue;
	return STDIN_FILENO;
}

const char *link_offloads(const struct link *l)
{
	(void)l;
	return "tso";
}

bool link_ring_drops(const struct link *l, uint64_t *drops)
{
	(void)l;
	*drops = 0;
	return true;
}

static inline size_t fake_address(const struct ip_addr *a)
{
	size_t i = 0;

	while (i < fake.address_count && (fake.addresses[i].ifindex != FAKE_INSIDE ||
						 !addr_equal(&fake.addresses[i].address, a)))
		i++;
	return i;
}

bool link_address_set(struct link *l, const struct ip_addr *address)
{
	size_t i = fake_address(address);

	(void)l;
	assert_true(i < FAKE_MAX);
	fake.addresses[i] = (struct host_address){
		.ifindex = FAKE_INSIDE, .address = *address, .len = (uint8_t)addr_bits(address)};
	if (i == fake.address_count)
		fake.address_count++;
	return true;
}

bool link_address_del(struct link *l, const struct ip_addr *address)
{
	size_t i = fake_address(address);

	(void)l;
	if (i < fake.address_count)
		fake.addresses[i] = fake.addresses[--fake.address_count];
	return true;
}

bool link_source_set(struct link *l, int family, const struct ip_addr *source)
{
	(void)l;
	fake.source[family == AF_INET6] = *source;
	return true;
}

enum link_found link_look(struct link *l)
{
	enum link_found found = fake.inside;

	(void)l;
	if (found == LINK_PUT_RIGHT)
		fake.inside = LINK_AS_MADE;
	return found;
}

bool link_remake(struct link *l, char error[DATAPLANE_ERROR_SIZE])
{
	(void)l;
	if (fake.inside_unmakeable) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "no TUN here");
		return false;
	}
	fake.inside = LINK_AS_MADE;
	fake.address_count = 0;
	fake.kernel.count = 0;
	return true;
}

bool link_host_settings(struct link *l, bool apply, char error[DATAPLANE_ERROR_SIZE])
{
	(void)l;
	if (apply && !fake.settings_fixed)
		fake.settings_wrong = false;
	if (fake.settings_wrong)
		snprintf(error, DATAPLANE_ERROR_SIZE, "net.ipv4.ip_forward is 0");
	return !fake.settings_wrong;
}

/* ---- the kernel's table ---- */

uint32_t link_table(const struct link *l)
{
	(void)l;
	return fake.table ? fake.table : RT_TABLE_MAIN;
}

void link_table_set(struct link *l, uint32_t table)
{
	(void)l;
	fake.table = table;
}

size_t link_routes_set(struct link *l, struct fib_route *routes, size_t count)
{
	size_t failed = 0;

	(void)l;
	for (size_t i = 0; i < count; i++) {
		assert_true(routes[i].inside || routes[i].closed ||
			    fake_find(&fake.trie, &routes[i].prefix) >= 0); /* the trie first */
		routes[i].failed = prefix_equal(&routes[i].prefix, &fake.not_taken);
		failed += routes[i].failed;
		fake.installs += !routes[i].failed;
		if (!routes[i].failed)
			fake_set(fake_table_of(&routes[i]), &routes[i].prefix, routes[i].mtu);
	}
	return failed;
}

size_t link_routes_restore(struct link *l, struct fib_route *routes, size_t count)
{
	size_t there = 0;

	for (size_t i = 0; i < count; i++) {
		routes[i].failed = fake_find(fake_table_of(&routes[i]), &routes[i].prefix) >= 0;
		there += routes[i].failed;
	}
	for (size_t i = 0; i < count; i++) {
		if (!routes[i].failed)
			link_routes_set(l, &routes[i], 1);
	}
	return there;
}

size_t link_routes_del(struct link *l, struct fib_route *routes, size_t count)
{
	(void)l;
	for (size_t i = 0; i < count; i++) {
		routes[i].failed = !fake_del(fake_table_of(&routes[i]), &routes[i].prefix);
		/* From now on it would leave by the default route. */
		assert_true(routes[i].closed || !fake.may_open ||
			    fake_find(&fake.closed, &routes[i].prefix) >= 0 ||
			    fake.may_open(&routes[i].prefix));
	}
	return 0;
}

bool routes_by_device(
	int family, uint32_t ifindex, struct ip_prefix *list, size_t max, size_t *count)
{
	assert_true(ifindex && max >= fake.by_device_count);
	*count = family == AF_INET ? fake.by_device_count : 0;
	if (fake.by_device_unread) /* in the midst of them */
		*count /= 2;
	memcpy(list, fake.by_device, *count * sizeof(*list));
	return !fake.by_device_unread;
}

bool connected_list(
	const uint32_t *but, size_t but_count, struct ip_prefix *list, size_t max, size_t *count)
{
	assert_true(but_count >= 1 && but[0] == FAKE_INSIDE && max >= fake.connected_count);
	memcpy(list, fake.connected, fake.connected_count * sizeof(list[0]));
	*count = fake.connected_count;
	return !fake.connected_unread;
}

/* ---- the interfaces of kernel ESP ---- */

struct xfrmi *xfrmi_open(char error[DATAPLANE_ERROR_SIZE])
{
	(void)error;
	return (struct xfrmi *)&fake;
}

void xfrmi_close(struct xfrmi *x)
{
	(void)x;
}

/* ifindex of tunnel n: 1000 + n. */
uint32_t xfrmi_add(struct xfrmi *x, uint32_t tunnel, uint32_t outside_ifindex, const char *site,
	char error[DATAPLANE_ERROR_SIZE])
{
	(void)x, (void)site;
	if (fake.no_interfaces || !outside_ifindex) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "no interface");
		return 0;
	}
	fake.interfaces[tunnel] = outside_ifindex;
	return 1000 + tunnel;
}

void xfrmi_del(struct xfrmi *x, uint32_t ifindex)
{
	(void)x;
	fake.interfaces[ifindex - 1000] = 0;
}

bool xfrmi_mtu_set(struct xfrmi *x, uint32_t ifindex, uint32_t mtu)
{
	(void)x;
	fake.interface_mtu[ifindex - 1000] = mtu;
	return true;
}

#endif
