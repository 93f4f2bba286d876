/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's entry points. */
#include "ike/former.h"
#include "ike/v2/v2.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct engine_limits engine_limits_default(void)
{
	return (struct engine_limits){.half_open_max = 512,
		.half_open_per_source = 32,
		.cookie_threshold = 64,
		.spi_index_bits = 14,
		.spi_slots = IKE_SLOTS_MAX};
}

struct engine *engine_new(const struct engine_env *env, const struct engine_limits *limits)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	e->env = *env;
	e->limits = *limits;
	STAILQ_INIT(&e->effects);
	TAILQ_INIT(&e->sas);
	TAILQ_INIT(&e->unfinished);
	TAILQ_INIT(&e->formers);
	e->bucket_key = engine_random_u64(e);
	return e;
}

static void tunnel_free(struct tunnel *t)
{
	if (!t)
		return;
	credential_free(t->own);
	blobs_free(t->peer_chain, CERT_CHAIN_MAX);
	secret_wipe(t, sizeof(*t));
	free(t);
}

void engine_free(struct engine *e)
{
	struct ike_sa *sa;
	struct effect *f;

	if (!e)
		return;
	TAILQ_FOREACH(sa, &e->sas, link)
		ike_sa_drop(e, sa);
	engine_sweep(e);
	while ((f = effect_pop(&e->effects)))
		effect_free(f);
	for (unsigned int i = 0; i < e->tunnel_end; i++)
		tunnel_free(e->tunnels[i]);
	former_free(e);
	trust_free(e->trust);
	credential_free(e->own);
	free(e->policies.rows);
	secret_wipe(e, sizeof(*e));
	free(e);
}

uint64_t engine_random_u64(struct engine *e)
{
	uint64_t v;

	e->env.random(e->env.context, &v, sizeof(v));
	return v;
}

/* The upper half of a product depends on all bits of its factors, the lower one does not. */
static uint64_t mix(uint64_t v)
{
	v *= UINT64_C(0x9e3779b97f4a7c15);
	return v ^ v >> 32;
}

unsigned int engine_bucket(const struct engine *e, const uint64_t value[2], unsigned int buckets)
{
	uint64_t h = mix(mix(value[0] ^ e->bucket_key) ^ value[1]);

	return (unsigned int)((h >> 32) * buckets >> 32);
}

unsigned int engine_bucket_of(const struct engine *e, const struct ip_addr *a, unsigned int buckets)
{
	uint64_t halves[2];

	memcpy(halves, a->bytes, sizeof(halves));
	return engine_bucket(e, halves, buckets);
}

uint64_t engine_random_span(struct engine *e, uint64_t span)
{
	return span ? engine_random_u64(e) % span : 0;
}

__attribute__((format(printf, 5, 0))) static struct effect_note *note(struct engine *e,
	const struct tunnel *t, const struct ip_endpoint *remote, enum reason r, const char *format,
	va_list args)
{
	struct effect *f =
		effect_push(&e->effects, EFFECT_NOTE, t ? t->conf.number : EFFECT_NO_TUNNEL);

	f->note.reason = r;
	if (remote)
		f->note.remote = *remote;
	vsnprintf(f->note.detail, sizeof(f->note.detail), format, args);
	return &f->note;
}

void engine_note(struct engine *e, const struct tunnel *t, const struct ip_endpoint *remote,
	bool warning, enum reason r, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(e, t, remote, r, format, args)->warning = warning;
	va_end(args);
}

void engine_refusal(struct engine *e, struct tunnel *t, const struct ip_endpoint *remote,
	enum reason r, const char *format, ...)
{
	struct effect_note *n;
	va_list args;

	va_start(args, format);
	n = note(e, t, remote, r, format, args);
	va_end(args);
	n->warning = n->refusal = true;
	if (t && r != REASON_HALF_OPEN_TIMEOUT)
		t->news_at = e->now;
}

void blob_set(struct blob *b, const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	blob_free(b);
	*b = (struct blob){copy, len};
}

void blob_free(struct blob *b)
{
	if (b->bytes)
		secret_wipe(b->bytes, b->len);
	free(b->bytes);
	*b = (struct blob){0};
}

void blobs_free(struct blob *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		blob_free(&b[i]);
}

void tunnel_end(struct engine *e, struct tunnel *t, bool say, enum reason r, uint64_t now)
{
	struct ike_sa *sa, *next;

	if (tunnel_ike(t)) /* it is the hub that ends it, and why */
		engine_note(e, t, NULL, false, r, "ended by the hub");
	for (sa = TAILQ_FIRST(&t->sas); sa; sa = next) {
		next = TAILQ_NEXT(sa, of_tunnel);
		if (sa->free_me)
			continue;
		if (say)
			ike_sa_close(e, sa, r, now);
		else
			ike_sa_end(e, sa, r, now);
	}
	t->initiate_at = 0;
	t->initiate_wait = 0;
	t->refused = REASON_NONE;
	tunnel_report(e, t, r, reason_sentence(r));
}

void engine_tunnel_set(
	struct engine *e, const struct engine_tunnel *conf, const struct secret *psk, uint64_t now)
{
	struct tunnel *t;
	bool same;

	if (conf->number >= IKE_TUNNELS_MAX)
		return;
	t = e->tunnels[conf->number];
	if (!t) {
		t = e->tunnels[conf->number] = calloc(1, sizeof(*t));
		if (!t)
			abort();
		t->in_use = -1;
		if (e->tunnel_end <= conf->number)
			e->tunnel_end = conf->number + 1;
		TAILQ_INIT(&t->sas);
	}
	same = t->present && tunnel_may_stay(t, conf, psk);
	if (t->present && !same)
		tunnel_end(e, t, true, REASON_CONFIG_CHANGED, now);
	else if (t->present)
		tunnel_end_attempts(e, t, conf, now);
	/* `version`: somebody has been here as the peer that it had. */
	if (t->present && t->version &&
		!(addr_equal(&t->conf.local, &conf->local) &&
			identity_equal(&t->conf.remote_id, &conf->remote_id)))
		former_add(e, t, now);
	former_forget(e, conf);
	t->present = true;
	tunnel_configure(e, t, conf);
	t->psk = *psk;
	t->psk_print = psk_print(psk);
	t->try_previous = false;
	if (conf->options.auth == AUTH_PSK)
		tunnel_end_unproven(e, t, now);
	if (conf->options.auth == AUTH_CERT) {
		/* Not an empty key, which somebody could guess: one that nobody has. */
		t->psk.len = 32;
		e->env.random(e->env.context, t->psk.bytes, t->psk.len);
	}
	/* Which of its keys the peer has shown may have changed with them. */
	if (t->reported && same)
		tunnel_report_again(e, t);
	/* Before the start a checkpoint may still bring it up: nobody should hear "down" first. */
	if (!t->reported && e->started)
		tunnel_report(e, t, REASON_WAITING, reason_sentence(REASON_WAITING));
	if (e->started && conf->options.startup == STARTUP_START && (!same || t->in_use < 0))
		tunnel_retry(e, t, true, now);
	engine_sweep(e);
}

void engine_tunnel_remove(struct engine *e, uint32_t tunnel, uint64_t now)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	struct ike_sa *sa;

	if (!t)
		return;
	tunnel_end(e, t, true, REASON_REMOVED, now);
	/* The delete was sent once; a tunnel that is gone waits for nothing. */
	TAILQ_FOREACH(sa, &t->sas, of_tunnel)
		ike_sa_drop(e, sa);
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		if (t->children[i].state != CHILD_FREE)
			child_release(e, t, i);
	}
	engine_sweep(e);
	former_add(e, t, now);
	tunnel_forget(e, t);
	tunnel_free(t);
	e->tunnels[tunnel] = NULL;
}

void engine_start(struct engine *e, uint64_t now)
{
	e->started = true;
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		/* What a checkpoint has brought back may have been set up by a key that was taken away since. */
		if (t && t->conf.options.auth == AUTH_PSK)
			tunnel_end_unproven(e, t, now);
		if (t && !t->reported)
			tunnel_report(e, t, REASON_WAITING, reason_sentence(REASON_WAITING));
		if (t && t->conf.options.startup == STARTUP_START && t->in_use < 0) {
			t->initiate_wait = CLOCK_SECOND / 4;
			tunnel_retry(e, t, false, now);
		}
	}
	engine_sweep(e);
}

/* A message for the version it names: the responder follows the first packet. */
static void receive(struct engine *e, struct message *m, uint8_t *copy, uint64_t now)
{
	static const struct ike_version *const versions[] = {[1] = &ike_v1, [2] = &ike_v2};
	unsigned int major;

	if (!header_decode(m->raw.bytes, m->raw.len, &m->head)) {
		stranger_refused(e, m, false, REASON_MALFORMED, "header, %zu bytes; %u are read",
			m->raw.len, IKE_MESSAGE_MAX);
		return;
	}
	major = m->head.version >> 4;
	if (major < sizeof(versions) / sizeof(versions[0]) && versions[major]) {
		versions[major]->receive(e, m, copy, now);
		return;
	}
	if (major > 2 && !(m->head.flags & FLAG_RESPONSE)) /* RFC 7296 2.5 */
		sa_init_notify(e, m, NOTIFY_INVALID_MAJOR_VERSION, NULL, 0);
	stranger_refused(e, m, true, REASON_IKE_VERSION, "version %u.%u, allowed 1.0 and 2.0",
		major, m->head.version & 15);
}

void engine_datagram(struct engine *e, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const void *bytes, size_t len, uint64_t now)
{
	static const uint8_t marker[4];
	const uint8_t *p = bytes;
	struct message *m;
	uint8_t *copy;

	if (local->port == IKE_PORT_NAT) {
		/* Keepalives (one byte) and ESP are not ours. */
		if (len < sizeof(marker) || memcmp(p, marker, sizeof(marker)) != 0)
			return;
		p += sizeof(marker);
		len -= sizeof(marker);
	}
	m = calloc(1, sizeof(*m));
	copy = malloc(len ? len : 1);
	if (!m || !copy)
		abort();
	memcpy(copy, p, len);
	m->local = *local;
	m->remote = *remote;
	m->raw = (struct span){copy, len};
	e->now = m->now = now;
	receive(e, m, copy, now);
	secret_wipe(copy, len);
	free(copy);
	free(m);
	engine_sweep(e);
}

void engine_command(struct engine *e, uint32_t tunnel, enum engine_command command, uint64_t now)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	struct ike_sa *sa;

	if (!t)
		return;
	e->now = now;
	sa = tunnel_ike(t);
	switch (command) {
	case ENGINE_REKEY_CHILD:
		if (t->in_use >= 0 && t->children[t->in_use].state == CHILD_LIVE && sa) {
			t->children[t->in_use].want_rekey = true;
			t->children[t->in_use].ike->tasks |= TASK_REKEY_CHILD;
			request_next_task(e, t->children[t->in_use].ike, now);
		}
		break;
	case ENGINE_REKEY_IKE:
		if (sa) {
			sa->tasks |= TASK_REKEY_IKE;
			request_next_task(e, sa, now);
		}
		break;
	case ENGINE_DOWN:
		t->disabled = true;
		tunnel_end(e, t, true, REASON_ADMIN_DOWN, now);
		break;
	case ENGINE_RESET:
		tunnel_end(e, t, true, REASON_ADMIN_RESET, now);
		/* fallthrough */
	case ENGINE_UP:
		t->disabled = command == ENGINE_RESET && t->disabled;
		if (!t->disabled && t->conf.options.startup == STARTUP_START && t->in_use < 0)
			tunnel_retry(e, t, true, now);
		else if (t->in_use < 0 && !t->disabled)
			tunnel_report(e, t, REASON_WAITING, reason_sentence(REASON_WAITING));
		break;
	}
	engine_sweep(e);
}

void engine_activity(struct engine *e, uint32_t tunnel, uint32_t age_ms, uint64_t now)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	uint64_t age = age_ms * CLOCK_MILLISECOND;
	uint64_t at = age < now ? now - age : 0;

	if (t && at > t->last_life)
		t->last_life = at;
}

void engine_sa_expiring(struct engine *e, uint32_t tunnel, uint32_t spi_in, uint64_t now)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	int slot = t ? child_find_in(t, spi_in) : -1;

	if (slot < 0 || t->children[slot].state != CHILD_LIVE)
		return;
	t->children[slot].want_rekey = true;
	t->children[slot].ike->tasks |= TASK_REKEY_CHILD;
	request_next_task(e, t->children[slot].ike, now);
	engine_sweep(e);
}

void engine_pairs(const struct engine *e,
	void (*each)(void *context, const struct engine_pair *pair), void *context)
{
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		const struct tunnel *t = tunnel_find(e, i);

		for (int slot = 0; t && slot < IKE_SLOTS_MAX; slot++) {
			const struct child *c = &t->children[slot];

			if (c->installed)
				each(context, &(struct engine_pair){.tunnel = i,
						      .spi_in = c->spi_in,
						      .spi_out = c->spi_out,
						      .in_use = t->in_use == slot});
		}
	}
}

void engine_pair_lost(struct engine *e, uint32_t tunnel, uint32_t spi_in, uint64_t now)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	int slot = t ? child_find_in(t, spi_in) : -1;

	if (slot >= 0 && t->children[slot].state == CHILD_LIVE && t->children[slot].installed)
		engine_command(e, tunnel, ENGINE_RESET, now);
}

void engine_peer_moved(struct engine *e, uint32_t tunnel, uint32_t spi_in,
	const struct ip_endpoint *remote, uint64_t now)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	int slot = t ? child_find_in(t, spi_in) : -1;
	struct ike_sa *sa = slot >= 0 ? t->children[slot].ike : NULL;

	if (sa && sa->local.port == IKE_PORT_NAT)
		ike_sa_follow(e, sa, &sa->local, remote, now);
	engine_sweep(e);
}

void engine_shutdown(struct engine *e, uint64_t now)
{
	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		if (tunnel_find(e, i))
			tunnel_end(e, e->tunnels[i], true, REASON_SHUTDOWN, now);
	}
	engine_sweep(e);
}

struct effect *engine_effect(struct engine *e)
{
	struct effect *f = effect_pop(&e->effects);
	const struct tunnel *t = f && f->type == EFFECT_NOTE ? tunnel_find(e, f->tunnel) : NULL;

	/* A note tells in which state the tunnel is after what it tells of, not when it was written. */
	if (t)
		tunnel_states(t, &f->note);
	return f;
}

bool engine_unknown_changed(const struct engine *e)
{
	return e->unknown.any_changed;
}

const struct unknown_device *engine_unknown_next(struct engine *e, uint32_t *at)
{
	return unknown_next_change(&e->unknown, at);
}

uint64_t engine_generation(const struct engine *e)
{
	return e->generation;
}

unsigned int engine_half_open(const struct engine *e)
{
	return e->half_open;
}

void engine_look(const struct engine *e, uint32_t tunnel, struct engine_view *v)
{
	struct tunnel *t = tunnel_find(e, tunnel);
	struct ike_sa *sa;

	*v = (struct engine_view){0};
	if (!t)
		return;
	v->ike_sas = tunnel_count_ike(t);
	TAILQ_FOREACH(sa, &t->sas, of_tunnel)
		v->established += !sa->free_me && sa->state == IKE_ESTABLISHED;
	for (int i = 0; i < IKE_SLOTS_MAX; i++) {
		v->pairs += t->children[i].installed;
		v->live_pairs += t->children[i].state == CHILD_LIVE;
	}
	if (t->in_use >= 0) {
		v->spi_in = t->children[t->in_use].spi_in;
		v->spi_out = t->children[t->in_use].spi_out;
	}
	sa = tunnel_ike(t);
	if (sa) {
		v->ike_spi_i = sa->spi_i;
		v->ike_spi_r = sa->spi_r;
	}
}
