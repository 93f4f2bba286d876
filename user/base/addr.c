/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned int addr_len(const struct ip_addr *a)
{
	return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

unsigned int addr_bits(const struct ip_addr *a)
{
	return addr_len(a) * 8;
}

int addr_compare(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return addr_compare(a, b) == 0;
}

bool endpoint_equal(const struct ip_endpoint *a, const struct ip_endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

struct ip_addr addr_from_bytes(int family, const void *bytes)
{
	struct ip_addr a = {.family = (uint8_t)family};

	memcpy(a.bytes, bytes, addr_len(&a));
	return a;
}

bool addr_parse(const char *text, struct ip_addr *a)
{
	uint8_t bytes[16];
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	if (inet_pton(family, text, bytes) != 1)
		return false;
	*a = addr_from_bytes(family, bytes);
	return true;
}

struct ip_prefix prefix_make(const struct ip_addr *a, unsigned int len)
{
	struct ip_prefix p = {.addr = *a, .len = (uint8_t)len};
	unsigned int bytes = addr_len(a);

	if (len / 8 < bytes) {
		p.addr.bytes[len / 8] &= (uint8_t) ~(0xffu >> len % 8);
		memset(p.addr.bytes + len / 8 + 1, 0, bytes - len / 8 - 1);
	}
	return p;
}

struct ip_prefix addr_network(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == AF_INET6 && memcmp(a->bytes, mapped, sizeof(mapped)) != 0)
		return prefix_make(a, 64);
	return prefix_make(a, addr_bits(a));
}

bool prefix_parse(const char *text, struct ip_prefix *p)
{
	char head[ADDR_STR_SIZE];
	struct ip_addr a;
	const char *slash = strchr(text, '/');
	char *end;

	if (!slash || (size_t)(slash - text) >= sizeof(head))
		return false;
	memcpy(head, text, (size_t)(slash - text));
	head[slash - text] = '\0';
	if (slash[1] < '0' || slash[1] > '9')
		return false;

	unsigned long len = strtoul(slash + 1, &end, 10);

	if (*end || !addr_parse(head, &a) || len > addr_bits(&a))
		return false;

	struct ip_prefix made = prefix_make(&a, (unsigned int)len);

	if (!addr_equal(&made.addr, &a))
		return false;
	*p = made;
	return true;
}

bool prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	unsigned int bytes = p->len / 8, bits = p->len % 8;

	return p->addr.family == a->family && !memcmp(p->addr.bytes, a->bytes, bytes) &&
	       (!bits || !((p->addr.bytes[bytes] ^ a->bytes[bytes]) >> (8 - bits)));
}

bool prefix_covers(const struct ip_prefix *outer, const struct ip_prefix *inner)
{
	return inner->len >= outer->len && prefix_contains(outer, &inner->addr);
}

bool prefix_equal(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

int prefix_compare(const struct ip_prefix *a, const struct ip_prefix *b)
{
	int order = addr_compare(&a->addr, &b->addr);

	return order ? order : (int)a->len - (int)b->len;
}

bool prefix_rule_parse(const char *text, struct prefix_rule *r)
{
	static const char between[] = " le ";
	const char *le = strstr(text, between);
	size_t len = le ? (size_t)(le - text) : strlen(text);
	char head[PREFIX_STR_SIZE];
	struct prefix_rule fresh = {0};

	if (len >= sizeof(head))
		return false;
	memcpy(head, text, len);
	head[len] = '\0';
	if (!prefix_parse(head, &fresh.prefix))
		return false;
	fresh.longest = fresh.prefix.len;
	if (le) {
		char *end;
		const char *digits = le + sizeof(between) - 1;
		unsigned long n = strtoul(digits, &end, 10);

		if (*digits < '0' || *digits > '9' || *end || n < fresh.prefix.len ||
			n > addr_bits(&fresh.prefix.addr))
			return false;
		fresh.longest = (uint8_t)n;
	}
	*r = fresh;
	return true;
}

bool prefix_rules_permit(
	const struct prefix_rule *rules, unsigned int count, const struct ip_prefix *p)
{
	for (unsigned int i = 0; i < count; i++) {
		if (p->len <= rules[i].longest && prefix_covers(&rules[i].prefix, p))
			return true;
	}
	return false;
}

const char *addr_format(const struct ip_addr *a, char text[ADDR_STR_SIZE])
{
	if (!addr_is_set(a) || !inet_ntop(a->family, a->bytes, text, ADDR_STR_SIZE))
		strcpy(text, "-");
	return text;
}

const char *prefix_format(const struct ip_prefix *p, char text[PREFIX_STR_SIZE])
{
	char a[ADDR_STR_SIZE];

	if (addr_is_set(&p->addr))
		snprintf(text, PREFIX_STR_SIZE, "%s/%u", addr_format(&p->addr, a), p->len);
	else
		strcpy(text, "-");
	return text;
}

const char *endpoint_format(const struct ip_endpoint *e, char text[ENDPOINT_STR_SIZE])
{
	char a[ADDR_STR_SIZE];
	const char *form = e->addr.family == AF_INET6 ? "[%s]:%u" : "%s:%u";

	if (addr_is_set(&e->addr))
		snprintf(text, ENDPOINT_STR_SIZE, form, addr_format(&e->addr, a), e->port);
	else
		strcpy(text, "-");
	return text;
}

socklen_t endpoint_to_sockaddr(const struct ip_endpoint *e, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof(*ss));
	if (e->addr.family == AF_INET) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(e->port)};

		memcpy(&in.sin_addr, e->addr.bytes, 4);
		memcpy(ss, &in, sizeof(in));
		return sizeof(in);
	}

	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};

	memcpy(&in6.sin6_addr, e->addr.bytes, 16);
	memcpy(ss, &in6, sizeof(in6));
	return sizeof(in6);
}

bool endpoint_from_sockaddr(const struct sockaddr_storage *ss, struct ip_endpoint *e)
{
	if (ss->ss_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, ss, sizeof(in));
		e->addr = addr_from_bytes(AF_INET, &in.sin_addr);
		e->port = ntohs(in.sin_port);
		return true;
	}
	if (ss->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, ss, sizeof(in6));
		e->addr = addr_from_bytes(AF_INET6, &in6.sin6_addr);
		e->port = ntohs(in6.sin6_port);
		return true;
	}
	return false;
}
