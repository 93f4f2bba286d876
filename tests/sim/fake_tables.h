/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as hub sees it through user/dataplane, as tables that a test fills and looks at (fake_plane.h has the
 * functions).
 */
#ifndef TESTS_SIM_FAKE_TABLES_H
#define TESTS_SIM_FAKE_TABLES_H

#include "dataplane/bpf.h"
#include "dataplane/connected.h"
#include "dataplane/half_open.h"
#include "dataplane/host.h"
#include "dataplane/link.h"
#include "dataplane/maps.h"
#include "dataplane/source.h"
#include "dataplane/xfrmi.h"
#include "state/site.h"

#include <linux/rtnetlink.h>
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
	bool unruly;           /* and that cannot be changed now */
	bool detached;         /* somebody has taken our programs off */
	bool unattachable, unguardable;
	bool gone_since; /* and may be there again */
	bool guarded;    /* what leaves by it is looked at */
	bool no_way;
	bool strict; /* its reverse path filter */
};

static struct fake_plane {
	struct fake_table trie, kernel, closed;
	uint32_t table;                   /* of sites' routes; 0, or main: `kernel` */
	struct fake_table elsewhere;      /* they are in another one */
	struct fake_table unreachable[2]; /* routes of the one and the other that lead nowhere */
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
	uint32_t outside[SLUICE_MAX_OUTSIDE];    /* ifindex that the plane was told of each */
	struct host_address addresses[FAKE_MAX]; /* of all devices, the inside one's too */
	size_t address_count;
	struct ip_addr source[2];
	enum link_found inside; /* LINK_GONE: until it is made again */
	bool inside_detached, inside_unmakeable;
	bool settings_wrong, settings_fixed; /* forwarding is off; and cannot be switched on */
	struct ip_prefix by_device[4];       /* what others have routed by an outside device */
	size_t by_device_count;
	bool by_device_unread;
	struct ip_addr half_open[4]; /* whose SYN was answered and not acknowledged */
	size_t half_open_count;
	struct ip_prefix connected[8];
	size_t connected_count;
	bool connected_unread;
	uint32_t interfaces[SLUICE_MAX_TUNNELS], interface_mtu[SLUICE_MAX_TUNNELS];
	bool no_interfaces;
	struct bpf_live live; /* what the programs were told last */
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
	bool away = fake.table != RT_TABLE_MAIN && fake.table;

	if (r->closed)
		return &fake.unreachable[away];
	return away && !r->inside ? &fake.elsewhere : &fake.kernel;
}

static inline struct fake_device *fake_device(const char *name)
{
	for (int i = 0; i < FAKE_DEVICES; i++) {
		if (!strcmp(fake.devices[i].name, name))
			return &fake.devices[i];
	}
	return NULL;
}

#endif
