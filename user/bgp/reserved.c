/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/reserved.h"

#include <sys/socket.h>

static const struct ip_prefix martians[] = {
	{{AF_INET, {0}}, 8},
	{{AF_INET, {127}}, 8},
	{{AF_INET, {169, 254}}, 16}, /* inside addresses of tunnels too */
	{{AF_INET, {224}}, 3},       /* multicast; 240/4 and the broadcast address */
	{{AF_INET6, {0}}, 127},      /* :: and ::1 */
	{{AF_INET6, {[10] = 0xff, [11] = 0xff}}, 96},
	{{AF_INET6, {0xfe, 0x80}}, 10},
	{{AF_INET6, {0xff}}, 8},
};

const struct ip_prefix *reserved_martians(size_t *count)
{
	*count = sizeof(martians) / sizeof(martians[0]);
	return martians;
}

void reserved_clear(struct reserved *r)
{
	claims_clear(&r->outside);
	claims_clear(&r->connected);
}

void reserved_fini(struct reserved *r)
{
	claims_fini(&r->outside);
	claims_fini(&r->connected);
}

size_t reserved_count(const struct reserved *r)
{
	return r->outside.count + r->connected.count;
}

bool reserved_add(struct reserved *r, enum reserved_kind kind, const struct ip_prefix *prefix)
{
	unsigned int bits = addr_bits(&prefix->addr);
	struct ip_prefix clean;

	if (!bits || !prefix->len || prefix->len > bits || reserved_count(r) >= RESERVED_MAX)
		return false;
	clean = prefix_make(&prefix->addr, prefix->len);
	if (kind == RESERVED_OUTSIDE && prefix->len == bits)
		claims_add(&r->outside, &clean, 0);
	else if (kind == RESERVED_CONNECTED)
		claims_add(&r->connected, &clean, 0);
	else
		return false;
	return true;
}

void reserved_sort(struct reserved *r)
{
	claims_sort(&r->outside);
	claims_sort(&r->connected);
	claims_unite(&r->outside);
	claims_unite(&r->connected);
}

struct reserved_fact reserved_at(const struct reserved *r, size_t i)
{
	if (i < r->outside.count)
		return (struct reserved_fact){r->outside.items[i].prefix, RESERVED_OUTSIDE};
	return (struct reserved_fact){
		r->connected.items[i - r->outside.count].prefix, RESERVED_CONNECTED};
}

bool reserved_equal(const struct reserved *a, const struct reserved *b)
{
	return claims_same_prefixes(&a->outside, &b->outside) &&
	       claims_same_prefixes(&a->connected, &b->connected);
}

enum reserved_kind reserved_find(const struct reserved *r, const struct ip_prefix *prefix)
{
	if (!prefix->len)
		return RESERVED_NONE;
	for (size_t i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
		if (prefix_covers(&martians[i], prefix))
			return RESERVED_MARTIAN;
	}
	if (claims_lie_within(&r->outside, prefix))
		return RESERVED_OUTSIDE;
	return claims_find(&r->connected, prefix) ? RESERVED_CONNECTED : RESERVED_NONE;
}

const char *reserved_reason(enum reserved_kind kind)
{
	static const char *const reasons[RESERVED_KINDS] = {
		[RESERVED_NONE] = "it is not reserved",
		[RESERVED_OUTSIDE] = "it covers an outside address of the hub or of a site: "
				     "outer packets would go astray, or fail the kernel's "
				     "reverse path check",
		[RESERVED_CONNECTED] =
			"it lies within a network that the hub is connected to, or is its next hop",
		[RESERVED_MARTIAN] = "such addresses are never forwarded",
	};

	return kind < RESERVED_KINDS ? reasons[kind] : "?";
}
