/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses, prefixes and endpoints of both families, with their text forms. */
#ifndef SLUICE_BASE_ADDR_H
#define SLUICE_BASE_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_STR_SIZE     46 /* longest IPv6 text and its NUL */
#define PREFIX_STR_SIZE   50
#define ENDPOINT_STR_SIZE 56 /* [v6]:port */

/* An IP address. An IPv4 address uses the first 4 bytes, the rest is zero: equality is memcmp. */
struct ip_addr {
	uint8_t family; /* AF_INET, AF_INET6, or 0 for "none" */
	uint8_t bytes[16];
};

/* A prefix; host bits are zero. */
struct ip_prefix {
	struct ip_addr addr;
	uint8_t len; /* bits */
};

/* A prefix, and those within it up to a length; that of the prefix: it alone. */
struct prefix_rule {
	struct ip_prefix prefix;
	uint8_t longest;
};

/* An address and a UDP or TCP port in host order. */
struct ip_endpoint {
	struct ip_addr addr;
	uint16_t port;
};

/* 32 for IPv4, 128 for IPv6, 0 for none. */
unsigned int addr_bits(const struct ip_addr *a);

/* 4, 16 or 0. */
unsigned int addr_len(const struct ip_addr *a);

static inline bool addr_is_set(const struct ip_addr *a)
{
	return a->family != 0;
}

bool addr_equal(const struct ip_addr *a, const struct ip_addr *b);

/* Orders by family, then bytes as an unsigned number: <0, 0, >0. */
int addr_compare(const struct ip_addr *a, const struct ip_addr *b);

bool endpoint_equal(const struct ip_endpoint *a, const struct ip_endpoint *b);

/* Builds an address of `family` from addr_len bytes in network order. */
struct ip_addr addr_from_bytes(int family, const void *bytes);

/* Reads a numeric address. False leaves *a untouched. */
bool addr_parse(const char *text, struct ip_addr *a);

/* Reads "address/length"; host bits must be zero. False leaves *p untouched. */
bool prefix_parse(const char *text, struct ip_prefix *p);

/* The prefix of `len` bits that contains a (host bits cleared). */
struct ip_prefix prefix_make(const struct ip_addr *a, unsigned int len);

/*
 * What one host may choose its address of: of IPv6 all of a /64, of IPv4, also where it came over IPv6 (RFC 4291 2.5.5.2),
 * one address.
 */
struct ip_prefix addr_network(const struct ip_addr *a);

/* Whether the address lies within the prefix; false when the families differ. */
bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);

/* True when every address of inner is one of outer. */
bool prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner);

/* Whether both are the same family, address and length; and the order of a sort: family, address, length. */
bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b);
int prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b);

/* Reads "ADDRESS/LENGTH" or "ADDRESS/LENGTH le N", N from the length up. False leaves *r untouched. */
bool prefix_rule_parse(const char *text, struct prefix_rule *r);
/* Whether one of the rules is about the prefix. */
bool prefix_rules_permit(
	const struct prefix_rule *rules, unsigned int count, const struct ip_prefix *p);

/* Text forms; return `text`, which has the size named above. Unset gives "-". */
const char *addr_format(const struct ip_addr *a, char text[ADDR_STR_SIZE]);
const char *prefix_format(const struct ip_prefix *p, char text[PREFIX_STR_SIZE]);
const char *endpoint_format(const struct ip_endpoint *e, char text[ENDPOINT_STR_SIZE]);

/* Conversions to and from the socket API; ports in host order. addr_to_sockaddr returns the length. */
socklen_t endpoint_to_sockaddr(const struct ip_endpoint *e, struct sockaddr_storage *ss);
bool endpoint_from_sockaddr(const struct sockaddr_storage *ss, struct ip_endpoint *e);

#endif
