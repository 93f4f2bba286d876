/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences of rules: {words} of a case take their places. */
#include "doctor/rule.h"

#include "base/date.h"
#include "ike/identity.h"
#include "ike/proposal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_SIZE (2 * REASON_TEXT_SIZE)

void doctor_word(struct doctor_case *c, const char *name, const char *format, ...)
{
	struct doctor_word *w = NULL;
	va_list args;

	for (unsigned int i = 0; i < c->word_count && !w; i++)
		w = !strcmp(c->words[i].name, name) ? &c->words[i] : NULL;
	if (!w && c->word_count == DOCTOR_WORDS)
		return;
	if (!w)
		w = &c->words[c->word_count++];
	w->name = name;
	va_start(args, format);
	vsnprintf(w->text, sizeof(w->text), format, args);
	va_end(args);
}

const char *doctor_span(uint64_t seconds, char text[DOCTOR_SPAN_SIZE])
{
	if (seconds < 120)
		snprintf(text, DOCTOR_SPAN_SIZE, "%" PRIu64 " s", seconds);
	else if (seconds < 7200)
		snprintf(text, DOCTOR_SPAN_SIZE, "%" PRIu64 " min", seconds / 60);
	else if (seconds < 172800)
		snprintf(text, DOCTOR_SPAN_SIZE, "%" PRIu64 " h %02" PRIu64 " min", seconds / 3600,
			seconds / 60 % 60);
	else
		snprintf(text, DOCTOR_SPAN_SIZE, "%" PRIu64 " days", seconds / 86400);
	return text;
}

const char *doctor_rate(uint64_t bps, char text[DOCTOR_SPAN_SIZE])
{
	if (bps >= 1000000000)
		snprintf(text, DOCTOR_SPAN_SIZE, "%.1f Gbit/s", (double)bps / 1e9);
	else if (bps >= 1000000)
		snprintf(text, DOCTOR_SPAN_SIZE, "%.1f Mbit/s", (double)bps / 1e6);
	else
		snprintf(text, DOCTOR_SPAN_SIZE, "%" PRIu64 " kbit/s", bps / 1000);
	return text;
}

uint64_t doctor_wall(const struct doctor_snapshot *s, uint64_t mono_ns)
{
	uint64_t ago = s->now_ns > mono_ns ? s->now_ns - mono_ns : 0;

	return mono_ns && s->wall_ns > ago ? s->wall_ns - ago : 0;
}

/* ---- words that every case has ---- */

static void address_word(const struct ip_addr *a, char *text)
{
	if (addr_is_set(a))
		addr_format(a, text);
}

/* A name of the directory is text in the configuration, and not yet DER. */
static void identity_word(const struct ike_identity *id, char text[IDENTITY_STR_SIZE])
{
	if (id->type == IKE_ID_DN)
		snprintf(text, IDENTITY_STR_SIZE, "dn:%.*s", (int)id->len, (const char *)id->bytes);
	else
		identity_format(id, text);
}

static void write_device(const struct doctor_case *c, char *text)
{
	unsigned int e = c->site ? c->tunnel : c->endpoint;

	snprintf(text, WORD_SIZE, "%s", c->s->model->config->concentrator.endpoints[e].device);
}

static void write_address(const struct doctor_case *c, char *text)
{
	const struct config *config = c->s->model->config;
	struct ip_addr a =
		c->site ? config_local_address(config, &c->site->conf, c->tunnel)
			: config->concentrator.endpoints[c->endpoint].addresses[c->address];

	address_word(&a, text);
}

/* Where its device is, or was, or is to be. */
static void write_peer(const struct doctor_case *c, char *text)
{
	if (!c->site)
		return;
	if (addr_is_set(&c->state->ike.peer.addr))
		address_word(&c->state->ike.peer.addr, text);
	else if (addr_is_set(&c->state->last_peer.addr))
		address_word(&c->state->last_peer.addr, text);
	else
		address_word(&c->conf->address, text);
}

static void write_identity(const struct doctor_case *c, char *text)
{
	if (c->site && c->conf->identity.type)
		identity_word(&c->conf->identity, text);
	else
		write_peer(c, text);
}

static void write_hub_identity(const struct doctor_case *c, char *text)
{
	const struct ike_identity *of_hub = &c->s->model->config->concentrator.identity;

	if (c->site && c->conf->local_identity.type)
		identity_word(&c->conf->local_identity, text);
	else if (of_hub->type)
		identity_word(of_hub, text);
	else
		write_address(c, text);
}

static void write_inside(const struct doctor_case *c, bool hub, char *text)
{
	const struct ip_prefix *block;
	struct ip_addr a;

	if (!c->site)
		return;
	block = c->site->conf.bgp_family == AF_INET6 ? &c->conf->inside6 : &c->conf->inside;
	a = hub ? config_inside_hub(block) : config_inside_site(block);
	address_word(&a, text);
}

static void write_site_inside(const struct doctor_case *c, char *text)
{
	write_inside(c, false, text);
}

static void write_hub_inside(const struct doctor_case *c, char *text)
{
	write_inside(c, true, text);
}

static void write_site(const struct doctor_case *c, char *text)
{
	snprintf(text, WORD_SIZE, "%s", c->site ? c->site->conf.name : "");
}

static void write_tunnel(const struct doctor_case *c, char *text)
{
	snprintf(text, WORD_SIZE, "%u", c->tunnel);
}

static void write_as(const struct doctor_case *c, char *text)
{
	snprintf(text, WORD_SIZE, "%u", c->site ? c->site->conf.asn : 0);
}

static void write_hub_as(const struct doctor_case *c, char *text)
{
	snprintf(text, WORD_SIZE, "%u", c->s->model->config->concentrator.asn);
}

static void write_since(const struct doctor_case *c, char *text)
{
	if (c->since_wall_ns)
		date_format((int64_t)(c->since_wall_ns / CLOCK_SECOND), text);
}

static void write_advice(const struct doctor_case *c, char *text)
{
	for (int r = 0; c->site && r < REASONS; r++) {
		if (!strcmp(c->state->ike.reason, reason_code((enum reason)r)))
			snprintf(text, WORD_SIZE, "%s", reason_advice((enum reason)r));
	}
}

/* The first that is allowed, in the names that strongSwan has for it, too. */
static void suite_word(const struct proposal_policy *p, char text[SUITE_STR_SIZE])
{
	struct suite s = {.protocol = p->protocol,
		.cipher = p->encr.count
				  ? cipher_find(p->encr.items[0].id, p->encr.items[0].key_bits)
				  : NULL,
		.ke = proposal_first_group(p)};

	if (!s.cipher)
		return;
	if (!cipher_is_aead(s.cipher) && p->integ.count)
		s.integ = integ_find(p->integ.items[0].id);
	if (p->prf.count)
		s.prf = prf_find(p->prf.items[0].id);
	suite_format(&s, text);
}

static void write_ike_suite(const struct doctor_case *c, char *text)
{
	struct proposal_policy p;

	if (!c->site)
		return;
	proposal_policy_ike(&c->conf->options, &p);
	suite_word(&p, text);
}

static void write_esp_suite(const struct doctor_case *c, char *text)
{
	struct proposal_policy p;

	if (!c->site)
		return;
	proposal_policy_esp(&c->conf->options, c->conf->options.p2_groups.count > 0, &p);
	suite_word(&p, text);
}

static const struct {
	const char *name;
	void (*write)(const struct doctor_case *c, char *text);
} known[] = {
	{"site", write_site},
	{"tunnel", write_tunnel},
	{"device", write_device},   /* of the hub, that the tunnel ends at */
	{"address", write_address}, /* of the hub, the same */
	{"peer", write_peer},
	{"identity", write_identity},
	{"hub_identity", write_hub_identity},
	{"inside", write_site_inside},
	{"hub_inside", write_hub_inside},
	{"as", write_as},
	{"hub_as", write_hub_as},
	{"since", write_since},
	{"advice", write_advice},
	{"ike_suite", write_ike_suite},
	{"esp_suite", write_esp_suite},
};

static void find(const struct doctor_case *c, const char *name, size_t len, char text[WORD_SIZE])
{
	text[0] = '\0';
	for (unsigned int i = 0; i < c->word_count; i++) {
		if (strlen(c->words[i].name) == len && !memcmp(c->words[i].name, name, len)) {
			snprintf(text, WORD_SIZE, "%s", c->words[i].text);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strlen(known[i].name) == len && !memcmp(known[i].name, name, len)) {
			known[i].write(c, text);
			return;
		}
	}
}

void doctor_expand(const struct doctor_case *c, const char *pattern, char text[DOCTOR_TEXT_SIZE])
{
	size_t n = 0, mark = 0;
	bool within = false, empty = false;
	char word[WORD_SIZE];

	for (const char *at = pattern ? pattern : ""; *at && n < DOCTOR_TEXT_SIZE - 1; at++) {
		size_t len = strcspn(at + 1, "}");

		if (*at == '[') {
			within = true;
			empty = false;
			mark = n;
		} else if (*at == ']') {
			within = false;
			n = empty ? mark : n;
		} else if (*at == '{') {
			find(c, at + 1, len, word);
			empty |= within && !word[0];
			n += (size_t)snprintf(text + n, DOCTOR_TEXT_SIZE - n, "%s", word);
			at += len + 1;
		} else {
			text[n++] = *at;
		}
	}
	if (n > DOCTOR_TEXT_SIZE - 1)
		n = DOCTOR_TEXT_SIZE - 1;
	text[n] = '\0';
}
