/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path attributes: RFC 4271 5 with the error classes of RFC 7606. A draft is what one UPDATE said;
 * struct attrs is what the RIB keeps: the attributes that matter to others, interned, so that paths
 * with equal attributes share one.
 */
#ifndef SLUICE_BGP_ATTR_H
#define SLUICE_BGP_ATTR_H

#include "base/addr.h"
#include "base/wire.h"
#include "bgp/message.h"

#include <stdbool.h>
#include <stdint.h>

#define ATTR_PATH_HOPS_MAX   254  /* ASes of a path that is accepted */
#define ATTR_PATH_ACCEPT_MAX 1084 /* bytes of its segments, four octets each */
#define ATTR_PATH_BYTES_MAX  1100 /* the same with own ASes in front */
/* Bytes of all attributes that are kept: with this, what came in fits into one UPDATE going out,
 * prepended, with room for prefixes. A path with more is treated as withdrawn. */
#define ATTR_BYTES_MAX 1536
#define ATTR_OTHER_MAX 512 /* bytes of unknown transitive attributes that are passed on */

enum attr_type {
	ATTR_ORIGIN = 1,
	ATTR_AS_PATH = 2,
	ATTR_NEXT_HOP = 3,
	ATTR_MED = 4,
	ATTR_LOCAL_PREF = 5,
	ATTR_ATOMIC_AGGREGATE = 6,
	ATTR_AGGREGATOR = 7,
	ATTR_COMMUNITIES = 8,
	ATTR_ORIGINATOR_ID = 9,
	ATTR_CLUSTER_LIST = 10,
	ATTR_MP_REACH = 14,
	ATTR_MP_UNREACH = 15,
	ATTR_EXT_COMMUNITIES = 16,
	ATTR_AS4_PATH = 17,
	ATTR_AS4_AGGREGATOR = 18,
	ATTR_LARGE_COMMUNITIES = 32,
	ATTR_TYPES = 33, /* rows of the table; types above are not known */
};

enum attr_origin {
	ORIGIN_IGP,
	ORIGIN_EGP,
	ORIGIN_INCOMPLETE,
};

enum as_segment {
	AS_SET = 1,
	AS_SEQUENCE = 2,
};

#define COMMUNITY_NO_EXPORT           0xffffff01u /* RFC 1997 */
#define COMMUNITY_NO_ADVERTISE        0xffffff02u
#define COMMUNITY_NO_EXPORT_SUBCONFED 0xffffff03u

/* What an error means, RFC 7606 2, from weak to strong. */
enum attr_error {
	ATTR_FINE,
	ATTR_DISCARD,  /* the attribute is left out */
	ATTR_WITHDRAW, /* the routes of the UPDATE are treated as withdrawn */
	ATTR_RESET,    /* NOTIFICATION, the session ends */
};

struct attr_span {
	const uint8_t *p; /* into the message */
	uint16_t len;
};

struct attr_aggregator {
	uint32_t as; /* 0: none */
	uint32_t id;
};

/* Path segments in wire form with four-octet AS numbers. */
struct as_path {
	uint16_t len;
	uint8_t bytes[ATTR_PATH_BYTES_MAX];
};

struct attr_draft {
	uint32_t seen[8]; /* bit per attribute type */
	uint8_t origin;
	bool has_med;
	bool atomic_aggregate;
	uint32_t med;
	struct ip_addr next_hop;
	struct attr_aggregator aggregator, as4_aggregator;
	struct as_path path, as4_path;
	struct attr_span communities, ext_communities, large_communities;
	uint16_t other_len;
	uint8_t other[ATTR_OTHER_MAX]; /* whole attributes, Partial set */
	struct {
		enum bgp_family family;
		bool known; /* the family is one that is spoken */
		struct ip_addr next_hop;
		struct attr_span nlri;
	} reach, unreach;
};

/* What the decoder needs to know of the session. */
struct attr_context {
	uint32_t remote_as;
	bool four_octet_as;
};

/* The strongest error of an attribute list, and what to send if it is ATTR_RESET. */
struct attr_result {
	enum attr_error error;
	uint8_t type;    /* the attribute it is about */
	uint8_t subcode; /* enum notify_update */
	struct attr_span data;
};

/* Interned. Never changed; freed with the last reference. */
struct attrs {
	struct attrs *next; /* in its hash chain */
	uint32_t hash;
	uint32_t references;
	uint32_t med;
	struct attr_aggregator aggregator;
	uint8_t origin;
	bool has_med;
	bool atomic_aggregate;
	uint8_t hops; /* RFC 4271 9.1.2.2 a: an AS_SET counts as one */
	uint16_t path_len, communities_len, ext_len, large_len, other_len;
	uint8_t bytes[]; /* path, communities, extended, large, other */
};

struct attr_store {
	struct attrs **chains;
	uint32_t size; /* a power of two */
	uint32_t used;
	uint64_t key;
};

/* How attributes leave: what the hub changes. */
struct attr_export {
	uint32_t local_as;
	uint32_t med;
	uint32_t override_as;     /* local_as takes its place in the path; 0: none */
	bool four_octet_as;       /* the peer understands four octets */
	struct ip_addr next_hop4; /* written as NEXT_HOP unless unset */
};

/* Reads an attribute list. *d is complete when the result is below ATTR_WITHDRAW. */
void attr_decode(struct rd list, const struct attr_context *context, struct attr_draft *d,
	struct attr_result *result);

static inline bool attr_was_seen(const struct attr_draft *d, enum attr_type type)
{
	return d->seen[type / 32] & 1u << type % 32;
}

/* Writes an attribute list as of an eBGP neighbour: own AS prepended, own MED, own next hop. */
void attr_encode(const struct attrs *a, const struct attr_export *x, struct wr *w);

/* MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760 3, 4) with prefixes already in wire form. */
void attr_encode_reach(struct wr *w, enum bgp_family family, const struct ip_addr *next_hop,
	const uint8_t *nlri, size_t len);
void attr_encode_unreach(struct wr *w, enum bgp_family family, const uint8_t *nlri, size_t len);

const char *attr_name(unsigned int type);

/* `key`: random, so that no peer chooses attributes that are searched for in one chain. */
void attr_store_init(struct attr_store *s, uint64_t key);
void attr_store_fini(struct attr_store *s);

/* A reference to attributes equal to the draft's. NULL: more bytes than ATTR_BYTES_MAX. */
struct attrs *attr_intern(struct attr_store *s, const struct attr_draft *d);
struct attrs *attr_ref(struct attrs *a);
void attr_unref(struct attr_store *s, struct attrs *a);

/* ---- AS paths ---- */

/* Copies the ASes in order, at most `max`; returns how many the path has. */
unsigned int attr_path_list(const struct attrs *a, uint32_t *as, unsigned int max);
unsigned int attr_path_count(const struct attrs *a, uint32_t as);

/* The neighbouring AS and the one that originated the route; 0 for an empty path or an AS_SET. */
uint32_t attr_path_first(const struct attrs *a);
uint32_t attr_path_origin(const struct attrs *a);

/* RFC 1997: one of the well-known communities that keep a route inside this AS. */
bool attr_stays_here(const struct attrs *a);

#endif
