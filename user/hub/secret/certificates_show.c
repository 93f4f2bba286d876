/* SPDX-License-Identifier: Apache-2.0 */
/* What may be seen of certificates: the document, the metric, and the warnings before they end. */
#include "hub/secret/certificates_internal.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/log.h"
#include "hub/secret/certificates.h"

#include <string.h>
#include <time.h>

#define WARN_AGAIN_S 86400

/* One certificate that is in use, and what it is for. */
struct shown {
	const char *kind; /* "hub", "ca" or "site" */
	const char *site; /* NULL unless it is a site's */
	unsigned int tunnel;
	const char *file; /* NULL: it came from the peer */
	const struct cert_facts *facts;
	int64_t *warned_s;
};

typedef void visitor(void *context, const struct shown *s);

static int64_t wall_s(void)
{
	return (int64_t)(clock_wall() / CLOCK_SECOND);
}

static void visit_sites(struct hub *h, visitor *visit, void *context)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			struct site_tunnel *state = &h->model.sites[i]->tunnels[t];
			struct shown s = {.kind = "site",
				.site = h->model.sites[i]->conf.name,
				.tunnel = t,
				.facts = state->cert ? &state->cert->facts : NULL,
				.warned_s = &state->cert_warned_s};

			if (h->model.sites[i]->conf.tunnels[t].options.auth == AUTH_CERT &&
				h->model.sites[i]->conf.tunnels[t].configured && s.facts)
				visit(context, &s);
		}
	}
}

/* Of the hub itself, and of authorities. */
static void visit_own(struct certificates *all, visitor *visit, void *context)
{
	for (size_t i = 0; i < all->own_count; i++) {
		struct shown s = {.kind = "hub",
			.file = all->own[i].conf.chain,
			.facts = &all->own[i].facts,
			.warned_s = &all->own[i].warned_s};

		visit(context, &s);
	}
	for (size_t i = 0; i < trust_ca_count(all->trust); i++) {
		struct cert_facts facts;
		struct shown s = {.kind = "ca", .facts = &facts, .warned_s = &all->ca_warned_s[i]};

		cert_facts(trust_ca(all->trust, i), &facts);
		visit(context, &s);
	}
}

static void visit_all(struct hub *h, visitor *visit, void *context)
{
	visit_own(h->certificates, visit, context);
	visit_sites(h, visit, context);
}

static const char *state_of(int64_t from, int64_t warn, int64_t to, int64_t now)
{
	return now < from    ? "not-yet-valid"
	       : now > to    ? "expired"
	       : now >= warn ? "expiring"
			     : "ok";
}

/* ---- warnings ---- */

/* Once a day, and again after a reload, which may have been meant to end it. */
static bool due(int64_t *warned_s, int64_t now)
{
	if (*warned_s && now - *warned_s < WARN_AGAIN_S)
		return false;
	*warned_s = now;
	return true;
}

static void warn_one(void *context, const struct shown *s)
{
	const struct cert_facts *f = s->facts;
	const int64_t *now = context;
	const char *state = state_of(
		f->not_before, cert_warn_from(f->not_before, f->not_after), f->not_after, *now);
	char text[DATE_TEXT_SIZE], who[64];

	if (!strcmp(state, "ok") || !due(s->warned_s, *now))
		return;
	snprintf(who, sizeof(who), s->site ? "%s %s tunnel %u" : "%s", s->kind, s->site, s->tunnel);
	log_warn("certificate of %s, %s: %s, valid until %s", who, f->subject, state,
		date_format(f->not_after, text));
}

/* Lists of those that devices of sites come with first, then of those of clients of the API. */
static size_t crl_count(const struct certificates *all)
{
	return trust_crl_count(all->trust) + (all->clients ? trust_crl_count(all->clients) : 0);
}

static void crl_at(const struct certificates *all, size_t i, struct trust_crl_facts *f)
{
	size_t first = trust_crl_count(all->trust);

	trust_crl(i < first ? all->trust : all->clients, i < first ? i : i - first, f);
}

void certificates_warn_own(struct certificates *all)
{
	int64_t now = wall_s();

	visit_own(all, warn_one, &now);
	for (size_t i = 0; i < crl_count(all); i++) {
		struct trust_crl_facts f;
		char text[DATE_TEXT_SIZE];

		crl_at(all, i, &f);
		if (f.next_update && now > f.next_update && due(&all->crl_warned_s[i], now))
			log_warn("revocation list of %s: out of date since %s", f.issuer,
				date_format(f.next_update, text));
	}
}

void certificates_warn(struct hub *h)
{
	int64_t now = wall_s();

	certificates_warn_own(h->certificates);
	visit_sites(h, warn_one, &now);
}

static void first_end(void *context, const struct shown *s)
{
	int64_t *at = context;

	if (s->facts->not_after < *at)
		*at = s->facts->not_after;
}

bool certificates_first_end(struct hub *h, int64_t *at)
{
	*at = INT64_MAX;
	visit_own(h->certificates, first_end, at);
	visit_sites(h, first_end, at);
	return *at != INT64_MAX;
}

struct teller {
	void (*tell)(void *context, const char *what, int64_t warn_from, int64_t at);
	void *context;
};

static void tell_one(void *context, const struct shown *s)
{
	const struct cert_facts *f = s->facts;
	const struct teller *t = context;
	char what[REASON_TEXT_SIZE];

	snprintf(what, sizeof(what), "the certificate of %s, %.150s",
		strcmp(s->kind, "ca") ? "the hub" : "an authority", f->subject);
	t->tell(t->context, what, cert_warn_from(f->not_before, f->not_after), f->not_after);
}

void certificates_ends(const struct certificates *all,
	void (*tell)(void *context, const char *what, int64_t warn_from, int64_t at), void *context)
{
	struct teller t = {tell, context};

	visit_own((struct certificates *)all, tell_one, &t);
	for (size_t i = 0; i < crl_count(all); i++) {
		struct trust_crl_facts f;
		char what[REASON_TEXT_SIZE];

		crl_at(all, i, &f);
		snprintf(what, sizeof(what), "the revocation list of %.180s", f.issuer);
		if (f.next_update)
			tell(context, what, f.next_update, f.next_update);
	}
}

/* ---- the document ---- */

struct list {
	json_t *array;
	int64_t now;
};

static json_t *optional(const char *text)
{
	return text ? json_string(text) : json_null();
}

static void show_one(void *context, const struct shown *s)
{
	const struct cert_facts *f = s->facts;
	struct list *l = context;
	char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
	int64_t warn = cert_warn_from(f->not_before, f->not_after);

	json_array_append_new(l->array,
		json_pack("{s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s, s:o}",
			"kind", s->kind, "site", optional(s->site), "tunnel",
			s->site ? json_integer(s->tunnel) : json_null(), "subject", f->subject,
			"issuer", f->issuer, "names", f->names, "serial", f->serial, "fingerprint",
			f->fingerprint, "key", f->key, "not_before",
			date_format(f->not_before, from), "not_after",
			date_format(f->not_after, to), "expires_in_s",
			(json_int_t)(f->not_after - l->now), "state",
			state_of(f->not_before, warn, f->not_after, l->now), "file",
			optional(s->file)));
}

static json_t *show_crls(const struct certificates *all, int64_t now)
{
	json_t *list = json_array();

	for (size_t i = 0; i < crl_count(all); i++) {
		struct trust_crl_facts f;
		char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
		int64_t next;

		crl_at(all, i, &f);
		next = f.next_update ? f.next_update : INT64_MAX;
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:o, s:I, s:s}", "issuer", f.issuer, "this_update",
				date_format(f.this_update, from), "next_update",
				optional(f.next_update ? date_format(f.next_update, to) : NULL),
				"revoked", (json_int_t)f.revoked, "state",
				state_of(f.this_update, next, next, now)));
	}
	return list;
}

json_t *certificates_show(struct hub *h)
{
	struct list l = {.array = json_array(), .now = wall_s()};

	visit_all(h, show_one, &l);
	return json_pack(
		"{s:o, s:o}", "certificates", l.array, "crls", show_crls(h->certificates, l.now));
}

/* ---- the metric ---- */

/* The text format escapes these in label values. */
static void write_label(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc(*text == '\n' ? ' ' : *text, f);
	}
}

static void write_one(void *context, const struct shown *s)
{
	FILE *f = context;

	fprintf(f, "sluice_certificate_not_after_seconds{kind=\"%s\",site=\"%s\",tunnel=\"",
		s->kind, s->site ? s->site : "");
	if (s->site)
		fprintf(f, "%u", s->tunnel);
	fprintf(f, "\",serial=\"%s\",subject=\"", s->facts->serial);
	write_label(f, s->facts->subject);
	fprintf(f, "\"} %lld\n", (long long)s->facts->not_after);
}

void certificates_metrics(FILE *f, struct hub *h)
{
	fputs("# HELP sluice_certificate_not_after_seconds When a certificate ends, since 1970.\n"
	      "# TYPE sluice_certificate_not_after_seconds gauge\n",
		f);
	visit_all(h, write_one, f);
}
