/* SPDX-License-Identifier: Apache-2.0 */
/* What each child is told when it starts, and what is done with what it reports. */
#include "hub/hub.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "bgp/bfd/packet.h"
#include "hub/api/api.h"
#include "hub/event/event.h"
#include "hub/host/host.h"
#include "hub/notify.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/site/admin.h"
#include "hub/site/site.h"
#include "ike/effect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATA_TRUST_NS (5 * CLOCK_SECOND)

static bool imsg_copy(const struct imsg *m, void *to, size_t size)
{
	const void *body = imsg_body(m, size);

	if (body)
		memcpy(to, body, size);
	return body;
}

static int dup_fd(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* A fresh ike <-> data channel; whichever of the two is there already gets its end now. */
static void connect_ike_and_data(struct hub *h)
{
	int pair[2];

	if (!h->processes[PROCESS_IKE].channel || !h->processes[PROCESS_DATA].channel)
		return;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		log_error("socketpair: %s", strerror(errno));
		return;
	}
	process_send(&h->processes[PROCESS_DATA], IMSG_CHANNEL, pair[0], NULL, 0);
	process_send(&h->processes[PROCESS_IKE], IMSG_CHANNEL, pair[1], NULL, 0);
}

static void send_sockets(struct hub *h, struct process *p)
{
	for (uint32_t i = 0; i < h->socket_count; i++) {
		const struct hub_socket *s = &h->sockets[i];

		if (p->role == PROCESS_IKE && s->for_ike)
			process_send(
				p, IMSG_IKE_SOCKET, dup_fd(s->fd), &s->address, sizeof(s->address));
		if (p->role == PROCESS_DATA && s->for_data && !h->kernel_esp)
			process_send(p, IMSG_DATA_SOCKET, dup_fd(s->fd), &s->address,
				sizeof(s->address));
	}
}

static void send_maps(struct hub *h, struct process *p)
{
	static const enum data_map maps[] = {DATA_MAP_SA_IN, DATA_MAP_BUCKET_IN,
		DATA_MAP_BUCKET_OUT, DATA_MAP_BUCKET_AGGREGATE, DATA_MAP_WORKER_IN_STATS,
		DATA_MAP_WORKER_OUT_STATS, DATA_MAP_TUNNEL_STATS, DATA_MAP_WORKERS, DATA_MAP_XSKS,
		DATA_MAP_SELECTORS};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct imsg_data_map m = {.map = maps[i],
			.value_size = bpf_plane_map_value_size(h->plane, maps[i]),
			.entries = bpf_plane_map_entries(h->plane, maps[i])};

		process_send(p, IMSG_DATA_MAP, dup_fd(bpf_plane_map_fd(h->plane, maps[i])), &m,
			sizeof(m));
	}
}

static void start_data(struct hub *h, struct process *p)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct link_device inside;
	struct imsg_data_conf conf = {.workers = h->workers,
		.pacing_horizon_us = c->pacing_horizon_us,
		.ecn_marking = c->ecn_marking,
		.outer_rates = c->rate_bytes == RATE_OUTER,
		.clear_df = c->df == DF_CLEAR,
		.set_df = c->df == DF_SET,
		.inside_uso = strstr(link_offloads(h->link), "uso"),
		.kernel_esp = h->kernel_esp};

	conf.inside_mtu = link_device(link_name(h->link), &inside) ? (uint16_t)inside.mtu : 1500;
	process_send(p, IMSG_DATA_CONF, -1, &conf, sizeof(conf));
	send_maps(h, p);
	for (uint32_t q = 0; !h->kernel_esp && q < h->workers; q++) {
		struct imsg_index queue = {.index = q};

		process_send(
			p, IMSG_DATA_TAP, dup_fd(link_queue_fd(h->link, q)), &queue, sizeof(queue));
	}
	send_sockets(h, p);
	for (uint32_t i = 0; i < 2; i++) {
		const struct imsg_index index = {.index = i};

		if (h->too_big[i] >= 0)
			process_send(
				p, IMSG_DATA_TOO_BIG, dup_fd(h->too_big[i]), &index, sizeof(index));
	}
	for (uint32_t i = 0; i < h->outside_count; i++)
		process_send(p, IMSG_DATA_OUTSIDE, -1, &h->outside[i], sizeof(h->outside[i]));
	hub_sites_send(h, p);
	process_send(p, IMSG_DATA_SAVED, dup_fd(h->saved_fd), NULL, 0);
	connect_ike_and_data(h);
}

/* The new process reports every SA it takes over. */
static void forget_sas(struct hub *h)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++)
			h->sites[i]->tunnels[t].sa_count = 0;
	}
}

/* The state of ike's SAs outlives it, whom they were made with does not. */
static void send_peer_certs(struct hub *h, struct process *p)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct imsg_peer_cert *cert = h->sites[i]->tunnels[t].cert;

			if (cert)
				process_send(p, IMSG_PEER_CERT, -1, cert, sizeof(*cert));
		}
	}
}

static void start_ike(struct hub *h, struct process *p)
{
	forget_sas(h);
	unknown_list_clear(&h->unknown);
	process_send(p, IMSG_IKE_CHECKPOINT, dup_fd(h->checkpoint_fd), NULL, 0);
	process_send(
		p, IMSG_IKE_SPIS, dup_fd(bpf_plane_map_fd(h->plane, DATA_MAP_IKE_SPIS)), NULL, 0);
	send_sockets(h, p);
	certificates_send(h);
	hub_sites_send(h, p);
	send_peer_certs(h, p);
	connect_ike_and_data(h);
}

struct owners {
	struct hub *h;
	struct imsg_bgp_owners m;
};

static void send_owners(struct owners *o)
{
	if (o->m.count)
		process_send(
			&o->h->processes[PROCESS_BGP], IMSG_BGP_OWNERS, -1, &o->m, sizeof(o->m));
	o->m.count = 0;
}

static void collect_owner(void *context, struct route_entry *e)
{
	struct owners *o = context;
	const struct hub_site *site = hub_site_of_tunnel(o->h, e->tunnel);

	if (!site)
		return;
	o->m.owners[o->m.count].prefix = route_prefix(e);
	o->m.owners[o->m.count].group = site->group;
	if (++o->m.count == IMSG_OWNERS_MAX)
		send_owners(o);
}

static void start_bgp(struct hub *h, struct process *p)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct imsg_bgp_conf conf = {.local_as = c->asn,
		.hold_s = (uint16_t)c->hold_s,
		.keepalive_s = (uint16_t)c->keepalive_s,
		.site_to_site = c->site_to_site,
		.graceful_restart = c->graceful_restart,
		.restarted = p->restarts > 0 && c->graceful_restart};
	const uint8_t *id = c->router_id.bytes;
	struct owners owners = {.h = h};

	conf.router_id =
		(uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
	process_send(p, IMSG_BGP_CONF, -1, &conf, sizeof(conf));
	for (int i = 0; i < 2; i++) {
		struct imsg_socket s = {
			.local = {.addr = {.family = i ? AF_INET6 : AF_INET}, .port = 179}};

		process_send(p, IMSG_BGP_LISTEN, dup_fd(h->bgp_listen[i]), &s, sizeof(s));
	}
	for (uint32_t i = 0; i < c->networks.count; i++) {
		struct imsg_bgp_network n = {.prefix = c->networks.prefixes[i], .present = true};

		process_send(p, IMSG_BGP_NETWORK, -1, &n, sizeof(n));
	}
	hub_reserved_send(h, p);
	route_table_each(h->routes, collect_owner, &owners);
	send_owners(&owners);
	hub_sites_send(h, p);
}

static void start_api(struct hub *h, struct process *p)
{
	process_send(p, IMSG_API_SOCKET, dup_fd(h->control_fd), NULL, 0);
	if (h->metrics_fd >= 0)
		process_send(p, IMSG_API_HTTP, dup_fd(h->metrics_fd), NULL, 0);
}

static void on_start(void *context, struct process *p)
{
	static void (*const starts[PROCESS_ROLES])(struct hub *, struct process *) = {
		[PROCESS_DATA] = start_data,
		[PROCESS_IKE] = start_ike,
		[PROCESS_BGP] = start_bgp,
		[PROCESS_API] = start_api,
	};

	starts[p->role](context, p);
	process_send(p, IMSG_START, -1, NULL, 0);
}

/* The SAs are lost with the data process: nothing may be routed to them. */
static void close_tunnels(struct hub *h)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (!h->sites[i]->conf.tunnels[t].configured)
				continue;
			h->sites[i]->tunnels[t].sa_count = 0;
			hub_tunnel_close(h, hub_tunnel_number(h->sites[i], t));
		}
	}
}

static void set_bgp_idle(struct hub *h)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			struct imsg_bgp_state *b = &h->sites[i]->tunnels[t].bgp;

			/* One that ends before it has heard of everybody hands on whom it waited for. */
			h->sites[i]->tunnels[t].bgp_was_up =
				b->state == BGP_ESTABLISHED ||
				(h->sites[i]->tunnels[t].bgp_was_up && !h->bgp_settled);
			b->state = BGP_IDLE;
			b->established_wall_ns = 0;
			/* What had not been heard from again is not handed on a second time. */
			h->sites[i]->tunnels[t].bfd_resume = h->sites[i]->tunnels[t].bfd.resume;
			h->sites[i]->tunnels[t].bfd = (struct imsg_bfd_state){0};
			snprintf(b->detail, sizeof(b->detail), "the bgp process is starting again");
		}
	}
}

/*
 * The next one goes on with its SAs, and nothing changes for anybody. Unless it ended so soon that
 * what it took over may be the reason: then every tunnel is set up anew.
 */
static void on_data_end(struct hub *h, const struct process *p)
{
	if (!h->kernel_esp) /* the kernel goes on: what is on its way will be accounted for */
		maps_workers_ended(h->maps);
	if (p->asked || clock_now() - p->started_ns > DATA_TRUST_NS)
		return;
	log_warn("the SAs of the data process are given up");
	close_tunnels(h);
	/* An ike that starts now must not restore what describes them. */
	if (!hub_saved_clear(h) || ftruncate(h->checkpoint_fd, 0))
		log_error("saved SAs: %s", strerror(errno));
}

static void on_end(void *context, struct process *p)
{
	struct hub *h = context;

	if (h->stopping)
		return;
	switch (p->role) {
	case PROCESS_DATA:
		on_data_end(h, p);
		break;
	case PROCESS_BGP:
		hub_routes_mark_stale(h);
		set_bgp_idle(h);
		h->bgp_settled = false;
		hub_bgp_queries_expire(h, 0);
		break;
	default:
		break; /* ike: SAs stay in data; api: holds nothing */
	}
}

/* A child may be in a peer's hands: what it sends as text ends where its array ends, and is text. */
#define END(field) ((field)[sizeof(field) - 1] = '\0', utf8_clean(field))

static void on_tunnel_state(struct hub *h, struct imsg_tunnel_state *m)
{
	static const char *const names[] = {
		[TUNNEL_DOWN] = "down", [TUNNEL_NEGOTIATING] = "negotiating", [TUNNEL_UP] = "up"};
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);
	struct hub_site *site = hub_site_of_tunnel(h, m->tunnel);
	char peer[ENDPOINT_STR_SIZE];

	if (!t || m->phase > TUNNEL_UP)
		return;
	END(m->reason);
	END(m->detail);
	END(m->ike_proposal);
	if (t->ike.phase != m->phase) {
		t->since_wall_ns = clock_wall();
		log_info("site %s tunnel %u: %s, peer %s%s%s%s%s", site->conf.name, m->tunnel % 2,
			names[m->phase], endpoint_format(&m->peer, peer), m->reason[0] ? ", " : "",
			m->reason, m->detail[0] ? ": " : "", m->detail);
	}
	t->ike = *m;
	/* Without an SA pair it carries nothing, whether or not its IKE SA lives. */
	if (m->phase != TUNNEL_UP)
		hub_tunnel_close(h, m->tunnel);
	else if (h->processes[PROCESS_DATA].channel && (!t->admin_down || t->open))
		hub_tunnel_open(h, m->tunnel);
}

static void on_tunnel_event(struct hub *h, struct imsg_tunnel_event *m)
{
	static const char *const states[] = {[SA_STATE_DOWN] = "Down",
		[SA_STATE_NEGOTIATING] = "Negotiating",
		[SA_STATE_ESTABLISHED] = "Established",
		[SA_STATE_REKEYING] = "Rekeying"};
	struct hub_site *site = hub_site_of_tunnel(h, m->tunnel);
	char peer[ENDPOINT_STR_SIZE];
	json_t *event;

	if (!site || m->phase1 > SA_STATE_REKEYING || m->phase2 > SA_STATE_REKEYING)
		return;
	END(m->code);
	END(m->detail);
	site->tunnels[m->tunnel % TUNNELS_PER_SITE].refusals += m->refusal != 0;
	event = json_pack("{s:s, s:i, s:b, s:b, s:s, s:s, s:s, s:s}", "site", site->conf.name,
		"tunnel", (int)(m->tunnel % TUNNELS_PER_SITE), "dpd_enabled", m->dpd_enabled,
		"nat_t_detected", m->nat_detected, "ike_phase1_state", states[m->phase1],
		"ike_phase2_state", states[m->phase2], "reason_code", m->code, "details",
		m->detail);
	if (event && m->peer.port)
		json_object_set_new(event, "peer", json_string(endpoint_format(&m->peer, peer)));
	if (event)
		hub_event(h, m->tunnel, EVENT_ACTIVITY, event);
}

static void on_peer_cert(struct hub *h, struct imsg_peer_cert *m)
{
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);

	if (!t || !m->chain.count)
		return;
	END(m->facts.subject);
	END(m->facts.issuer);
	END(m->facts.names);
	END(m->facts.serial);
	END(m->facts.fingerprint);
	END(m->facts.key);
	if (!t->cert || strcmp(t->cert->facts.fingerprint, m->facts.fingerprint)) {
		log_info("site %s tunnel %u: certificate of %s, serial %s",
			hub_site_of_tunnel(h, m->tunnel)->conf.name, m->tunnel % 2,
			m->facts.subject, m->facts.serial);
		t->cert_warned_s = 0;
	}
	if (!t->cert)
		t->cert = malloc(sizeof(*t->cert));
	if (!t->cert)
		abort();
	*t->cert = *m;
	certificates_warn(h);
}

static void on_ike(struct hub *h, const struct imsg *m)
{
	union {
		struct imsg_tunnel_state state;
		struct imsg_sa_info info;
		struct imsg_sa_ref ref;
		struct imsg_tunnel_event event;
		struct imsg_unknown unknown;
		struct imsg_peer_cert cert;
	} own;

	switch (m->type) {
	case IMSG_TUNNEL_STATE:
		if (imsg_copy(m, &own.state, sizeof(own.state)))
			on_tunnel_state(h, &own.state);
		break;
	case IMSG_SA_INFO:
		if (imsg_copy(m, &own.info, sizeof(own.info)))
			hub_sa_info(h, &own.info);
		break;
	case IMSG_UNKNOWN:
		if (imsg_copy(m, &own.unknown, sizeof(own.unknown)) &&
			!unknown_list_take(&h->unknown, &own.unknown))
			log_error("ike tells of a device that cannot be");
		break;
	case IMSG_TUNNEL_EVENT:
		if (imsg_copy(m, &own.event, sizeof(own.event)))
			on_tunnel_event(h, &own.event);
		break;
	case IMSG_SA_GONE:
		if (imsg_copy(m, &own.ref, sizeof(own.ref)))
			hub_sa_gone(h, &own.ref);
		break;
	case IMSG_PEER_CERT:
		if (imsg_copy(m, &own.cert, sizeof(own.cert)))
			on_peer_cert(h, &own.cert);
		break;
	default:
		break;
	}
}

static void on_bgp_state(struct hub *h, struct imsg_bgp_state *m)
{
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);

	if (!t || m->state > BGP_ESTABLISHED)
		return;
	END(m->detail);
	if (t->bgp.state != m->state &&
		(m->state == BGP_ESTABLISHED || t->bgp.state == BGP_ESTABLISHED))
		log_info("site %s tunnel %u: BGP %s%s%s",
			hub_site_of_tunnel(h, m->tunnel)->conf.name, m->tunnel % 2,
			m->state == BGP_ESTABLISHED ? "established" : "closed",
			m->detail[0] ? ": " : "", m->detail);
	m->established_wall_ns = m->state != BGP_ESTABLISHED  ? 0
				 : t->bgp.established_wall_ns ? t->bgp.established_wall_ns
							      : clock_wall();
	t->bgp = *m;
	if (m->state == BGP_ESTABLISHED) {
		t->md5_at_ns = 0; /* whatever it was, it is over */
		admin_carries(h, m->tunnel);
	}
}

static void on_bfd_state(struct hub *h, const struct imsg_bfd_state *m)
{
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);

	if (!t || m->state >= BFD_STATES)
		return;
	if (t->bfd.present != m->present || t->bfd.state != m->state)
		log_info("site %s tunnel %u: BFD %s%s%s%s",
			hub_site_of_tunnel(h, m->tunnel)->conf.name, m->tunnel % 2,
			m->present ? bfd_state_name(m->state) : "off",
			m->present && m->diag ? " (" : "",
			m->present && m->diag ? bfd_diag_name(m->diag) : "",
			m->present && m->diag ? ")" : "");
	t->bfd = *m;
}

/* M-24. The local preference and the weight are the hub's own: the same for every path. */
static json_t *route_message(const struct bgp_effect_event *e)
{
	char prefix[PREFIX_STR_SIZE], hop[ADDR_STR_SIZE], path[ROUTE_AS_PATH_SHOWN * 11 + 4] = "";
	json_t *o;

	for (size_t i = 0, at = 0; i < e->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		at += (size_t)snprintf(
			path + at, sizeof(path) - at, "%s%u", i ? " " : "", e->as_path[i]);
	if (e->as_path_len > ROUTE_AS_PATH_SHOWN)
		strcat(path, " ...");
	o = json_pack("{s:s}", "prefix", prefix_format(&e->prefix, prefix));
	if (e->status != BGP_EVENT_WITHDRAWN)
		json_object_update_new(
			o, json_pack("{s:s, s:i, s:I, s:s, s:i}", "asPath", path, "localPref", 100,
				   "med", (json_int_t)e->med, "nextHopIp",
				   addr_format(&e->next_hop, hop), "weight", 0));
	return o;
}

static void on_bgp_event(struct hub *h, struct imsg_bgp_event *m)
{
	static const char *const statuses[BGP_EVENT_STATUSES] = {
		[BGP_EVENT_DOWN] = "DOWN",
		[BGP_EVENT_UP] = "UP",
		[BGP_EVENT_ADVERTISED] = "ADVERTISED",
		[BGP_EVENT_UPDATED] = "UPDATED",
		[BGP_EVENT_WITHDRAWN] = "WITHDRAWN",
	};
	struct bgp_effect_event *e = &m->event;
	bool route = e->status >= BGP_EVENT_ADVERTISED;
	json_t *message;

	if (e->status >= BGP_EVENT_STATUSES ||
		(route && e->prefix.len > addr_bits(&e->prefix.addr)))
		return;
	END(e->details);
	message = route ? route_message(e) : json_object();
	if (e->details[0] || !route)
		json_object_set_new(message, "details", json_string(e->details));
	if (e->left_out)
		json_object_set_new(message, "left_out", json_integer(e->left_out));
	hub_event(h, m->tunnel, route ? EVENT_BGP_ROUTE : EVENT_BGP,
		json_pack("{s:s, s:s, s:o}", "type", route ? "RouteStatus" : "BGPStatus", "status",
			statuses[e->status], "message", message));
}

static void on_bgp(struct hub *h, const struct imsg *m)
{
	struct imsg_bfd_state bfd;
	struct imsg_bgp_state state;
	struct imsg_bgp_event event;
	struct imsg_bgp_answer answer;
	struct imsg_bgp_ready ready;

	switch (m->type) {
	case IMSG_BGP_STATE:
		if (imsg_copy(m, &state, sizeof(state)))
			on_bgp_state(h, &state);
		break;
	case IMSG_ROUTES:
		hub_routes_take(h, m->payload, m->len / sizeof(struct imsg_route));
		break;
	case IMSG_UNROUTES:
		hub_routes_gone(h, m->payload, m->len / sizeof(struct ip_prefix));
		break;
	case IMSG_BGP_SETTLED:
		h->bgp_settled = true;
		hub_routes_drop_stale(h);
		break;
	case IMSG_BGP_EVENT:
		if (imsg_copy(m, &event, sizeof(event)))
			on_bgp_event(h, &event);
		break;
	case IMSG_BGP_ANSWER:
		if (imsg_copy(m, &answer, sizeof(answer)))
			hub_bgp_answer(h, &answer);
		break;
	case IMSG_READY:
		h->bfd_unhurried = imsg_copy(m, &ready, sizeof(ready)) ? ready.bfd_error : 0;
		break;
	case IMSG_BFD_STATE:
		if (imsg_copy(m, &bfd, sizeof(bfd)))
			on_bfd_state(h, &bfd);
		break;
	default:
		break;
	}
}

static void on_data(struct hub *h, const struct imsg *m)
{
	struct imsg_data_mode mode;
	struct imsg_data_path path;

	if (m->type == IMSG_DATA_PATH && imsg_copy(m, &path, sizeof(path)))
		hub_tunnel_path(h, &path);
	if (m->type == IMSG_DATA_MODE && imsg_copy(m, &mode, sizeof(mode))) {
		END(mode.text);
		snprintf(h->data_mode, sizeof(h->data_mode), "%s", mode.text);
		log_info("data plane: %s", mode.text);
	}
}

static void on_api(struct hub *h, const struct imsg *m)
{
	const struct imsg_api_request *request;

	if (m->type == IMSG_API_REQUEST && (request = imsg_body(m, sizeof(*request)))) {
		struct imsg_api_request own = *request;

		own.site[sizeof(own.site) - 1] = '\0';
		hub_api_request(h, &own);
	}
}

/* With the last of them the start is over, and the service manager is told. */
static void child_ready(struct hub *h)
{
	bool all = true;

	for (int i = 0; i < PROCESS_ROLES; i++)
		all &= h->processes[i].was_ready;
	if (!all || h->started)
		return;
	h->started = true;
	log_info("concentrator %s: AS %u, %u sites", h->config->concentrator.name,
		h->config->concentrator.asn, h->config->site_count);
	notify_send("READY=1");
}

/* One entry per role, so that a child can only say what its role may say. */
#define ON_MESSAGE(role, handler)                                                                  \
	static void on_##role##_message(void *context, const struct imsg *m)                       \
	{                                                                                          \
		handler(context, m);                                                               \
		if (m->type == IMSG_READY)                                                         \
			child_ready(context);                                                      \
		if (m->fd >= 0)                                                                    \
			close(m->fd); /* no child sends descriptors to hub */                      \
	}

ON_MESSAGE(data, on_data)
ON_MESSAGE(ike, on_ike)
ON_MESSAGE(bgp, on_bgp)
ON_MESSAGE(api, on_api)

void hub_children_init(struct hub *h, bool verbose)
{
	static imsg_handler *const handlers[PROCESS_ROLES] = {
		[PROCESS_DATA] = on_data_message,
		[PROCESS_IKE] = on_ike_message,
		[PROCESS_BGP] = on_bgp_message,
		[PROCESS_API] = on_api_message,
	};

	for (int i = 0; i < PROCESS_ROLES; i++) {
		h->processes[i] = (struct process){.role = (enum process_role)i,
			.base = h->base,
			.on_message = handlers[i],
			.on_start = on_start,
			.on_end = on_end,
			.context = h,
			.verbose = verbose};
	}
}
