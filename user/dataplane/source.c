/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/source.h"

#include <bpf/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LIST_BITS 32 /* of the list's number, in front of the address */

void source_set_add(
	struct source_set *s, uint32_t list, uint32_t group, const struct ip_prefix *prefix)
{
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct source_entry *more = realloc(s->entries, room * sizeof(*more));

		if (!more)
			abort();
		s->entries = more;
		s->room = room;
	}
	s->entries[s->count++] = (struct source_entry){list, group, *prefix};
}

void source_set_fini(struct source_set *s)
{
	free(s->entries);
	*s = (struct source_set){0};
}

static int by_key(const void *a, const void *b)
{
	const struct source_entry *x = a, *y = b;

	if (x->list != y->list)
		return x->list < y->list ? -1 : 1;
	return prefix_compare(&x->prefix, &y->prefix);
}

static int by_key_and_group(const void *a, const void *b)
{
	const struct source_entry *x = a, *y = b;
	int order = by_key(a, b);

	/* The hub, which has the highest number, goes before all sites. */
	return order ? order : x->group + 1 < y->group + 1 ? -1 : x->group + 1 > y->group + 1;
}

static void sort(struct source_set *s)
{
	size_t kept = 0;

	if (!s->count)
		return;
	qsort(s->entries, s->count, sizeof(*s->entries), by_key_and_group);
	for (size_t i = 1; i < s->count; i++) {
		if (by_key(&s->entries[kept], &s->entries[i]))
			s->entries[++kept] = s->entries[i];
	}
	s->count = kept + 1;
}

static bool write_entry(const struct bpf_plane *plane, const struct source_entry *e, bool present)
{
	struct source_owner owner = {.group = e->group, .len = e->prefix.len};
	bool v4 = e->prefix.addr.family == AF_INET;
	struct source4_key k4 = {.prefix_len = LIST_BITS + e->prefix.len, .list = e->list};
	struct source6_key k6 = {.prefix_len = LIST_BITS + e->prefix.len, .list = e->list};
	int fd = bpf_plane_map_fd(plane, v4 ? DATA_MAP_SOURCES4 : DATA_MAP_SOURCES6);

	memcpy(k4.address, e->prefix.addr.bytes, sizeof(k4.address));
	memcpy(k6.address, e->prefix.addr.bytes, sizeof(k6.address));
	if (!present)
		return !bpf_map_delete_elem(fd, v4 ? (void *)&k4 : (void *)&k6);
	return !bpf_map_update_elem(fd, v4 ? (void *)&k4 : (void *)&k6, &owner, BPF_ANY);
}

size_t source_set_replace(
	const struct bpf_plane *plane, struct source_set *was, struct source_set *own_now)
{
	struct source_set *now = own_now;
	size_t failed = 0, i = 0, k = 0;

	sort(now);
	/* Both sets are sorted: an entry that only one of them has is written or removed. */
	while (i < was->count || k < now->count) {
		int order = i == was->count   ? 1
			    : k == now->count ? -1
					      : by_key(&was->entries[i], &now->entries[k]);

		if (order < 0)
			(void)write_entry(plane, &was->entries[i], false);
		else if (order > 0 || was->entries[i].group != now->entries[k].group)
			failed += !write_entry(plane, &now->entries[k], true);
		i += order <= 0;
		k += order >= 0;
	}
	bpf_plane_sources_changed(plane);
	source_set_fini(was);
	*was = *now;
	*now = (struct source_set){0};
	return failed;
}

static bool is_among(uint32_t service, const uint32_t *services, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (services[i] == service)
			return true;
	}
	return false;
}

bool source_services_set(const struct bpf_plane *plane, const uint32_t *services, uint32_t count)
{
	int fd = bpf_plane_map_fd(plane, DATA_MAP_SERVICES);
	uint32_t gone[SLUICE_MAX_SERVICES], gone_count = 0, key, *last = NULL;
	uint8_t present = 1;
	bool ok = true;

	/* What goes first, so that there is room. */
	while (gone_count < SLUICE_MAX_SERVICES && !bpf_map_get_next_key(fd, last, &key)) {
		gone[gone_count] = key;
		last = &gone[gone_count++];
	}
	for (uint32_t i = 0; i < gone_count; i++) {
		if (!is_among(gone[i], services, count))
			(void)bpf_map_delete_elem(fd, &gone[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		ok &= !bpf_map_update_elem(fd, &services[i], &present, BPF_ANY);
	return ok;
}
