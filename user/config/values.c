/* SPDX-License-Identifier: Apache-2.0 */
#include "config/values.h"

#include "base/identity.h"
#include "base/utf8.h"
#include "config/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool read_nothing(struct walk *w, const yaml_node_t *node, void *to)
{
	(void)w, (void)node, (void)to;
	return true;
}

bool read_bool(struct walk *w, const yaml_node_t *node, void *to)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", NULL};
	uint8_t choice;

	if (!walk_choice(w, node, words, &choice))
		return false;
	*(bool *)to = choice & 1;
	return true;
}

bool name_is_valid(const char *name)
{
	return name[0] && strlen(name) < SITE_NAME_SIZE && isalnum((unsigned char)name[0]) &&
	       !name[strspn(
		       name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")];
}

bool read_name(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (!text[0] || strlen(text) >= SITE_NAME_SIZE)
		return walk_fail(w, node, "a name has 1 to %d characters", SITE_NAME_SIZE - 1);
	if (!name_is_valid(text))
		return walk_fail(w, node, "'%.40s': letters, digits, '-', '_' and '.' only", text);
	strcpy(to, text);
	return true;
}

bool read_device(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (!text[0] || strlen(text) >= CONFIG_DEVICE_SIZE || strpbrk(text, "/ \t\"\\"))
		return walk_fail(w, node, "'%.40s' is not a device name", text);
	strcpy(to, text);
	return true;
}

bool read_asn(struct walk *w, const yaml_node_t *node, void *to)
{
	uint32_t asn = 0;

	if (!walk_u32(w, node, 1, UINT32_MAX - 1, &asn))
		return false;
	if (asn == 23456 || asn == 65535) /* RFC 6793 AS_TRANS, RFC 7300 */
		return walk_fail(w, node, "AS %u is reserved", asn);
	*(uint32_t *)to = asn;
	return true;
}

bool read_address(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	memset(to, 0, sizeof(struct ip_addr));
	if (!strcmp(text, "any"))
		return true;
	if (!addr_parse(text, to))
		return walk_fail(w, node, "'%.60s' is neither an IP address nor 'any'", text);
	return true;
}

bool read_router_id(struct walk *w, const yaml_node_t *node, void *to)
{
	struct ip_addr *a = to;

	if (!read_address(w, node, to))
		return false;
	if (a->family != AF_INET)
		return walk_fail(w, node, "an IPv4 address expected");
	return true;
}

bool read_endpoint(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);
	struct ip_endpoint e = {0};
	char head[64], *end;
	const char *colon = text ? strrchr(text, ':') : NULL;

	if (!text)
		return false;
	if (!colon || (size_t)(colon - text) >= sizeof(head))
		return walk_fail(w, node, "'%.60s' is not ADDRESS:PORT", text);
	memcpy(head, text, (size_t)(colon - text));
	head[colon - text] = '\0';

	char *address = head;
	size_t n = strlen(head);

	if (n > 2 && head[0] == '[' && head[n - 1] == ']') {
		head[n - 1] = '\0';
		address = head + 1;
	}

	unsigned long port = strtoul(colon + 1, &end, 10);

	if (*end || !isdigit((unsigned char)colon[1]) || !port || port > 65535 ||
		!addr_parse(address, &e.addr))
		return walk_fail(w, node, "'%.60s' is not ADDRESS:PORT", text);
	e.port = (uint16_t)port;
	memcpy(to, &e, sizeof(e));
	return true;
}

bool read_prefix(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (!prefix_parse(text, to))
		return walk_fail(w, node,
			"'%.60s' is not a prefix (ADDRESS/LENGTH without bits behind the length)",
			text);
	return true;
}

bool read_inside4(struct walk *w, const yaml_node_t *node, void *to)
{
	/* Blocks the cloud services keep for themselves; devices expect that. */
	static const char *const reserved[] = {"169.254.0.0/30", "169.254.1.0/30", "169.254.2.0/30",
		"169.254.3.0/30", "169.254.4.0/30", "169.254.5.0/30", "169.254.169.252/30"};
	struct ip_prefix *p = to, range, r;

	if (!read_prefix(w, node, to))
		return false;
	prefix_parse("169.254.0.0/16", &range);
	if (p->len != 30 || !prefix_covers(&range, p))
		return walk_fail(w, node, "an inside block is a /30 of 169.254.0.0/16");
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		prefix_parse(reserved[i], &r);
		if (prefix_equal(p, &r))
			return walk_fail(w, node, "%s is reserved", reserved[i]);
	}
	return true;
}

bool read_inside6(struct walk *w, const yaml_node_t *node, void *to)
{
	struct ip_prefix *p = to, range;

	if (!read_prefix(w, node, to))
		return false;
	prefix_parse("fd00::/8", &range);
	if (p->len != 126 || !prefix_covers(&range, p))
		return walk_fail(w, node, "an inside6 block is a /126 of fd00::/8");
	return true;
}

bool read_identity(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);
	struct ike_identity id;

	if (!text)
		return false;
	if (!text[0] || strlen(text) > IDENTITY_MAX)
		return walk_fail(w, node, "an identity has 1 to %d characters", IDENTITY_MAX);
	if (!identity_parse(text, &id))
		return walk_fail(w, node, "'%.60s' is no identity: " IDENTITY_FORMS, text);
	memcpy(to, &id, sizeof(id));
	return true;
}

bool read_secret_ref(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (strlen(text) >= CONFIG_SECRET_REF_SIZE)
		return walk_fail(w, node, "the reference is too long");
	if (!strncmp(text, "cred:", 5) && text[5] && !strchr(text, '/')) {
		strcpy(to, text);
		return true;
	}
	if (!strncmp(text, "file:/", 6) ||
		(!strncmp(text, "secret:", 7) && name_is_valid(text + 7))) {
		strcpy(to, text);
		return true;
	}
	/* The value is not repeated: it may be the key itself. */
	return walk_fail(w, node,
		"a reference expected, file:/PATH, secret:NAME or cred:NAME, of a key also "
		"exec:/PROGRAM, not the secret itself");
}

/* Words with one space between them: nothing here is for a shell. */
static bool is_program(const char *text)
{
	if (strncmp(text, "exec:/", 6) != 0)
		return false;
	for (const char *c = text; *c; c++) {
		if (*c < ' ' || *c > '~' || (*c == ' ' && (c[1] == ' ' || !c[1])))
			return false;
	}
	return true;
}

bool read_key_ref(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text || !is_program(text) || strlen(text) >= CONFIG_SECRET_REF_SIZE)
		return text && read_secret_ref(w, node, to);
	strcpy(to, text);
	return true;
}

static bool read_ref_item(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	struct refs_conf *refs = to;

	refs->count = index + 1;
	return read_secret_ref(w, node, refs->refs[index]);
}

bool read_refs(struct walk *w, const yaml_node_t *node, void *to)
{
	return walk_sequence(w, node, CONFIG_CERT_FILES_MAX, read_ref_item, to);
}

bool read_rate(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {{"k", 1e3}, {"M", 1e6}, {"G", 1e9}, {NULL, 0}};
	double value;

	if (!walk_number(w, node, units, 64e3, 400e9, &value))
		return false;
	*(uint64_t *)to = (uint64_t)value;
	return true;
}

bool read_bytes(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {{"k", 1e3}, {"M", 1e6}, {"Ki", 1024}, {NULL, 0}};
	double value;

	if (!walk_number(w, node, units, 3000, 64e6, &value))
		return false;
	*(uint64_t *)to = (uint64_t)value;
	return true;
}

bool read_pps(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {{"k", 1e3}, {"M", 1e6}, {NULL, 0}};
	double value;

	if (!walk_number(w, node, units, 100, 1e9, &value))
		return false;
	*(uint64_t *)to = (uint64_t)value;
	return true;
}

bool read_horizon(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {{"us", 1}, {"ms", 1e3}, {NULL, 0}};
	double value;

	if (!walk_number(w, node, units, 0, 200e3, &value))
		return false;
	*(uint32_t *)to = (uint32_t)value;
	return true;
}

bool read_bfd_interval(struct walk *w, const yaml_node_t *node, void *to)
{
	static const struct walk_unit units[] = {{"ms", 1e3}, {"s", 1e6}, {NULL, 0}};
	double value;

	/* RFC 7419 3: what is common; faster ones would only test this host's scheduler. */
	if (!walk_number(w, node, units, 50e3, 10e6, &value))
		return false;
	*(uint32_t *)to = (uint32_t)value;
	return true;
}

bool read_table(struct walk *w, const yaml_node_t *node, void *to)
{
	if (node->type == YAML_SCALAR_NODE &&
		!strcmp((const char *)node->data.scalar.value, "main")) {
		*(uint32_t *)to = 254;
		return true;
	}
	return walk_u32(w, node, 1, UINT32_MAX - 1, to);
}

bool read_workers(struct walk *w, const yaml_node_t *node, void *to)
{
	if (node->type == YAML_SCALAR_NODE &&
		!strcmp((const char *)node->data.scalar.value, "auto")) {
		*(uint32_t *)to = 0;
		return true;
	}
	return walk_u32(w, node, 1, 16, to);
}

bool read_family(struct walk *w, const yaml_node_t *node, void *to)
{
	static const char *const words[] = {"ipv4", "ipv6", NULL};
	uint8_t choice;

	if (!walk_choice(w, node, words, &choice))
		return false;
	*(uint8_t *)to = choice ? AF_INET6 : AF_INET;
	return true;
}

static bool read_ike_version(struct walk *w, const yaml_node_t *node, unsigned int index, void *to)
{
	const char *text = walk_scalar(w, node);
	struct ike_options *o = to;
	bool *version;

	(void)index;
	if (!text)
		return false;
	if (strcmp(text, "ikev1") != 0 && strcmp(text, "ikev2") != 0)
		return walk_fail(w, node, "'%.40s' is not one of: ikev1, ikev2", text);
	version = strcmp(text, "ikev1") == 0 ? &o->ikev1 : &o->ikev2;
	if (*version)
		return walk_fail(w, node, "'%s' stands twice", text);
	*version = true;
	return true;
}

bool read_ike_versions(struct walk *w, const yaml_node_t *node, void *to)
{
	struct tunnel_conf *t = to;
	struct ike_options *o = &t->options;

	o->ikev1 = o->ikev2 = false;
	if (!walk_sequence(w, node, 2, read_ike_version, o))
		return false;
	if (!o->ikev1 && !o->ikev2)
		return walk_fail(w, node, "the set is empty");
	return true;
}

bool read_directory(struct walk *w, const yaml_node_t *node, void *to)
{
	const char *text = walk_scalar(w, node);

	if (!text)
		return false;
	if (text[0] != '/' || strlen(text) >= CONFIG_PATH_SIZE)
		return walk_fail(w, node, "'%.60s' is not an absolute path", text);
	snprintf(to, CONFIG_PATH_SIZE, "%s", text);
	return true;
}

bool read_ppk_id(struct walk *w, const yaml_node_t *node, void *to)
{
	struct tunnel_conf *t = to;
	struct ike_options *o = &t->options;
	const char *text = walk_scalar(w, node);
	size_t len = text ? strlen(text) : 0;

	if (!text)
		return false;
	if (!len || len > sizeof(o->ppk_id))
		return walk_fail(w, node, "1 to %zu characters are expected", sizeof(o->ppk_id));
	memcpy(o->ppk_id, text, len);
	o->ppk_id_len = (uint8_t)len;
	return true;
}

static bool read_label(struct walk *w, const yaml_node_t *key, const yaml_node_t *value,
	struct labels_conf *labels)
{
	const char *name = walk_scalar(w, key), *text = name ? walk_scalar(w, value) : NULL;
	struct label_conf *l = &labels->labels[labels->count];

	if (!text)
		return false;
	if (labels->count == CONFIG_LABELS_MAX)
		return walk_fail(w, key, "more than %d labels", CONFIG_LABELS_MAX);
	if (!isalnum((unsigned char)name[0]) || strlen(name) >= sizeof(l->key) ||
		name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
				  "_")])
		return walk_fail(w, key, "'%.40s': a label has 1 to %zu letters, digits, '-', '_'",
			name, sizeof(l->key) - 1);
	for (uint32_t i = 0; i < labels->count; i++) {
		if (!strcmp(labels->labels[i].key, name))
			return walk_fail(w, key, "label '%s' stands twice", name);
	}
	for (size_t i = 0, n; text[i]; i += n) {
		n = utf8_printable((const uint8_t *)text + i, strlen(text + i));
		if (!n || strlen(text) >= sizeof(l->value))
			return walk_fail(w, value, "a label has at most %zu printable characters",
				sizeof(l->value) - 1);
	}
	strcpy(l->key, name);
	strcpy(l->value, text);
	labels->count++;
	return true;
}

bool read_labels(struct walk *w, const yaml_node_t *node, void *to)
{
	bool ok = true;

	if (node->type != YAML_MAPPING_NODE)
		return walk_fail(w, node, "a mapping (key: value) expected");
	for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
		p < node->data.mapping.pairs.top; p++)
		ok &= read_label(w, walk_node(w, node, p->key), walk_node(w, node, p->value), to);
	return ok;
}
