/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of "sluice show". */
#include "view/view.h"

#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "bgp/decide.h"
#include "ike/reason.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_ike.h"
#include "state/stats_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the routes to a site point. Counted for all sites at once. */
struct egress {
	unsigned int routes[TUNNELS_PER_SITE];
	unsigned int why
		[TUNNELS_PER_SITE]; /* of these, a bit for each enum path_fate of the other tunnel */
	unsigned int shared;        /* that other sites carry too */
};

struct egress_count {
	const struct model *m;
	struct egress sites[SITE_SLOTS];
};

static void count_egress(void *context, const struct route_entry *e)
{
	struct egress_count *c = context;
	const struct route_shares *shares = route_table_sharing(c->m->routes, e);
	unsigned int t = e->tunnel % TUNNELS_PER_SITE;

	if (!e->installed || !site_tunnel_find(c->m, e->tunnel))
		return;
	if (!shares->count) {
		struct egress *g = &c->sites[e->tunnel / TUNNELS_PER_SITE];

		g->routes[t]++;
		g->why[t] |= 1u << route_table_facts(c->m->routes, e)->other;
	}
	for (unsigned int i = 0; i < shares->count; i++) {
		uint32_t tunnel = shares->tunnels[i], slot = tunnel / TUNNELS_PER_SITE;

		/* Once for each site: its lowest, which comes first. */
		if (!site_of_tunnel(c->m, tunnel) ||
			(i && shares->tunnels[i - 1] / TUNNELS_PER_SITE == slot))
			continue;
		c->sites[slot].routes[tunnel % TUNNELS_PER_SITE]++;
		c->sites[slot].shared++;
	}
}

/* The tunnel that packets to a site leave by is where most of its routes point. */
static json_t *primary_egress(const struct egress *g)
{
	return g->routes[0] || g->routes[1] ? json_integer(g->routes[1] > g->routes[0])
					    : json_null();
}

/* Why all routes of a tunnel are better over it than over the other one of its site. */
static const char *why_not_other(unsigned int why)
{
	switch (why) {
	case 1u << PATH_BEST:
		return "the site announces its prefixes over no other tunnel";
	case 1u << PATH_DRAINING:
		return "the other tunnel is drained";
	case 1u << PATH_LONGER:
		return "the AS path is shorter over it";
	case 1u << PATH_ORIGIN:
		return "the origin is better over it";
	case 1u << PATH_MED:
		return "the site's MED is lower over it";
	case 1u << PATH_TUNNEL:
		return "both are equal, and its number is lower";
	default:
		return "its routes are better for several reasons, see `sluice show route`";
	}
}

/* Why the egress is where it is; the rules of each route are told by "show route". */
static const char *egress_reason(const struct site *site, const struct egress *g)
{
	bool usable[TUNNELS_PER_SITE];

	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++)
		usable[i] = tunnel_is_routed(site, i);
	if (!g->routes[0] && !g->routes[1])
		return "no routes lead to the site";
	if (usable[0] != usable[1] && !g->shared)
		return site->conf.routing == ROUTING_STATIC ? "the only tunnel that is up"
							    : "the only tunnel with a BGP session";
	if (site->conf.routing == ROUTING_STATIC)
		return "static routes: of two tunnels, the lower number";
	if (g->shared)
		return "flows are spread over all tunnels that are equal (ecmp)";
	if (g->routes[0] && g->routes[1])
		return "most routes are best over it; the others go by the other tunnel";
	return why_not_other(g->why[g->routes[1] > 0]);
}

static void add_site(const struct site *site, const struct egress *g, json_t *list)
{
	struct site_stats in = site_counted(site, SLUICE_IN);
	struct site_stats out = site_counted(site, SLUICE_OUT);
	unsigned int configured = 0, up = 0, established = 0, routed = 0;
	uint32_t prefixes = 0;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		configured += site->conf.tunnels[t].configured;
		up += site->tunnels[t].open;
		established += site->tunnels[t].bgp.state == BGP_ESTABLISHED;
		routed += tunnel_is_routed(site, t);
		if (site->tunnels[t].bgp.prefixes_in > prefixes)
			prefixes = site->tunnels[t].bgp.prefixes_in;
	}
	json_array_append_new(list,
		json_pack("{s:s, s:o, s:s, s:i, s:i, s:i, s:o, s:s, s:o, s:o, s:o}", "name",
			site->conf.name, "asn", view_number(site->conf.asn), "state",
			!routed                ? "down"
			: routed == configured ? "up"
					       : "degraded",
			"tunnels_up", (int)up, "bgp_established", (int)established, "prefixes_in",
			(int)prefixes, "primary_egress", primary_egress(g), "egress_reason",
			egress_reason(site, g), "rate_bps", view_number(site->conf.rate),
			"in_bytes", view_number(in.delivered.bytes), "out_bytes",
			view_number(out.delivered.bytes)));
}

json_t *view_sites(const struct model *m, const struct site *site)
{
	const struct concentrator_conf *c = &m->config->concentrator;
	struct egress_count count = {.m = m};
	json_t *list = json_array();

	route_table_read(m->routes, count_egress, &count);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (m->sites[i] && (!site || site == m->sites[i]))
			add_site(m->sites[i], &count.sites[i], list);
	}
	return json_pack("{s:{s:s, s:o, s:i, s:o, s:o, s:o}, s:o}", "concentrator", "name", c->name,
		"asn", view_number(c->asn), "sites", (int)m->config->site_count, "site_rate_bps",
		view_number(c->site_rate), "aggregate_rate_bps", view_number(c->aggregate_rate),
		"uptime_s", view_number((clock_now() - m->started_ns) / CLOCK_SECOND), "sites",
		list);
}

static const char *encap_name(bool udp)
{
	return udp ? "udp" : "esp";
}

static void add_tunnel(const struct model *m, const struct site *site, unsigned int t, json_t *list)
{
	const struct site_tunnel *state = &site->tunnels[t];
	const struct endpoint *endpoint = endpoint_of(m, site, t);
	const struct tunnel_sa *sa = tunnel_sa_in_use(state);
	struct tunnel_stats stats = tunnel_counted(site, t);
	struct ip_addr local = config_local_address(m->config, &site->conf, t);
	char peer[ENDPOINT_STR_SIZE], own[ADDR_STR_SIZE], why[VIEW_WHY_SIZE];
	json_t *o = json_object();

	json_object_set_new(o, "site", json_string(site->conf.name));
	json_object_set_new(o, "tunnel", json_integer(t));
	json_object_set_new(o, "state",
		json_string(state->admin_down ? "disabled"
			    : endpoint->fault ? tunnel_phase_name(TUNNEL_DOWN)
			    : state->draining && state->ike.phase == TUNNEL_UP
				    ? "draining"
				    : tunnel_phase_name(state->ike.phase)));
	json_object_set_new(o, "peer", json_string(endpoint_format(&state->ike.peer, peer)));
	json_object_set_new(o, "last_peer", json_string(view_last_peer(site, t, peer)));
	json_object_set_new(o, "local", json_string(addr_format(&local, own)));
	json_object_set_new(o, "ike_version", json_integer(state->ike.ike_version));
	json_object_set_new(o, "proposal", json_string(sa ? sa->proposal : ""));
	json_object_set_new(o, "ike_proposal", json_string(state->ike.ike_proposal));
	json_object_set_new(o, "encap", json_string(sa ? encap_name(sa->udp_encap) : ""));
	json_object_set_new(o, "inner_mtu", json_integer(tunnel_mtu(state)));
	json_object_set_new(o, "since",
		view_time(endpoint->fault && endpoint->since_wall_ns ? endpoint->since_wall_ns
								     : state->since_wall_ns));
	json_object_set_new(o, "bgp", json_string(view_bgp_name(site, t)));
	json_object_set_new(o, "bgp_detail", json_string(view_bgp_why(m, site, t, why)));
	json_object_set_new(o, "bfd_detail", json_string(view_bfd_why(site, t)));
	json_object_set_new(
		o, "bfd", json_string(state->bfd.present ? bfd_state_name(state->bfd.state) : ""));
	json_object_set_new(o, "prefixes_in", json_integer(state->bgp.prefixes_in));
	json_object_set_new(o, "prefixes_out", json_integer(state->bgp.prefixes_out));
	json_object_set_new(o, "in_bytes", view_number(stats.in.bytes));
	json_object_set_new(o, "out_bytes", view_number(stats.out.bytes));
	json_object_set_new(o, "in_control_bytes", view_number(stats.control_in.bytes));
	json_object_set_new(o, "out_control_bytes", view_number(stats.control_out.bytes));
	json_object_set_new(o, "waiting_packets", view_number(stats.waiting.packets));
	view_reason(m, site, t, o);
	json_array_append_new(list, o);
}

static void add_tunnels(const struct model *m, const struct site *site, json_t *list)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured)
			add_tunnel(m, site, t, list);
	}
}

json_t *view_tunnels(const struct model *m, const struct site *site)
{
	json_t *list = json_array();

	view_each_site(m, site, add_tunnels, list);
	return json_pack("{s:o}", "tunnels", list);
}

static void add_tunnel_sas(const struct model *m, const struct site *site, json_t *list)
{
	uint64_t now = clock_wall();

	(void)m;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		for (uint32_t i = 0; i < site->tunnels[t].sa_count; i++) {
			const struct tunnel_sa *sa = &site->tunnels[t].sas[i];
			uint64_t age = now > sa->created_wall_ns
					       ? (now - sa->created_wall_ns) / CLOCK_SECOND
					       : 0;
			int64_t rekey = (int64_t)sa->rekey_in_s - (int64_t)age;
			int64_t expire = (int64_t)sa->expires_in_s - (int64_t)age;
			char in[16], out[16];

			snprintf(in, sizeof(in), "0x%08x", sa->spi_in);
			snprintf(out, sizeof(out), "0x%08x", sa->spi_out);
			json_array_append_new(list,
				json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o, s:I, "
					  "s:I}",
					"site", site->conf.name, "tunnel", (int)t, "spi_in", in,
					"spi_out", out, "proposal", sa->proposal, "local_ts",
					sa->local_ts, "remote_ts", sa->remote_ts, "in_use",
					(int)sa->in_use, "encap", encap_name(sa->udp_encap),
					"age_s", view_number(age), "rekey_in_s",
					(json_int_t)(rekey > 0 ? rekey : 0), "expires_in_s",
					(json_int_t)(expire > 0 ? expire : 0)));
		}
	}
}

json_t *view_sas(const struct model *m, const struct site *site)
{
	json_t *list = json_array();

	view_each_site(m, site, add_tunnel_sas, list);
	return json_pack("{s:o}", "sas", list);
}

struct route_row {
	struct ip_prefix prefix;
	json_t *route;
};

struct routes_context {
	const struct model *m;
	const struct site *site; /* NULL: all */
	struct route_row *rows;
	size_t count, size;
};

static void add_row(struct routes_context *c, const struct ip_prefix *prefix, json_t *own_route)
{
	if (c->count == c->size) {
		c->size = c->size ? c->size * 2 : 256;
		c->rows = realloc(c->rows, c->size * sizeof(*c->rows));
		if (!c->rows)
			abort();
	}
	c->rows[c->count++] = (struct route_row){*prefix, own_route};
}

static int compare_rows(const void *a, const void *b)
{
	const struct route_row *x = a, *y = b;

	return prefix_compare(&x->prefix, &y->prefix);
}

static bool is_to_site(
	const struct site *site, const struct route_entry *e, const struct route_shares *shares)
{
	for (unsigned int i = 0; i < shares->count; i++) {
		if (shares->tunnels[i] / TUNNELS_PER_SITE == site->slot)
			return true;
	}
	return e->tunnel / TUNNELS_PER_SITE == site->slot;
}

/* All tunnels that carry flows to it; none when only the best one does. */
static json_t *shares_json(const struct model *m, const struct route_shares *shares)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < shares->count; i++) {
		const struct site *site = site_of_tunnel(m, shares->tunnels[i]);

		if (site)
			json_array_append_new(
				list, json_pack("{s:s, s:i}", "site", site->conf.name, "tunnel",
					      (int)(shares->tunnels[i] % TUNNELS_PER_SITE)));
	}
	return list;
}

static void add_route(void *context, const struct route_entry *e)
{
	struct routes_context *c = context;
	const struct route_facts *facts = route_table_facts(c->m->routes, e);
	const struct route_shares *shares = route_table_sharing(c->m->routes, e);
	const struct site *site = site_of_tunnel(c->m, e->tunnel);
	const struct ip_prefix prefix = route_prefix(e);
	char text[PREFIX_STR_SIZE];
	json_t *path;

	if (!site || (c->site && !is_to_site(c->site, e, shares)))
		return;
	path = json_array();
	for (int i = 0; i < facts->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		json_array_append_new(path, view_number(facts->as_path[i]));
	add_row(c, &prefix,
		json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:i, s:b, s:o, s:s}", "prefix",
			prefix_format(&prefix, text), "site", site->conf.name, "tunnel",
			(int)(e->tunnel % TUNNELS_PER_SITE), "as_path", path, "med",
			view_number(facts->med), "candidates", view_number(facts->candidates.all),
			"moves", view_number(e->moves), "mtu", (int)e->mtu, "stale", (int)e->stale,
			"shares", shares_json(c->m, shares), "kind",
			facts->source == SOURCE_STATIC ? "static" : "bgp"));
}

/* A route of the hub itself; site NULL: a network behind it. */
static void add_own_route(struct routes_context *c, const struct ip_prefix *prefix,
	const struct site *site, unsigned int t)
{
	char text[PREFIX_STR_SIZE];
	json_t *o = json_pack("{s:s, s:[], s:i, s:i, s:i, s:i, s:b, s:s}", "prefix",
		prefix_format(prefix, text), "as_path", "med", 0, "candidates", 1, "moves", 0,
		"mtu", 0, "stale", 0, "kind", site ? "inside" : "hub");

	json_object_set_new(o, "site", site ? json_string(site->conf.name) : json_null());
	json_object_set_new(o, "tunnel", site ? json_integer(t) : json_null());
	add_row(c, prefix, o);
}

static void add_inside_routes(struct routes_context *c, const struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct tunnel_conf *conf = &site->conf.tunnels[t];
		const struct ip_prefix *blocks[] = {&conf->inside, &conf->inside6};

		for (int i = 0; i < 2 && site->tunnels[t].open; i++) {
			struct ip_addr peer = config_inside_site(blocks[i]);
			struct ip_prefix host = prefix_make(&peer, addr_bits(&peer));

			if (addr_is_set(&peer))
				add_own_route(c, &host, site, t);
		}
	}
}

json_t *view_routes(const struct model *m, const struct site *site)
{
	const struct networks_conf *networks = &m->config->concentrator.networks;
	struct routes_context c = {.m = m, .site = site};
	json_t *list = json_array();

	route_table_read(m->routes, add_route, &c);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (m->sites[i] && (!site || site == m->sites[i]))
			add_inside_routes(&c, m->sites[i]);
	}
	for (uint32_t i = 0; !site && i < networks->count; i++)
		add_own_route(&c, &networks->prefixes[i], NULL, 0);
	if (c.count)
		qsort(c.rows, c.count, sizeof(*c.rows), compare_rows);
	for (size_t i = 0; i < c.count; i++)
		json_array_append_new(list, c.rows[i].route);
	free(c.rows);
	return json_pack("{s:o}", "routes", list);
}

static json_t *counters(const void *stats, const struct stats_field *fields)
{
	json_t *o = json_object();

	for (const struct stats_field *f = fields; f->name; f++) {
		const struct traffic *t = stats_field_of(stats, f);

		json_object_set_new(o, f->name,
			json_pack("{s:o, s:o}", "packets", view_number(t->packets), "bytes",
				view_number(t->bytes)));
	}
	return o;
}

static void add_packets(json_t *o, const char *name, uint64_t packets)
{
	json_object_set_new(
		o, name, json_pack("{s:o, s:i}", "packets", view_number(packets), "bytes", 0));
}

static json_t *outside_counters(const struct model_plane *p)
{
	json_t *o = counters(&p->outside, outside_fields);

	add_packets(o, "reassembly_failed", p->reassembly.failed);
	add_packets(o, "fragments_overlap", p->reassembly.overlapping);
	return o;
}

static json_t *process_json(const struct model_process *p, bool child)
{
	json_t *o = json_pack("{s:s, s:i, s:o, s:o, s:o}", "name", p->name, "pid", p->pid,
		"restarts", view_number(p->restarts), "uptime_s", view_number(p->uptime_s),
		"rss_kb", view_number(p->rss_kb));

	if (child)
		json_object_set_new(o, "silent_s", view_number(p->silent_s));
	if (p->trouble)
		json_object_set_new(o, "trouble", json_string(p->trouble));
	return o;
}

static const char *xdp_mode(const struct model_host *host, uint32_t device)
{
	return host->outside_mode[device] ? host->outside_mode[device] : "-";
}

/* How XDP is attached: in a word where it is the same on all devices, else of each by its name. */
static void xdp_modes(const struct model_host *host, char *text, size_t size)
{
	const char *first = NULL;
	bool same = true;
	size_t n = 0;

	for (uint32_t i = 0; i < host->outside_count; i++) {
		if (!host->outside[i].name[0])
			continue;
		first = first ? first : xdp_mode(host, i);
		same &= !strcmp(xdp_mode(host, i), first);
	}
	if (same) {
		snprintf(text, size, "%s", first ? first : "-");
		return;
	}
	for (uint32_t i = 0; i < host->outside_count && n < size; i++) {
		if (host->outside[i].name[0])
			n += (size_t)snprintf(text + n, size - n, "%s%s %s", n ? ", " : "",
				host->outside[i].name, xdp_mode(host, i));
	}
}

json_t *view_dataplane(const struct model *m)
{
	const struct model_plane *p = &m->plane;
	json_t *processes = json_array();
	char xdp[100], mode[400], bfd[100] = "real-time priority";

	if (p->bfd_unhurried)
		snprintf(
			bfd, sizeof(bfd), "no real-time priority (%s)", strerror(p->bfd_unhurried));
	for (int i = 0; i < MODEL_PROCESSES; i++) {
		if (p->processes[i].name)
			json_array_append_new(processes, process_json(&p->processes[i], i > 0));
	}
	xdp_modes(&m->host, xdp, sizeof(xdp));
	snprintf(mode, sizeof(mode), "XDP %s, TC %s, offloads %s, %s", xdp, p->inside_mode,
		p->offloads, p->data_mode);
	return json_pack("{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:I, s:I, s:I}", "backend",
		p->kernel_esp ? "xfrm" : "af_xdp", "mode", mode, "workers", (int)p->workers,
		"bfd_thread", bfd, "processes", processes, "outside", outside_counters(p), "inside",
		counters(&p->inside, inside_fields), "routes_mended", (json_int_t)p->routes_mended,
		"closed_prefixes", (json_int_t)p->closed_count, "log_events_lost",
		(json_int_t)m->events_lost);
}

#define LOG_SHOWN 1000 /* events of one answer */

json_t *view_log(const struct model *m, const struct site *site, enum event_kind kind)
{
	const struct event_ring *rings[2 * SITE_SLOTS * TUNNELS_PER_SITE];
	size_t count = 0;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (!m->sites[i] || (site && m->sites[i] != site))
			continue;
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			rings[count++] = &m->sites[i]->events[t][kind];
			if (kind == EVENT_BGP)
				rings[count++] = &m->sites[i]->events[t][EVENT_BGP_ROUTE];
		}
	}
	return json_pack("{s:o}", "events", event_rings_list(rings, count, LOG_SHOWN));
}
