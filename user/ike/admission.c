/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/admission.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- how busy we are ---- */

static uint64_t refusal_cost(const struct engine *e)
{
	return CLOCK_SECOND / (e->limits.cookie_threshold ? e->limits.cookie_threshold : 1);
}

/* As many in a second as the threshold says make us busy; two seconds later all is forgotten. */
static void count_refusal(struct engine *e, uint64_t now)
{
	uint64_t until = e->refused_until > now ? e->refused_until : now;

	until += refusal_cost(e);
	e->refused_until = until < now + 2 * CLOCK_SECOND ? until : now + 2 * CLOCK_SECOND;
}

/* The device of a site that comes back by itself, or is not to: nobody has to do anything about it. */
static bool is_ordinary(enum reason r)
{
	return r == REASON_UNKNOWN_SPI || r == REASON_KE_GROUP || r == REASON_TUNNEL_DISABLED;
}

void stranger_unknown(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, bool proven, enum reason r, const char *text,
	uint64_t now)
{
	/* These say what the hub has to do, nothing about the device. */
	if (r == REASON_COOKIE_SENT || r == REASON_HALF_OPEN_SOURCE || r == REASON_HALF_OPEN_TOTAL)
		return;
	/*
	 * An address that a tunnel is configured to have names it, and its log and state tell. One that a
	 * tunnel's peer was only seen at, or that several have, names nobody.
	 */
	if (!tunnel_at(e, local, remote) && !(is_ordinary(r) && tunnel_is_near(e, local, remote)))
		unknown_seen(&e->unknown, local, remote, proven, r, text, now);
}

void stranger_refused(struct engine *e, const struct message *m, bool warning, enum reason r,
	const char *format, ...)
{
	struct tunnel *t = tunnel_at(e, &m->local, &m->remote);
	char text[REASON_TEXT_SIZE];
	va_list args;

	count_refusal(e, m->now);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	stranger_unknown(e, &m->local, &m->remote, m->proven, r, text, m->now);
	if (warning)
		engine_refusal(e, t, &m->remote, r, "%s", text);
	else
		engine_note(e, t, &m->remote, false, r, "%s", text);
	if (t && warning)
		tunnel_report(e, t, r, text);
}

bool admission_busy(const struct engine *e, uint64_t now)
{
	uint64_t left = e->refused_until > now ? e->refused_until - now : 0;

	return e->half_open + left / refusal_cost(e) >= e->limits.cookie_threshold;
}

/* ---- places ---- */

static struct ip_addr source_of(const struct ip_addr *a, bool known)
{
	unsigned int bits = a->family == AF_INET ? STRANGER_BITS_V4 : STRANGER_BITS_V6;
	struct ip_addr source = *a;

	if (!known)
		memset(source.bytes + bits / 8, 0, sizeof(source.bytes) - bits / 8);
	return source;
}

static struct place_bucket *bucket_of(const struct engine *e, const struct ip_addr *source)
{
	return (struct place_bucket *)&e->places[engine_bucket_of(e, source, PLACE_BUCKETS)];
}

static struct place *find(const struct engine *e, const struct ip_addr *source, bool known)
{
	struct place *p;

	LIST_FOREACH(p, bucket_of(e, source), bucket) {
		if (p->known == known && addr_equal(&p->source, source))
			return p;
	}
	return NULL;
}

/*
 * The place that the peer at this address takes; NULL: it takes none yet. *known: a tunnel's peer is known to be
 * at the address; *source: what it is counted by, the address or a prefix of it.
 */
static struct place *place_of(const struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, bool *known, struct ip_addr *source)
{
	*known = tunnel_is_near(e, local, remote);
	*source = source_of(&remote->addr, *known);
	return find(e, source, *known);
}

static bool is_begun_by(const struct ike_sa *sa, uint64_t spi_i, const struct ip_endpoint *local,
	const struct ip_endpoint *remote)
{
	return sa->spi_i == spi_i &&
	       (sa->state == IKE_INIT_ANSWERED || sa->state == IKE_MAIN2_SENT) &&
	       endpoint_equal(&sa->local, local) && endpoint_equal(&sa->remote, remote);
}

struct ike_sa *ike_sa_find_half_open(const struct engine *e, uint64_t spi_i,
	const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	struct ike_sa *sa = NULL;

	/* Since the first message it may have become known that a tunnel's peer is there, or is not. */
	for (int known = 0; known < 2 && !sa; known++) {
		struct ip_addr source = source_of(&remote->addr, known);
		const struct place *p = find(e, &source, known);

		sa = p ? TAILQ_FIRST(&p->sas) : NULL;
		while (sa && !is_begun_by(sa, spi_i, local, remote))
			sa = TAILQ_NEXT(sa, in_place);
	}
	return sa;
}

void admission_enter(struct engine *e, struct ike_sa *sa, bool proven, uint64_t now)
{
	struct ip_addr source;
	bool known;
	struct place *p = place_of(e, &sa->local, &sa->remote, &known, &source);

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			abort();
		p->source = source;
		p->known = known;
		TAILQ_INIT(&p->sas);
		LIST_INSERT_HEAD(bucket_of(e, &source), p, bucket);
	}
	p->count++;
	TAILQ_INSERT_TAIL(&p->sas, sa, in_place);
	sa->place = p;
	sa->proven = proven;
	sa->guard_at = now + HALF_OPEN_LIFE;
	TAILQ_INSERT_TAIL(&e->unfinished, sa, by_age);
	ike_sa_announce(e, sa, ENGINE_SPI_UNFINISHED);
	e->half_open++;
	e->strangers += !known;
	e->strangers_v1 += !known && sa->version == &ike_v1;
}

void admission_leave(struct engine *e, struct ike_sa *sa)
{
	struct place *p = sa->place;

	if (!p)
		return;
	TAILQ_REMOVE(&p->sas, sa, in_place);
	TAILQ_REMOVE(&e->unfinished, sa, by_age);
	sa->place = NULL;
	e->half_open--;
	e->strangers -= !p->known;
	e->strangers_v1 -= !p->known && sa->version == &ike_v1;
	if (--p->count)
		return;
	LIST_REMOVE(p, bucket);
	free(p);
}

/* ---- limits ---- */

/* How many half-open IKE SAs one address may have. */
static uint32_t address_limit(const struct engine *e, const struct place *p, bool busy, bool v1)
{
	return busy && v1 && !p->known ? V1_BUSY_PER_SOURCE : e->limits.half_open_per_source;
}

/* How many all addresses of a prefix may have together. */
static uint32_t prefix_limit(const struct engine *e, const struct place *p, bool v1)
{
	uint32_t all = v1 ? e->limits.half_open_max / V1_HALF_OPEN_SHARE : e->limits.half_open_max;
	uint32_t one = e->limits.half_open_per_source;

	return p->known || all / STRANGER_SHARE < one ? one : all / STRANGER_SHARE;
}

static unsigned int count_address(const struct place *p, const struct ip_addr *remote)
{
	const struct ike_sa *sa;
	unsigned int n = 0;

	TAILQ_FOREACH(sa, &p->sas, in_place)
		n += addr_equal(&sa->remote.addr, remote);
	return n;
}

static bool address_full(
	const struct engine *e, const struct place *p, const struct message *m, bool busy, bool v1)
{
	uint32_t limit = address_limit(e, p, busy, v1);

	return p->count >= limit && count_address(p, &m->remote.addr) >= limit;
}

static bool is_full(
	const struct engine *e, const struct place *p, const struct message *m, bool busy, bool v1)
{
	return p && (p->count >= prefix_limit(e, p, v1) || address_full(e, p, m, busy, v1));
}

bool admission_wants_cookie(const struct engine *e, const struct message *m)
{
	struct ip_addr source;
	bool known;

	return admission_busy(e, m->now) ||
	       is_full(e, place_of(e, &m->local, &m->remote, &known, &source), m, false, false);
}

/* Nobody may ever have heard our answer; or it did not help for so long that others need the place. */
static bool may_go(const struct ike_sa *sa, uint64_t now)
{
	return !sa->proven || now - sa->created >= HALF_OPEN_BUSY_LIFE;
}

static struct ike_sa *oldest_to_go(
	const struct place *p, const struct ip_addr *remote, uint64_t now)
{
	struct ike_sa *sa;

	TAILQ_FOREACH(sa, &p->sas, in_place) {
		if (may_go(sa, now) && (!remote || addr_equal(&sa->remote.addr, remote)))
			return sa;
	}
	return NULL;
}

/* The oldest IKEv1 SA of a stranger whose message 3 never came: its address may be invented. */
static struct ike_sa *oldest_v1(const struct engine *e)
{
	struct ike_sa *sa;

	TAILQ_FOREACH(sa, &e->unfinished, by_age) {
		if (sa->state == IKE_MAIN2_SENT && !sa->place->known)
			return sa;
	}
	return NULL;
}

/* The prefix with most of the places gives one to those with fewer; else who had his for long enough. */
static struct ike_sa *give_up_one(const struct engine *e, const struct place *own, uint64_t now)
{
	const struct place *largest = NULL, *p;
	struct ike_sa *sa;

	for (unsigned int i = 0; i < PLACE_BUCKETS; i++) {
		LIST_FOREACH(p, &e->places[i], bucket) {
			if (!p->known && (!largest || p->count > largest->count))
				largest = p;
		}
	}
	if (largest && largest->count > (own ? own->count + 1 : 1))
		return TAILQ_FIRST(&largest->sas);
	TAILQ_FOREACH(sa, &e->unfinished, by_age) {
		if (!sa->place->known && may_go(sa, now))
			return sa;
	}
	return NULL;
}

/* The places of one source are taken: its own oldest goes, or the new one does not come. */
static bool room_in_place(
	struct engine *e, const struct message *m, const struct place *p, bool busy, bool v1)
{
	bool by_address = address_full(e, p, m, busy, v1);
	struct ike_sa *sa = oldest_to_go(p, by_address ? &m->remote.addr : NULL, m->now);

	stranger_refused(e, m, true, REASON_HALF_OPEN_SOURCE, "%u%s", p->count,
		busy ? ", the hub is busy" : "");
	if (sa)
		ike_sa_drop(e, sa);
	return sa != NULL;
}

/* IKEv1 cannot ask for a cookie, so it may fill only its share. */
static bool room_of_all(struct engine *e, const struct message *m, const struct place *own, bool v1)
{
	bool v1_full = v1 && e->strangers_v1 >= e->limits.half_open_max / V1_HALF_OPEN_SHARE;
	struct ike_sa *sa;

	if (!v1_full && e->strangers < e->limits.half_open_max)
		return true;
	stranger_refused(
		e, m, true, REASON_HALF_OPEN_TOTAL, "%u, IKEv1 %u", e->strangers, e->strangers_v1);
	sa = v1_full ? oldest_v1(e) : give_up_one(e, own, m->now);
	if (sa)
		ike_sa_drop(e, sa);
	return sa != NULL;
}

bool admission_room(struct engine *e, const struct message *m, const struct ike_version *version)
{
	bool busy = admission_busy(e, m->now), v1 = version == &ike_v1, known;
	struct ip_addr source;
	struct place *p = place_of(e, &m->local, &m->remote, &known, &source);

	if (is_full(e, p, m, busy, v1))
		return room_in_place(e, m, p, busy, v1);
	return known || room_of_all(e, m, p, v1);
}
