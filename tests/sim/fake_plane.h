/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as hub sees it through user/dataplane: BPF maps, the inside device and its routes, outside devices,
 * addresses. All of it are tables that a test fills and looks at. What would be a fault whoever does it is asserted
 * here: the trie is written before the kernel's table, and left after it.
 */
#ifndef TESTS_SIM_FAKE_PLANE_H
#define TESTS_SIM_FAKE_PLANE_H

#include "dataplane/bpf.h"
#include "dataplane/connected.h"
#include "dataplane/host.h"
#include "dataplane/link.h"
#include "dataplane/maps.h"
#include "dataplane/source.h"
#include "dataplane/xfrmi.h"
#include "state/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define FAKE_MAX     256
#define FAKE_INSIDE  77 /* ifindex of the inside device */
#define FAKE_DEVICES 4  /* outside devices */
#define SHARE        16 /* in the trie's value, from this bit on */

struct fake_table {
	struct {
		struct ip_prefix prefix;
		uint32_t value; /* trie: tunnel and share; kernel: MTU; closed: tunnel */
	} rows[FAKE_MAX];
	unsigned int count;
};

struct fake_device {
	char name[16];
	struct link_device is; /* ifindex 0: it is not there */
	bool closed;           /* nothing that comes by its name is forwarded */
	bool detached;         /* somebody has taken our programs off */
	bool unattachable;
	bool gone_since; /* and may be there again */
	bool no_way;
	bool strict; /* its reverse path filter */
};

static struct fake_plane {
	struct fake_table trie, kernel, closed;
	struct fake_table unreachable; /* routes of the kernel's table that lead nowhere */
	struct route_share shares[SLUICE_MAX_SHARES];
	struct ip_prefix not_taken; /* the kernel refuses it */
	unsigned int installs;      /* into the kernel's table */
	/* Whether the kernel's table may be without that prefix while it is not closed; NULL: whoever wants. */
	bool (*may_open)(const struct ip_prefix *p);

	struct tunnel_record tunnels[SLUICE_MAX_TUNNELS];
	char site_names[SLUICE_MAX_SITES][SITE_NAME_SIZE];
	struct bucket_rate site_rates[SLUICE_DIRECTIONS][SLUICE_MAX_SITES];
	struct bucket_rate tunnel_rates[SLUICE_DIRECTIONS][SLUICE_MAX_TUNNELS];
	struct bucket_rate aggregate[SLUICE_DIRECTIONS];
	struct site_stats site_stats[SLUICE_DIRECTIONS][SLUICE_MAX_SITES];
	struct tunnel_stats tunnel_stats[SLUICE_MAX_TUNNELS];
	uint64_t ike_more; /* packets of IKE that XDP has let through, beside a few */
	struct strange_session strange[SLUICE_MAX_TUNNELS];
	double aggregate_used;
	unsigned int workers_ended;
	struct source_entry sources[FAKE_MAX];
	size_t source_count;
	uint32_t services[SLUICE_MAX_SERVICES];
	uint32_t service_count;

	struct fake_device devices[FAKE_DEVICES];
	struct host_address addresses[FAKE_MAX]; /* of all devices, the inside one's too */
	size_t address_count;
	struct ip_addr source[2];
	enum link_found inside; /* LINK_GONE: until it is made again */
	bool inside_detached, inside_unmakeable;
	bool settings_wrong, settings_fixed; /* forwarding is off; and cannot be switched on */
	struct ip_prefix by_device[4];       /* what others have routed by an outside device */
	size_t by_device_count;
	bool by_device_unread;
	struct ip_prefix connected[8];
	size_t connected_count;
	bool connected_unread;
	uint32_t interfaces[SLUICE_MAX_TUNNELS], interface_mtu[SLUICE_MAX_TUNNELS];
	bool no_interfaces;
} fake;

static inline int fake_find(const struct fake_table *t, const struct ip_prefix *p)
{
	for (unsigned int i = 0; i < t->count; i++) {
		if (prefix_equal(&t->rows[i].prefix, p))
			return (int)i;
	}
	return -1;
}

static inline bool fake_set(struct fake_table *t, const struct ip_prefix *p, uint32_t value)
{
	int i = fake_find(t, p);

	assert_true(i >= 0 || t->count < FAKE_MAX);
	if (i < 0)
		i = (int)t->count++;
	t->rows[i].prefix = *p;
	t->rows[i].value = value;
	return true;
}

static inline bool fake_del(struct fake_table *t, const struct ip_prefix *p)
{
	int i = fake_find(t, p);

	if (i >= 0)
		t->rows[i] = t->rows[--t->count];
	return i >= 0;
}

static inline struct fake_table *fake_table_of(const struct fib_route *r)
{
	return r->closed ? &fake.unreachable : &fake.kernel;
}

static inline struct fake_device *fake_device(const char *name)
{
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (!strcmp(fake.devices[i].name, name))
			return &fake.devices[i];
	}
	return NULL;
}

/* ---- the tries ---- */

size_t maps_routes_set(struct maps *m, struct fib_route *routes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		fake_set(
			&fake.trie, &routes[i].prefix, routes[i].tunnel | routes[i].share << SHARE);
	return 0;
}

size_t maps_routes_del(struct maps *m, struct fib_route *routes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++) {
		assert_true(fake_find(&fake.kernel, &routes[i].prefix) < 0); /* the kernel first */
		routes[i].failed = !fake_del(&fake.trie, &routes[i].prefix);
	}
	return 0;
}

size_t maps_closed_set(struct maps *m, struct fib_route *prefixes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		fake_set(&fake.closed, &prefixes[i].prefix, prefixes[i].tunnel);
	return 0;
}

size_t maps_closed_del(struct maps *m, struct fib_route *prefixes, size_t count)
{
	(void)m;
	for (size_t i = 0; i < count; i++)
		assert_true(fake_del(&fake.closed, &prefixes[i].prefix));
	return 0;
}

bool maps_route_set(struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	(void)m;
	return fake_set(&fake.trie, prefix, tunnel | share << SHARE);
}

bool maps_share_set(struct maps *m, uint32_t share, const struct route_share *value)
{
	(void)m;
	for (unsigned int i = 0; i < fake.trie.count; i++) /* whoever has it would be led astray */
		assert_int_not_equal(fake.trie.rows[i].value >> SHARE, share);
	fake.shares[share] = *value;
	return true;
}

bool maps_route_del(struct maps *m, const struct ip_prefix *prefix)
{
	(void)m;
	return fake_del(&fake.trie, prefix);
}

bool maps_route_leads(
	struct maps *m, const struct ip_prefix *prefix, uint32_t tunnel, uint32_t share)
{
	int i = fake_find(&fake.trie, prefix);

	(void)m;
	return i >= 0 && fake.trie.rows[i].value == (tunnel | share << SHARE);
}

/* ---- records, limits and counters ---- */

struct maps *maps_new(const struct bpf_plane *plane)
{
	(void)plane;
	return (struct maps *)&fake;
}

void maps_free(struct maps *m)
{
	(void)m;
}

bool maps_tunnel_set(struct maps *m, uint32_t tunnel, const struct tunnel_record *record)
{
	(void)m;
	fake.tunnels[tunnel] = *record;
	return true;
}

bool maps_site_set(struct maps *m, uint32_t site, const char *name, uint32_t asn)
{
	(void)m, (void)asn;
	snprintf(fake.site_names[site], SITE_NAME_SIZE, "%s", name ? name : "");
	return true;
}

void maps_site_rate_set(struct maps *m, enum sluice_direction direction, uint32_t site,
	const struct bucket_rate *rate)
{
	(void)m;
	fake.site_rates[direction][site] = *rate;
}

void maps_tunnel_rate_set(struct maps *m, enum sluice_direction direction, uint32_t tunnel,
	const struct bucket_rate *rate)
{
	(void)m;
	fake.tunnel_rates[direction][tunnel] = *rate;
}

void maps_aggregate_rate_set(
	struct maps *m, enum sluice_direction direction, const struct bucket_rate *rate)
{
	(void)m;
	fake.aggregate[direction] = *rate;
}

double maps_aggregate_used(const struct maps *m, enum sluice_direction direction, uint64_t now)
{
	(void)m, (void)direction, (void)now;
	return fake.aggregate_used;
}

bool maps_offered(struct maps *m, enum sluice_direction direction, uint32_t around, uint64_t *bytes,
	uint32_t count)
{
	(void)m, (void)around;
	for (uint32_t i = 0; i < count; i++)
		bytes[i] = fake.site_stats[direction][i].offered.bytes;
	return true;
}

void maps_site_stats(
	struct maps *m, enum sluice_direction direction, uint32_t site, struct site_stats *stats)
{
	(void)m;
	*stats = fake.site_stats[direction][site];
}

void maps_tunnel_stats(struct maps *m, uint32_t tunnel, struct tunnel_stats *stats)
{
	(void)m;
	*stats = fake.tunnel_stats[tunnel];
}

void maps_strange_session(struct maps *m, uint32_t tunnel, struct strange_session *s)
{
	(void)m;
	*s = fake.strange[tunnel];
}

void maps_outside_stats(struct maps *m, struct outside_stats *stats)
{
	(void)m;
	*stats = (struct outside_stats){
		.ike_passed = {3 + fake.ike_more, 300 + 100 * fake.ike_more}};
}

void maps_inside_stats(struct maps *m, struct inside_stats *stats)
{
	(void)m;
	*stats = (struct inside_stats){0};
}

void maps_inside_ring_drops_set(struct maps *m, uint64_t packets)
{
	(void)m, (void)packets;
}

void maps_workers_ended(struct maps *m)
{
	(void)m;
	fake.workers_ended++;
}

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

uint64_t link_ring_drops(const struct link *l)
{
	(void)l;
	return 0;
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

/* ---- the host ---- */

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

	if (d)
		d->closed = closed;
	return d;
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

/* ---- programs ---- */

struct bpf_plane *bpf_plane_load(
	const struct bpf_options *options, char error[DATAPLANE_ERROR_SIZE])
{
	(void)options, (void)error;
	return (struct bpf_plane *)&fake;
}

void bpf_plane_free(struct bpf_plane *plane)
{
	(void)plane;
}

static uint32_t fake_outside[SLUICE_MAX_OUTSIDE]; /* ifindex that the plane knows of each */

bool bpf_plane_attach_outside(struct bpf_plane *plane, uint32_t outside, const char **mode,
	char error[DATAPLANE_ERROR_SIZE])
{
	(void)plane;
	if (fake.devices[outside].unattachable) {
		snprintf(error, DATAPLANE_ERROR_SIZE, "XDP is refused");
		return false;
	}
	fake.devices[outside].detached = false;
	*mode = "native";
	return true;
}

void bpf_plane_move_outside(struct bpf_plane *plane, uint32_t outside, uint32_t ifindex)
{
	(void)plane;
	assert_true(fake.devices[outside]
			    .closed); /* before programs are let go, until they are on again */
	fake_outside[outside] = ifindex;
}

bool bpf_plane_outside_holds(struct bpf_plane *plane, uint32_t outside)
{
	(void)plane;
	return !fake.devices[outside].detached;
}

bool bpf_plane_inside_holds(const struct bpf_plane *plane, uint32_t ifindex)
{
	(void)plane, (void)ifindex;
	return !fake.inside_detached;
}

bool bpf_plane_attach_inside(struct bpf_plane *plane, uint32_t ifindex, const char **mode,
	char error[DATAPLANE_ERROR_SIZE])
{
	(void)plane, (void)error;
	assert_int_equal(ifindex, FAKE_INSIDE);
	fake.inside_detached = false;
	*mode = "tcx";
	return true;
}

bool bpf_plane_attach_interface(struct bpf_plane *plane, uint32_t ifindex, uint32_t tunnel,
	char error[DATAPLANE_ERROR_SIZE])
{
	(void)plane, (void)ifindex, (void)tunnel, (void)error;
	return true;
}

void bpf_plane_interface_forget(struct bpf_plane *plane, uint32_t ifindex)
{
	(void)plane, (void)ifindex;
}

int bpf_plane_steer_fd(const struct bpf_plane *plane)
{
	(void)plane;
	return -1;
}

int bpf_plane_map_fd(const struct bpf_plane *plane, enum data_map map)
{
	(void)plane, (void)map;
	return STDIN_FILENO;
}

uint32_t bpf_plane_map_value_size(const struct bpf_plane *plane, enum data_map map)
{
	(void)plane, (void)map;
	return 8;
}

uint32_t bpf_plane_map_entries(const struct bpf_plane *plane, enum data_map map)
{
	(void)plane, (void)map;
	return 1;
}

/* ---- what sites may send ---- */

void source_set_add(
	struct source_set *s, uint32_t list, uint32_t group, const struct ip_prefix *prefix)
{
	if (s->count == s->room) {
		s->room = s->room * 2 + 8;
		s->entries = realloc(s->entries, s->room * sizeof(*s->entries));
		assert_non_null(s->entries);
	}
	s->entries[s->count++] = (struct source_entry){list, group, *prefix};
}

void source_set_fini(struct source_set *s)
{
	free(s->entries);
	*s = (struct source_set){0};
}

size_t source_set_replace(
	const struct bpf_plane *plane, struct source_set *was, struct source_set *own_now)
{
	(void)plane;
	assert_true(own_now->count <= FAKE_MAX);
	source_set_fini(was);
	*was = *own_now;
	*own_now = (struct source_set){0};
	fake.source_count = was->count;
	if (was->count)
		memcpy(fake.sources, was->entries, was->count * sizeof(fake.sources[0]));
	return 0;
}

bool source_services_set(const struct bpf_plane *plane, const uint32_t *services, uint32_t count)
{
	(void)plane;
	if (count)
		memcpy(fake.services, services, count * sizeof(fake.services[0]));
	fake.service_count = count;
	return true;
}

/* Whether TC knows the prefix as one of that list: a site's slot, or SLUICE_OWNERS. */
static inline bool fake_source(uint32_t list, const struct ip_prefix *p)
{
	for (size_t i = 0; i < fake.source_count; i++) {
		if (fake.sources[i].list == list && prefix_equal(&fake.sources[i].prefix, p))
			return true;
	}
	return false;
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
