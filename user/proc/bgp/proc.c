/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/bgp/proc.h"

#include "base/clock.h"
#include "base/log.h"
#include "bgp/bfd/packet.h"
#include "ipc/msg_bgp.h"
#include "ipc/privsep.h"
#include "ipc/table.h"
#include "proc/bgp/bfd_loop.h"
#include "proc/roles.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CONTESTED_SHOWN 1000 /* paths of one answer */

/* Routes come faster than the kernel takes them: then hub is waited for, and memory does not grow. */
#define HUB_QUEUE_MAX (256u << 10)
#define HUB_PAUSE_MS  1

#define SETTLE_S 60 /* for how long stale routes may stay after a start */

/* ---- effects ---- */

static void flush_routes(struct proc_bgp *p)
{
	if (p->route_count)
		imsg_send(p->hub, IMSG_ROUTES, -1, p->routes,
			p->route_count * sizeof(struct imsg_route));
	if (p->unroute_count)
		imsg_send(p->hub, IMSG_UNROUTES, -1, p->unroutes,
			p->unroute_count * sizeof(struct ip_prefix));
	p->route_count = p->unroute_count = 0;
}

/* What is told must be told in order: routes that wait go first. */
static void tell_hub(struct proc_bgp *p, enum imsg_type type, const void *payload, size_t len)
{
	flush_routes(p);
	imsg_send(p->hub, type, -1, payload, len);
}

static void report_state(struct proc_bgp *p, const struct bgp_effect *e)
{
	static const enum bgp_state states[FSM_STATES] = {
		[FSM_IDLE] = BGP_IDLE,
		[FSM_CONNECT] = BGP_CONNECT,
		[FSM_ACTIVE] = BGP_ACTIVE,
		[FSM_OPEN_SENT] = BGP_OPENSENT,
		[FSM_OPEN_CONFIRM] = BGP_OPENCONFIRM,
		[FSM_ESTABLISHED] = BGP_ESTABLISHED,
	};
	struct imsg_bgp_state m = {.tunnel = e->tunnel,
		.state = states[e->state.state],
		.prefixes_in = e->state.prefixes_in,
		.prefixes_out = e->state.prefixes_out,
		.prefixes_in6 = e->state.prefixes_in6,
		.prefixes_out6 = e->state.prefixes_out6,
		.kept_out = e->state.kept_out,
		.out_limited = e->state.out_limited,
		.hold_s = e->state.hold_s,
		.error_code = e->state.error_code,
		.error_subcode = e->state.error_subcode,
		.error_at_ns = e->state.error_at,
		.refused_until_ns = e->state.refused_until,
		.unanswered_since_ns = e->state.unanswered_since,
		.why = e->state.why,
		.counts = e->state.counts};

	memcpy(m.detail, e->state.detail, sizeof(m.detail));
	tell_hub(p, IMSG_BGP_STATE, &m, sizeof(m));
}

static void report_route(struct proc_bgp *p, const struct bgp_effect *e)
{
	struct imsg_route *m;

	/* Only one of the two lists is filled at a time, so that hub hears of routes in the order they changed. */
	if (e->route.present ? p->unroute_count : p->route_count)
		flush_routes(p);
	if (!e->route.present) {
		p->unroutes[p->unroute_count++] = e->route.prefix;
		if (p->unroute_count == IMSG_ROUTES_MAX)
			flush_routes(p);
		return;
	}
	m = &p->routes[p->route_count++];
	*m = (struct imsg_route){.prefix = e->route.prefix,
		.shares = e->route.shares,
		.source = e->route.source,
		.tunnel = e->tunnel,
		.med = e->route.med,
		.as_path_len = e->route.as_path_len,
		.origin = e->route.origin,
		.candidates = e->route.candidates,
		.other = e->route.other};
	memcpy(m->as_path, e->route.as_path, sizeof(m->as_path));
	if (p->route_count == IMSG_ROUTES_MAX)
		flush_routes(p);
}

static void report_event(struct proc_bgp *p, const struct bgp_effect *e)
{
	struct imsg_bgp_event m = {.tunnel = e->tunnel, .event = e->event};

	tell_hub(p, IMSG_BGP_EVENT, &m, sizeof(m));
}

static void carry_out(struct proc_bgp *p, const struct bgp_effect *e)
{
	switch (e->type) {
	case BGP_EFFECT_CONNECT:
		bgp_tcp_connect(p, e);
		return;
	case BGP_EFFECT_CLOSE:
		bgp_tcp_close(p, e);
		return;
	case BGP_EFFECT_STATE:
		report_state(p, e);
		return;
	case BGP_EFFECT_ROUTE:
		report_route(p, e);
		return;
	case BGP_EFFECT_NOTE:
		if (e->note.level == BGP_NOTE_WARN)
			log_warn("%s", e->note.text);
		else
			log_info("%s", e->note.text);
		return;
	case BGP_EFFECT_EVENT:
		report_event(p, e);
		return;
	case BGP_EFFECT_INVALID:
		return;
	}
}

static void carry_out_all(struct proc_bgp *p)
{
	struct bgp_effect e;

	while (bgp_next_effect(p->bgp, &e))
		carry_out(p, &e);
	flush_routes(p);
}

/* ---- the turn ---- */

static void check_settled(struct proc_bgp *p, uint64_t now)
{
	if (!p->settling || (now < p->settle_until && !bgp_is_settled(p->bgp, now)))
		return;
	p->settling = false;
	tell_hub(p, IMSG_BGP_SETTLED, NULL, 0);
}

static void set_timer(struct proc_bgp *p, uint64_t at, uint64_t now)
{
	uint64_t wait = at > now ? at - now + CLOCK_SECOND / 1000000 : 0; /* never too early */
	struct timeval tv = {.tv_sec = (time_t)(wait / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait % CLOCK_SECOND / 1000)};

	if (at == CLOCK_NEVER)
		event_del(p->turn);
	else
		event_add(p->turn, &tv);
}

static void on_turn(int fd, short what, void *arg)
{
	struct proc_bgp *p = arg;
	uint64_t now = clock_now();
	uint64_t at;
	bool more, paused;

	(void)fd;
	(void)what;
	if (!p->started)
		return; /* as long as no neighbour is known, none would be missing */
	carry_out_all(p);
	paused = imsg_queued(p->hub) > HUB_QUEUE_MAX;
	bgp_pause(p->bgp, paused);
	more = bgp_run(p->bgp, now);
	carry_out_all(p);
	bgp_tcp_flush_all(p);
	more |= bgp_can_say_more(p->bgp);
	check_settled(p, now);
	at = bgp_next_timer(p->bgp);
	if (p->settling && p->settle_until < at)
		at = p->settle_until;
	set_timer(p, !more ? at : paused ? now + HUB_PAUSE_MS * CLOCK_MILLISECOND : now, now);
}

/* ---- messages of hub ---- */

/* A session for the BFD thread, over the addresses that the BGP session has. */
static void set_bfd(struct proc_bgp *p, const struct imsg_bgp_neighbor *m, int own_fd)
{
	struct imsg_bfd_session s = {.tunnel = m->conf.tunnel,
		.local = *neighbor_local(&m->conf),
		.peer = *neighbor_peer(&m->conf),
		.interval_us = m->bfd_interval_us,
		.multiplier = m->bfd_multiplier,
		.resume = m->bfd_resume};

	imsg_send(p->bfd, IMSG_BFD_SESSION, own_fd, &s, sizeof(s));
}

static void on_neighbor(struct proc_bgp *p, const struct bgp_neighbor *conf, uint64_t now)
{
	if (!bgp_neighbor_set(p->bgp, conf, now))
		log_error("site %s tunnel %u: BGP: no room for another neighbour", conf->site,
			conf->tunnel % TUNNELS_PER_SITE);
}

static void on_network(struct proc_bgp *p, const struct imsg_bgp_network *m)
{
	char text[PREFIX_STR_SIZE];

	if (!bgp_network_set(p->bgp, &m->prefix, m->present))
		log_error("hub network %s is not announced: more than %d of them",
			prefix_format(&m->prefix, text), BGP_NETWORKS_MAX);
}

static void on_reserved(struct proc_bgp *p, const struct imsg_bgp_reserved *m)
{
	if (m->first)
		reserved_clear(&p->reserved);
	for (unsigned int i = 0; i < m->count && i < IMSG_RESERVED_MAX; i++)
		(void)reserved_add(
			&p->reserved, (enum reserved_kind)m->facts[i].kind, &m->facts[i].prefix);
	if (!m->last)
		return;
	reserved_sort(&p->reserved);
	bgp_reserved_set(p->bgp, &p->reserved);
}

static void on_owners(struct proc_bgp *p, const struct imsg_bgp_owners *m)
{
	for (unsigned int i = 0; i < m->count && i < IMSG_OWNERS_MAX; i++)
		bgp_owner_set(p->bgp, &m->owners[i].prefix, m->owners[i].group, clock_now());
}

struct answer_context {
	struct proc_bgp *p;
	uint32_t id;
};

static void answer_path(void *context, const struct bgp_path_view *v)
{
	const struct answer_context *c = context;
	struct imsg_bgp_answer m = {.id = c->id, .path = *v};

	tell_hub(c->p, IMSG_BGP_ANSWER, &m, sizeof(m));
}

static void on_query(struct proc_bgp *p, const struct imsg_bgp_query *m)
{
	struct answer_context c = {.p = p, .id = m->id};
	struct imsg_bgp_answer end = {.id = m->id, .last = true};

	if (addr_is_set(&m->prefix.addr))
		bgp_explain(p->bgp, &m->prefix, answer_path, &c);
	else
		bgp_contested(p->bgp, CONTESTED_SHOWN, answer_path, &c);
	tell_hub(p, IMSG_BGP_ANSWER, &end, sizeof(end));
}

static void take_conf(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;
	const struct imsg_bgp_conf *conf = m->payload;

	bgp_configure(p->bgp, &conf->config, clock_now());
}

static void take_listener(void *context, struct imsg *m)
{
	bgp_tcp_listen(context, imsg_take_fd(m));
}

static void take_neighbor(void *context, struct imsg *m)
{
	const struct imsg_bgp_neighbor *n = m->payload;

	on_neighbor(context, &n->conf, clock_now());
	set_bfd(context, n, imsg_take_fd(m));
}

static void take_neighbor_del(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;
	const struct imsg_tunnel *t = m->payload;
	struct imsg_bgp_neighbor none = {.conf.tunnel = t->tunnel};
	uint64_t now = clock_now();

	set_bfd(p, &none, -1);
	/* Its last words must be written while the speaker still knows it. */
	bgp_neighbor_stop(p->bgp, t->tunnel, now);
	carry_out_all(p);
	bgp_neighbor_delete(p->bgp, t->tunnel, now);
}

static void take_statics(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;
	const struct imsg_bgp_statics *s = m->payload;

	bgp_statics_set(p->bgp, s->tunnel, s->prefixes, s->count);
}

static void take_tunnel(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;
	const struct imsg_bgp_tunnel *t = m->payload;

	imsg_send(p->bfd, IMSG_BGP_TUNNEL, -1, t, sizeof(*t));
	bgp_tunnel_set(p->bgp, t->tunnel, t->up, clock_now());
}

static void take_network(void *context, struct imsg *m)
{
	on_network(context, m->payload);
}

static void take_reserved(void *context, struct imsg *m)
{
	on_reserved(context, m->payload);
}

static void take_owners(void *context, struct imsg *m)
{
	on_owners(context, m->payload);
}

static void take_release(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;

	bgp_owner_release(p->bgp, m->payload);
}

static void take_query(void *context, struct imsg *m)
{
	on_query(context, m->payload);
}

static void take_start(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;

	(void)m;
	bgp_tcp_start(p); /* before the first turn: whom we let in we need not connect to */
	p->started = p->settling = true;
	p->settle_until = clock_now() + SETTLE_S * CLOCK_SECOND;
}

static void take_shutdown(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;

	(void)m;
	bgp_shutdown(p->bgp, clock_now());
	carry_out_all(p);
	event_base_loopbreak(p->base);
}

static const struct imsg_row from_hub[] = {
	{IMSG_START, .take = take_start},
	{IMSG_SHUTDOWN, .take = take_shutdown},
	{IMSG_BGP_CONF, sizeof(struct imsg_bgp_conf), .take = take_conf},
	{IMSG_BGP_LISTEN, sizeof(struct imsg_socket), .fd = IMSG_NEEDS_FD, .take = take_listener},
	{IMSG_BGP_NEIGHBOR, sizeof(struct imsg_bgp_neighbor), .fd = IMSG_MAY_FD,
		.take = take_neighbor},
	{IMSG_BGP_NEIGHBOR_DEL, sizeof(struct imsg_tunnel), .take = take_neighbor_del},
	{IMSG_BGP_STATICS, sizeof(struct imsg_bgp_statics), .take = take_statics},
	{IMSG_BGP_TUNNEL, sizeof(struct imsg_bgp_tunnel), .take = take_tunnel},
	{IMSG_BGP_NETWORK, sizeof(struct imsg_bgp_network), .take = take_network},
	{IMSG_BGP_RESERVED, sizeof(struct imsg_bgp_reserved), .take = take_reserved},
	{IMSG_BGP_OWNERS, sizeof(struct imsg_bgp_owners), .take = take_owners},
	{IMSG_BGP_RELEASE, sizeof(struct ip_prefix), .take = take_release},
	{IMSG_BGP_QUERY, sizeof(struct imsg_bgp_query), .take = take_query},
	{.type = IMSG_INVALID},
};

static void on_hub_message(void *context, const struct imsg *m)
{
	(void)imsg_give(from_hub, context, m);
	bgp_schedule_turn(context);
}

static void on_hub_gone(void *context)
{
	struct proc_bgp *p = context;

	log_error("hub is gone");
	p->status = 1;
	event_base_loopbreak(p->base);
}

/* What BFD says of a tunnel; hub shows it. */
static void take_bfd_state(void *context, struct imsg *m)
{
	struct proc_bgp *p = context;
	const struct imsg_bfd_state *state = m->payload;

	if (state->failed)
		bgp_path_down(p->bgp, state->tunnel, bfd_diag_name(state->diag), clock_now());
	tell_hub(p, IMSG_BFD_STATE, state, sizeof(*state));
	bgp_schedule_turn(p);
}

static const struct imsg_row from_bfd[] = {
	{IMSG_BFD_STATE, sizeof(struct imsg_bfd_state), .take = take_bfd_state},
	{.type = IMSG_INVALID},
};

static void on_bfd_message(void *context, const struct imsg *m)
{
	(void)imsg_give(from_bfd, context, m);
}

static void on_bfd_gone(void *context)
{
	struct proc_bgp *p = context;

	log_error("the BFD thread is gone");
	p->status = 1;
	event_base_loopbreak(p->base);
}

int proc_bgp_run(int hub_fd)
{
	struct proc_bgp p = {.carry_out = carry_out_all};
	uint64_t seed = clock_now();
	struct imsg_bgp_ready ready;
	int bfd_fd = bfd_loop_start(&ready.bfd_error);

	if (getrandom(&seed, sizeof(seed), 0) < 0)
		log_warn("timers are spread by the clock only: %s", strerror(errno));
	LIST_INIT(&p.connections);
	p.base = event_base_new();
	p.bgp = bgp_new(seed);
	if (!p.base)
		abort();
	if (bfd_fd < 0) {
		log_error("the BFD thread cannot be started: %s", strerror(errno));
		return 1;
	}
	p.bfd = imsg_channel_new(p.base, bfd_fd, on_bfd_message, on_bfd_gone, &p);
	p.turn = event_new(p.base, -1, 0, on_turn, &p);
	p.hub = imsg_channel_new(p.base, hub_fd, on_hub_message, on_hub_gone, &p);
	imsg_channel_answer(p.hub);
	privsep_drop("bgp");
	if (ready.bfd_error)
		log_warn("the BFD thread has no real-time priority (%s; CAP_SYS_NICE gives it): "
			 "where the CPUs are busy, sessions may fail for want of time",
			strerror(ready.bfd_error));
	imsg_send(p.hub, IMSG_READY, -1, &ready, sizeof(ready));
	event_base_dispatch(p.base);

	bgp_tcp_fini(&p);
	imsg_channel_free(p.bfd);
	bfd_loop_join();
	event_free(p.turn);
	imsg_channel_free(p.hub);
	event_base_free(p.base);
	bgp_free(p.bgp);
	reserved_fini(&p.reserved);
	return p.status;
}
