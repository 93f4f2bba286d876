/* SPDX-License-Identifier: Apache-2.0 */
/* Values as the file would have them: what the readers take, they take again. */
#include "config/access.h"
#include "config/config.h"
#include "config/routing.h"
#include "config/values.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text that grows at its end and is cut off where there is no more room. */
__attribute__((format(printf, 3, 4))) static void add(
	char *text, size_t size, const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + n, size - n, format, args);
	va_end(args);
}

/* The largest unit of which it is a whole number. */
static void add_scaled(char *text, size_t size, uint64_t value, const char *const *suffixes)
{
	unsigned int u = 0;

	while (value && value % 1000 == 0 && suffixes[u + 1]) {
		value /= 1000;
		u++;
	}
	add(text, size, "%" PRIu64 "%s", value, suffixes[u]);
}

/* In quotes, between which a quote stands twice: whatever it is, YAML takes it for text. */
static void add_quoted(char *text, size_t size, const char *kind, const uint8_t *bytes, size_t len)
{
	add(text, size, "'%s", kind);
	for (size_t i = 0; i < len; i++)
		add(text, size, "%s%c", bytes[i] == '\'' ? "'" : "", bytes[i]);
	add(text, size, "'");
}

static bool is_text(const uint8_t *bytes, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len && n; i += n)
		n = utf8_printable(bytes + i, len - i);
	return n && (len < 2 || memcmp(bytes, "0x", 2) != 0);
}

void write_identity(const void *from, char *text, size_t size)
{
	static const char *const kinds[] = {[IKE_ID_FQDN] = "fqdn:",
		[IKE_ID_RFC822] = "rfc822:",
		[IKE_ID_DN] = "dn:",
		[IKE_ID_KEY_ID] = "keyid:"};
	const struct ike_identity *id = from;
	struct ip_addr a;

	if (id->type == IKE_ID_IPV4 || id->type == IKE_ID_IPV6) {
		a = addr_from_bytes(id->type == IKE_ID_IPV4 ? AF_INET : AF_INET6, id->bytes);
		write_address(&a, text, size);
	} else if (id->type == IKE_ID_KEY_ID && !is_text(id->bytes, id->len)) {
		add(text, size, "'keyid:0x");
		for (size_t i = 0; i < id->len; i++)
			add(text, size, "%02x", id->bytes[i]);
		add(text, size, "'");
	} else if (id->type) {
		add_quoted(text, size, kinds[id->type], id->bytes, id->len);
	}
}

void write_bool(const void *from, char *text, size_t size)
{
	add(text, size, "%s", *(const bool *)from ? "true" : "false");
}

void write_name(const void *from, char *text, size_t size)
{
	add(text, size, "%s", (const char *)from);
}

void write_secret_ref(const void *from, char *text, size_t size)
{
	write_name(from, text, size);
}

void write_key_ref(const void *from, char *text, size_t size)
{
	write_name(from, text, size);
}

void write_directory(const void *from, char *text, size_t size)
{
	write_name(from, text, size);
}

void write_asn(const void *from, char *text, size_t size)
{
	add(text, size, "%" PRIu32, *(const uint32_t *)from);
}

void write_address(const void *from, char *text, size_t size)
{
	char address[ADDR_STR_SIZE];

	add(text, size, "%s", addr_is_set(from) ? addr_format(from, address) : "any");
}

void write_router_id(const void *from, char *text, size_t size)
{
	if (addr_is_set(from))
		write_address(from, text, size);
}

void write_endpoint(const void *from, char *text, size_t size)
{
	const struct ip_endpoint *e = from;
	char endpoint[ENDPOINT_STR_SIZE];

	if (addr_is_set(&e->addr))
		add(text, size, "'%s'", endpoint_format(e, endpoint));
}

void write_endpoints(const void *from, char *text, size_t size)
{
	const struct concentrator_conf *c = from;
	char address[ADDR_STR_SIZE];

	add(text, size, "[");
	for (unsigned int e = 0; e < c->endpoint_count; e++) {
		add(text, size, "%s{device: %s, addresses: [", e ? ", " : "",
			c->endpoints[e].device);
		for (unsigned int a = 0; a < c->endpoints[e].address_count; a++)
			add(text, size, "%s'%s'", a ? ", " : "",
				addr_format(&c->endpoints[e].addresses[a], address));
		add(text, size, "]}");
	}
	add(text, size, "]");
}

static void write_prefixes(
	const struct ip_prefix *list, unsigned int count, char *text, size_t size)
{
	char prefix[PREFIX_STR_SIZE];

	add(text, size, "[");
	for (unsigned int i = 0; i < count; i++)
		add(text, size, "%s'%s'", i ? ", " : "", prefix_format(&list[i], prefix));
	add(text, size, "]");
}

static void write_prefix(const void *from, char *text, size_t size)
{
	const struct ip_prefix *p = from;
	char prefix[PREFIX_STR_SIZE];

	if (addr_is_set(&p->addr))
		add(text, size, "'%s'", prefix_format(p, prefix));
}

void write_inside4(const void *from, char *text, size_t size)
{
	write_prefix(from, text, size);
}

void write_inside6(const void *from, char *text, size_t size)
{
	write_prefix(from, text, size);
}

void write_networks(const void *from, char *text, size_t size)
{
	const struct networks_conf *n = from;

	write_prefixes(n->prefixes, n->count, text, size);
}

void write_static_routes(const void *from, char *text, size_t size)
{
	const struct site_conf *site = from;

	write_prefixes(site->statics.prefixes, site->statics.count, text, size);
}

void write_accept(const void *from, char *text, size_t size)
{
	const struct accept_conf *a = from;
	char prefix[PREFIX_STR_SIZE];

	add(text, size, "[");
	for (unsigned int i = 0; i < a->count; i++)
		add(text, size, "%s'%s le %u'", i ? ", " : "",
			prefix_format(&a->rules[i].prefix, prefix), a->rules[i].longest);
	add(text, size, "]");
}

/* Each is the range of a prefix: what differs between its ends is behind the length. */
void write_selectors(const void *from, char *text, size_t size)
{
	const struct selector_set *set = from;
	struct ip_prefix prefixes[SELECTORS_MAX];

	for (unsigned int i = 0; i < set->count; i++) {
		const struct selector *s = &set->selectors[i];
		unsigned int len = 0;

		while (len < addr_bits(&s->first) &&
			!((s->first.bytes[len / 8] ^ s->last.bytes[len / 8]) & 0x80 >> len % 8))
			len++;
		prefixes[i] = prefix_make(&s->first, len);
	}
	write_prefixes(prefixes, set->count, text, size);
}

void write_refs(const void *from, char *text, size_t size)
{
	const struct refs_conf *r = from;

	add(text, size, "[");
	for (unsigned int i = 0; i < r->count; i++)
		add(text, size, "%s'%s'", i ? ", " : "", r->refs[i]);
	add(text, size, "]");
}

void write_services(const void *from, char *text, size_t size)
{
	const struct services_conf *s = from;

	add(text, size, "[");
	for (unsigned int i = 0; i < s->count; i++) {
		const struct service_conf *one = &s->services[i];

		add(text, size, "%s", i ? ", " : "");
		if (one->protocol)
			add(text, size, "%s/%u", one->protocol == IPPROTO_TCP ? "tcp" : "udp",
				one->port);
		else
			add(text, size, "any");
	}
	add(text, size, "]");
}

void write_labels(const void *from, char *text, size_t size)
{
	const struct labels_conf *l = from;

	add(text, size, "{");
	for (unsigned int i = 0; i < l->count; i++) {
		add(text, size, "%s%s: ", i ? ", " : "", l->labels[i].key);
		add_quoted(text, size, "", (const uint8_t *)l->labels[i].value,
			strlen(l->labels[i].value));
	}
	add(text, size, "}");
}

void write_rate(const void *from, char *text, size_t size)
{
	static const char *const suffixes[] = {"", "k", "M", "G", NULL};

	add_scaled(text, size, *(const uint64_t *)from, suffixes);
}

void write_pps(const void *from, char *text, size_t size)
{
	add(text, size, "%" PRIu64, *(const uint64_t *)from);
}

void write_bytes(const void *from, char *text, size_t size)
{
	static const char *const suffixes[] = {"", "k", "M", NULL};

	add_scaled(text, size, *(const uint64_t *)from, suffixes);
}

void write_horizon(const void *from, char *text, size_t size)
{
	static const char *const suffixes[] = {"us", "ms", NULL};
	uint32_t us = *(const uint32_t *)from;

	if (us)
		add_scaled(text, size, us, suffixes);
	else
		add(text, size, "0");
}

void write_workers(const void *from, char *text, size_t size)
{
	uint32_t n = *(const uint32_t *)from;

	if (n)
		write_asn(from, text, size);
	else
		add(text, size, "auto");
}

void write_table(const void *from, char *text, size_t size)
{
	if (*(const uint32_t *)from == 254)
		add(text, size, "main");
	else
		write_asn(from, text, size);
}

void write_family(const void *from, char *text, size_t size)
{
	uint8_t family = *(const uint8_t *)from;

	if (family)
		add(text, size, "%s", family == AF_INET6 ? "ipv6" : "ipv4");
}

void write_bfd(const void *from, char *text, size_t size)
{
	static const char *const suffixes[] = {"us", "ms", "s", NULL};
	const struct bfd_conf *c = from;

	if (!c->multiplier) {
		add(text, size, "off");
		return;
	}
	add(text, size, "{interval: ");
	add_scaled(text, size, c->interval_us, suffixes);
	add(text, size, ", multiplier: %u}", c->multiplier);
}

void write_bandwidth(const void *from, char *text, size_t size)
{
	const struct site_conf *site = from;

	add(text, size, "%s", site->bandwidth == BANDWIDTH_LARGE ? "large" : "standard");
}

void write_routing(const void *from, char *text, size_t size)
{
	const struct site_conf *site = from;

	add(text, size, "%s", site->routing == ROUTING_STATIC ? "static" : "bgp");
}

void write_ecmp(const void *from, char *text, size_t size)
{
	const struct site_conf *site = from;

	write_bool(&site->ecmp, text, size);
}

void write_ike_versions(const void *from, char *text, size_t size)
{
	const struct tunnel_conf *t = from;
	bool v1 = t->options.ikev1, v2 = t->options.ikev2;

	add(text, size, "[%s%s%s]", v1 ? "ikev1" : "", v1 && v2 ? ", " : "", v2 ? "ikev2" : "");
}

void write_ppk_id(const void *from, char *text, size_t size)
{
	const struct tunnel_conf *t = from;

	if (t->options.ppk_id_len)
		add_quoted(text, size, "", t->options.ppk_id, t->options.ppk_id_len);
}
