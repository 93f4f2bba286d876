/* SPDX-License-Identifier: Apache-2.0 */
#include "store/fill.h"

#include "config/options.h"

#include <netinet/in.h>
#include <string.h>

#define ASN_DEFAULT    65000
#define ASN_FIRST      64512 /* RFC 6996: private ones, of two bytes */
#define ASN_LAST       65534
#define BLOCKS         16384 /* of 169.254.0.0/16 */
#define FIRST_BLOCK    384   /* 169.254.6.0: those before are reserved, in part */
#define CONFIGURATIONS 2

static const struct config *configuration(const struct fill *f, unsigned int i)
{
	return i ? f->edited : f->in_force;
}

/* ---- AS ---- */

static bool asn_is_taken(const struct fill *f, uint32_t asn)
{
	for (unsigned int i = 0; i < CONFIGURATIONS; i++) {
		const struct config *c = configuration(f, i);

		if (c && c->concentrator.asn == asn)
			return true;
		for (uint32_t s = 0; c && s < c->site_count; s++) {
			if (c->sites[s].asn == asn)
				return true;
		}
	}
	for (size_t i = 0; i < f->asns_count; i++) {
		if (f->asns[i] == asn)
			return true;
	}
	return false;
}

static bool fill_asn(json_t *tree, const struct fill *f, char why[FILL_WHY_SIZE])
{
	uint32_t asn = ASN_DEFAULT;
	char text[16];

	if (json_object_get(tree, "asn"))
		return true;
	for (; asn <= ASN_LAST && asn_is_taken(f, asn); asn++)
		;
	for (asn = asn > ASN_LAST ? ASN_FIRST : asn; asn < ASN_DEFAULT && asn_is_taken(f, asn);
		asn++)
		;
	if (asn_is_taken(f, asn)) {
		snprintf(why, FILL_WHY_SIZE, "every private AS is in use: say which with asn=N");
		return false;
	}
	snprintf(text, sizeof(text), "%u", asn);
	json_object_set_new(tree, "asn", json_string(text));
	return true;
}

/* ---- inside addresses ---- */

static bool meets(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

static bool any_meets(const struct ip_prefix *list, size_t count, const struct ip_prefix *block)
{
	for (size_t i = 0; i < count; i++) {
		/* A default route is no claim to it. */
		if (list[i].len && meets(&list[i], block))
			return true;
	}
	return false;
}

static bool site_has(const struct site_conf *site, const struct ip_prefix *block)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct tunnel_conf *tunnel = &site->tunnels[t];

		if (tunnel->configured &&
			(meets(&tunnel->inside, block) || (addr_is_set(&tunnel->inside6.addr) &&
								  meets(&tunnel->inside6, block))))
			return true;
	}
	return any_meets(site->prefixes.prefixes, site->prefixes.count, block) ||
	       any_meets(site->statics.prefixes, site->statics.count, block);
}

/* In the document itself. */
static bool tree_has(const json_t *tree, const char *key, const struct ip_prefix *block)
{
	const json_t *tunnel;
	struct ip_prefix p;
	size_t i;

	json_array_foreach(json_object_get(tree, "tunnels"), i, tunnel) {
		const char *text = json_string_value(json_object_get(tunnel, key));

		if (text && prefix_parse(text, &p) && meets(&p, block))
			return true;
	}
	return false;
}

static bool block_is_taken(const struct fill *f, const struct ip_prefix *block)
{
	for (unsigned int i = 0; i < CONFIGURATIONS; i++) {
		const struct config *c = configuration(f, i);

		if (c && any_meets(c->concentrator.networks.prefixes,
				 c->concentrator.networks.count, block))
			return true;
		for (uint32_t s = 0; c && s < c->site_count; s++) {
			if (site_has(&c->sites[s], block))
				return true;
		}
	}
	return any_meets(f->taken, f->taken_count, block);
}

/* Block number n of one of the two kinds. */
static struct ip_prefix block_at(bool v6, unsigned int n)
{
	/* RFC 4193; the same on every hub, as these addresses are between it and a device. */
	struct ip_addr a = v6 ? (struct ip_addr){AF_INET6, {0xfd, 0x53, 0x6c, 0x75, 0x69, 0x63}}
			      : (struct ip_addr){AF_INET, {169, 254}};
	unsigned int last = addr_len(&a) - 1;

	a.bytes[last - 1] = (uint8_t)(n >> 6);
	a.bytes[last] = (uint8_t)(n << 2);
	return prefix_make(&a, v6 ? 126 : 30);
}

static const struct walk_field *option_of(const char *key)
{
	const struct walk_field *f = options_tunnel;

	while (strcmp(f->key, key) != 0)
		f++;
	return f;
}

static bool fill_block(json_t *tree, json_t *tunnel, const char *key, const struct fill *f)
{
	bool v6 = !strcmp(key, "inside6");
	char text[PREFIX_STR_SIZE];
	struct tunnel_conf as_read;

	if (json_object_get(tunnel, key))
		return true;
	for (unsigned int n = FIRST_BLOCK; n < BLOCKS; n++) {
		struct ip_prefix block = block_at(v6, n);
		char quoted[PREFIX_STR_SIZE + 2];

		snprintf(quoted, sizeof(quoted), "'%s'", prefix_format(&block, text));
		if (block_is_taken(f, &block) || tree_has(tree, key, &block) ||
			!walk_text(option_of(key), quoted, &as_read)) /* it is reserved */
			continue;
		json_object_set_new(tunnel, key, json_string(text));
		return true;
	}
	return false;
}

/* ---- the whole ---- */

/* "store-7-0.example.net" where the hub is hub.example.net. */
static void fill_identity(
	json_t *tunnel, const char *name, size_t t, const struct concentrator_conf *hub)
{
	const struct ike_identity *id = &hub->identity;
	const char *domain = id->type == IKE_ID_FQDN
				     ? memchr(id->bytes, '.', id->len < IDENTITY_MAX ? id->len : 0)
				     : NULL;
	size_t len = domain ? id->len - (size_t)(domain - (const char *)id->bytes) : 0;

	if (!json_object_get(tunnel, "identity"))
		json_object_set_new(tunnel, "identity",
			json_sprintf("%s-%zu%.*s", name, t, (int)len, domain ? domain : ""));
}

static bool fill_tunnel(
	json_t *tree, json_t *tunnel, const char *name, size_t t, const struct fill *f)
{
	fill_identity(tunnel, name, t, &f->in_force->concentrator);
	return fill_block(tree, tunnel, "inside", f) && fill_block(tree, tunnel, "inside6", f);
}

static bool has_family(const struct endpoint_conf *e, int family)
{
	for (uint32_t i = 0; i < e->address_count; i++) {
		if (e->addresses[i].family == family)
			return true;
	}
	return false;
}

bool fill_site(json_t *tree, const char *name, const struct fill *f, char why[FILL_WHY_SIZE])
{
	const struct concentrator_conf *hub = &f->in_force->concentrator;
	json_t *tunnels = json_object_get(tree, "tunnels"), *tunnel;
	size_t i;

	if (!fill_asn(tree, f, why))
		return false;
	if (!json_object_get(tree, "outer") && !json_object_get(tree, "address") &&
		!has_family(&hub->endpoints[0], AF_INET))
		json_object_set_new(tree, "outer", json_string("ipv6"));
	if (!tunnels) {
		tunnels = json_array();
		json_object_set_new(tree, "tunnels", tunnels);
	}
	while (!f->tunnels_are_said && json_is_array(tunnels) &&
		json_array_size(tunnels) < hub->endpoint_count)
		json_array_append_new(tunnels, json_object());
	json_array_foreach(tunnels, i, tunnel) {
		if (json_is_object(tunnel) && !fill_tunnel(tree, tunnel, name, i, f)) {
			snprintf(why, FILL_WHY_SIZE,
				"every inside block is in use: say which with tunnels.%zu.inside=",
				i);
			return false;
		}
	}
	return true;
}
