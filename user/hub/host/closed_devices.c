/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that are closed for what is in clear and no outside devices: they were, or are about to be. */
#include "hub/host/host.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

/* With "" a free place. NULL: there is none. */
static struct closed_device *find(struct hub *h, const char *name)
{
	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		if (!strcmp(h->model.host.closed_devices[i].name, name))
			return &h->model.host.closed_devices[i];
	}
	return NULL;
}

static struct closed_device *find_or_add(struct hub *h, const char *name)
{
	struct closed_device *d = find(h, name);

	if (d)
		return d;
	d = find(h, "");
	if (!d)
		return NULL;
	*d = (struct closed_device){0};
	snprintf(d->name, sizeof(d->name), "%s", name);
	host_watch_device(h->host->watch, name);
	return d;
}

/* What comes by it is not forwarded, and what leaves by it is the hub's own. False with a sentence. */
static bool close_it(struct hub *h, struct closed_device *d, char why[DATAPLANE_ERROR_SIZE])
{
	struct link_device is;
	uint32_t now = link_device(d->name, &is) ? is.ifindex : 0;

	if (now != d->ifindex)
		bpf_plane_unguard(
			h->plane, d->ifindex); /* of one that is gone, or called otherwise */
	d->ifindex = now;
	if (!host_forward_closed(d->name, !h->config->concentrator.outside_forwarding)) {
		snprintf(why, DATAPLANE_ERROR_SIZE,
			"the kernel does not take the rule that lets nothing be forwarded");
		return false;
	}
	return !now || bpf_plane_guard(h->plane, now, why);
}

static void open_it(struct hub *h, const char *name, uint32_t ifindex)
{
	bpf_plane_unguard(h->plane, ifindex);
	host_watch_forget(h->host->watch, name);
	if (!host_forward_closed(name, false))
		log_error("%s: the kernel does not give up the rule that lets nothing be "
			  "forwarded: ip rule delete iif %s",
			name, name);
}

/* Whom nothing keeps closed any more. An outside device is closed all the same, by outside.c. */
static void settle(struct hub *h, struct closed_device *d)
{
	if (d->former || d->awaited)
		return;
	if (!outside_is(&h->model, d->name))
		open_it(h, d->name, d->ifindex);
	*d = (struct closed_device){0};
}

bool hub_device_await(struct hub *h, const char *name, char error[CONFIG_ERROR_SIZE])
{
	struct closed_device *d = find_or_add(h, name);
	char why[DATAPLANE_ERROR_SIZE];

	if (!d) {
		snprintf(error, CONFIG_ERROR_SIZE,
			"%s cannot be closed: %d devices that were outside devices still are; "
			"`sluice hub release` opens them",
			name, MODEL_CLOSED_DEVICES);
		return false;
	}
	d->awaited++;
	if (close_it(h, d, why))
		return true;
	snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", name, why);
	hub_device_await_end(h, name);
	return false;
}

void hub_device_await_end(struct hub *h, const char *name)
{
	struct closed_device *d = find(h, name);

	if (!d || !d->awaited)
		return;
	d->awaited--;
	settle(h, d);
}

void hub_device_keep(struct hub *h, const char *name, uint32_t ifindex)
{
	struct closed_device *d = find_or_add(h, name);

	if (!d) {
		log_warn("%s is no outside device any more, and is not closed any more: %d others "
			 "that were are",
			name, MODEL_CLOSED_DEVICES);
		open_it(h, name, ifindex);
		return;
	}
	d->former = true;
	d->ifindex = ifindex;
	log_info("%s is no outside device any more: it stays closed for what is in clear until "
		 "sluiced starts again or `sluice hub release`",
		name);
}

void hub_device_take(struct hub *h, const char *name)
{
	struct closed_device *d = find(h, name);

	if (!d)
		return;
	d->former = false;
	settle(h, d);
}

unsigned int hub_devices_release(struct hub *h)
{
	unsigned int opened = 0;

	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		struct closed_device *d = &h->model.host.closed_devices[i];

		if (!d->former)
			continue;
		log_info("%s, which is no outside device any more, is closed no longer", d->name);
		d->former = false;
		settle(h, d);
		opened++;
	}
	return opened;
}

void hub_devices_look(struct hub *h)
{
	char why[DATAPLANE_ERROR_SIZE];

	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		struct closed_device *d = &h->model.host.closed_devices[i];
		bool wrong;

		if (!d->name[0] || outside_is(&h->model, d->name))
			continue;
		wrong = !close_it(h, d, why);
		if (wrong && !d->wrong)
			log_error("%s is to stay closed: %s; it is tried again each second",
				d->name, why);
		d->wrong = wrong;
	}
}

void hub_devices_open(struct hub *h)
{
	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		struct closed_device *d = &h->model.host.closed_devices[i];

		if (d->name[0] && !outside_is(&h->model, d->name))
			open_it(h, d->name, d->ifindex);
		*d = (struct closed_device){0};
	}
}
