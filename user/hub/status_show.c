/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of "sluice show". */
#include "hub/status.h"

#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "bgp/decide.h"
#include "dataplane/reassembly.h"
#include "ike/reason.h"
#include "state/stats_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const phase_names[] = {
	[TUNNEL_DOWN] = "down", [TUNNEL_NEGOTIATING] = "negotiating", [TUNNEL_UP] = "up"};

static json_t *json_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static void count_egress(void *context, struct route_entry *e)
{
	struct hub *h = context;
	const struct route_shares *shares = route_table_sharing(h->routes, e);
	struct hub_tunnel *t = e->installed ? hub_tunnel(h, e->tunnel) : NULL;

	if (!t)
		return;
	if (!shares->count) {
		t->egress_routes++;
		t->egress_why |= 1u << route_table_facts(h->routes, e)->other;
	}
	for (unsigned int i = 0; i < shares->count; i++) {
		uint32_t tunnel = shares->tunnels[i];
		struct hub_site *site = hub_site_of_tunnel(h, tunnel);

		/* Once for each site: its lowest, which comes first. */
		if (!site || (i && shares->tunnels[i - 1] / TUNNELS_PER_SITE == site->slot))
			continue;
		site->tunnels[tunnel % TUNNELS_PER_SITE].egress_routes++;
		site->shared_routes++;
	}
}

/* the tunnel that packets to a site leave by is where most of its routes point. */
static void count_egress_routes(struct hub *h)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (!h->sites[i])
			continue;
		h->sites[i]->shared_routes = 0;
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
			h->sites[i]->tunnels[t].egress_routes = h->sites[i]->tunnels[t].egress_why =
				0;
	}
	route_table_each(h->routes, count_egress, h);
}

static json_t *primary_egress(const struct hub_site *site)
{
	unsigned int first = site->tunnels[0].egress_routes,
		     second = site->tunnels[1].egress_routes;

	return first || second ? json_integer(second > first) : json_null();
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

/* why the egress is where it is; the rules of each route are told by "show route". */
static const char *egress_reason(const struct hub_site *site)
{
	const struct hub_tunnel *t = site->tunnels;
	bool usable[TUNNELS_PER_SITE];

	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++)
		usable[i] = status_is_routed(site, i);
	if (!t[0].egress_routes && !t[1].egress_routes)
		return "no routes lead to the site";
	if (usable[0] != usable[1] && !site->shared_routes)
		return site->conf.routing == ROUTING_STATIC ? "the only tunnel that is up"
							    : "the only tunnel with a BGP session";
	if (site->conf.routing == ROUTING_STATIC)
		return "static routes: of two tunnels, the lower number";
	if (site->shared_routes)
		return "flows are spread over all tunnels that are equal (ecmp)";
	if (t[0].egress_routes && t[1].egress_routes)
		return "most routes are best over it; the others go by the other tunnel";
	return why_not_other(t[t[1].egress_routes > 0].egress_why);
}

static void add_site(struct hub *h, const struct hub_site *site, json_t *list)
{
	(void)h;

	struct site_stats in = status_site_stats(site, SLUICE_IN);
	struct site_stats out = status_site_stats(site, SLUICE_OUT);
	unsigned int configured = 0, up = 0, established = 0, routed = 0;
	uint32_t prefixes = 0;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		configured += site->conf.tunnels[t].configured;
		up += site->tunnels[t].open;
		established += site->tunnels[t].bgp.state == BGP_ESTABLISHED;
		routed += status_is_routed(site, t);
		if (site->tunnels[t].bgp.prefixes_in > prefixes)
			prefixes = site->tunnels[t].bgp.prefixes_in;
	}
	json_array_append_new(list,
		json_pack("{s:s, s:o, s:s, s:i, s:i, s:i, s:o, s:s, s:o, s:o, s:o}", "name",
			site->conf.name, "asn", json_number(site->conf.asn), "state",
			!routed                ? "down"
			: routed == configured ? "up"
					       : "degraded",
			"tunnels_up", (int)up, "bgp_established", (int)established, "prefixes_in",
			(int)prefixes, "primary_egress", primary_egress(site), "egress_reason",
			egress_reason(site), "rate_bps", json_number(site->conf.rate), "in_bytes",
			json_number(in.delivered.bytes), "out_bytes",
			json_number(out.delivered.bytes)));
}

json_t *status_sites(struct hub *h, const struct hub_site *site)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	json_t *list = json_array();

	count_egress_routes(h);
	status_each_site(h, site, add_site, list);
	return json_pack("{s:{s:s, s:o, s:i, s:o, s:o, s:o}, s:o}", "concentrator", "name", c->name,
		"asn", json_number(c->asn), "sites", (int)h->config->site_count, "site_rate_bps",
		json_number(c->site_rate), "aggregate_rate_bps", json_number(c->aggregate_rate),
		"uptime_s", json_number((clock_now() - h->started_ns) / CLOCK_SECOND), "sites",
		list);
}

static const struct imsg_sa_info *sa_in_use(const struct hub_tunnel *t)
{
	for (uint32_t i = 0; i < t->sa_count; i++) {
		if (t->sas[i].in_use)
			return &t->sas[i];
	}
	return NULL;
}

static const char *encap_name(bool udp)
{
	return udp ? "udp" : "esp";
}

/* Why it is down, or is up and carries nothing. */
static void set_reason(struct hub *h, json_t *o, const struct hub_tunnel *state,
	const struct endpoint *endpoint, unsigned int t)
{
	enum reason own = endpoint->fault         ? REASON_ENDPOINT_LOST
			  : state->silent_text[0] ? REASON_NO_ESP
						  : REASON_NONE;

	json_object_set_new(o, "reason", json_string(own ? reason_code(own) : state->ike.reason));
	json_object_set_new(o, "detail",
		own == REASON_ENDPOINT_LOST
			? json_sprintf("endpoint %u, %s: %s", t,
				  h->config->concentrator.endpoints[t].device,
				  endpoint_fault_text(endpoint->fault))
			: json_string(own ? state->silent_text : state->ike.detail));
}

static void add_tunnel(struct hub *h, const struct hub_site *site, unsigned int t, json_t *list)
{
	const struct hub_tunnel *state = &site->tunnels[t];
	const struct endpoint *endpoint = hub_endpoint(h, site, t);
	const struct imsg_sa_info *sa = sa_in_use(state);
	struct tunnel_stats stats = status_tunnel_stats(h, site, t);
	struct ip_addr local = config_local_address(h->config, &site->conf, t);
	char peer[ENDPOINT_STR_SIZE], own[ADDR_STR_SIZE];
	json_t *o = json_object();

	json_object_set_new(o, "site", json_string(site->conf.name));
	json_object_set_new(o, "tunnel", json_integer(t));
	json_object_set_new(o, "state",
		json_string(state->admin_down ? "disabled"
			    : endpoint->fault ? phase_names[TUNNEL_DOWN]
			    : state->draining && state->ike.phase == TUNNEL_UP
				    ? "draining"
				    : phase_names[state->ike.phase]));
	json_object_set_new(o, "peer", json_string(endpoint_format(&state->ike.peer, peer)));
	json_object_set_new(o, "local", json_string(addr_format(&local, own)));
	json_object_set_new(o, "ike_version", json_integer(state->ike.ike_version));
	json_object_set_new(o, "proposal", json_string(sa ? sa->proposal : ""));
	json_object_set_new(o, "ike_proposal", json_string(state->ike.ike_proposal));
	json_object_set_new(o, "encap", json_string(sa ? encap_name(sa->udp_encap) : ""));
	json_object_set_new(o, "inner_mtu", json_integer(hub_tunnel_mtu(state)));
	json_object_set_new(o, "since",
		status_time(endpoint->fault && endpoint->since_wall_ns ? endpoint->since_wall_ns
								       : state->since_wall_ns));
	json_object_set_new(o, "bgp", json_string(status_bgp_name(site, t)));
	json_object_set_new(o, "bgp_detail", json_string(status_bgp_detail(state)));
	json_object_set_new(
		o, "bfd", json_string(state->bfd.present ? bfd_state_name(state->bfd.state) : ""));
	json_object_set_new(o, "prefixes_in", json_integer(state->bgp.prefixes_in));
	json_object_set_new(o, "prefixes_out", json_integer(state->bgp.prefixes_out));
	json_object_set_new(o, "in_bytes", json_number(stats.in.bytes));
	json_object_set_new(o, "out_bytes", json_number(stats.out.bytes));
	json_object_set_new(o, "in_control_bytes", json_number(stats.control_in.bytes));
	json_object_set_new(o, "out_control_bytes", json_number(stats.control_out.bytes));
	json_object_set_new(o, "waiting_packets", json_number(stats.waiting.packets));
	set_reason(h, o, state, endpoint, t);
	json_array_append_new(list, o);
}

static void add_tunnels(struct hub *h, const struct hub_site *site, json_t *list)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured)
			add_tunnel(h, site, t, list);
	}
}

json_t *status_tunnels(struct hub *h, const struct hub_site *site)
{
	json_t *list = json_array();

	status_each_site(h, site, add_tunnels, list);
	return json_pack("{s:o}", "tunnels", list);
}

static void add_tunnel_sas(struct hub *h, const struct hub_site *site, json_t *list)
{
	uint64_t now = clock_wall();

	(void)h;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		for (uint32_t i = 0; i < site->tunnels[t].sa_count; i++) {
			const struct imsg_sa_info *sa = &site->tunnels[t].sas[i];
			uint64_t age = now > sa->created_wall_ns
					       ? (now - sa->created_wall_ns) / CLOCK_SECOND
					       : 0;
			int64_t rekey = (int64_t)sa->rekey_in_s - (int64_t)age;
			int64_t expire = (int64_t)sa->expires_in_s - (int64_t)age;
			char in[16], out[16];

			snprintf(in, sizeof(in), "0x%08x", sa->spi_in);
			snprintf(out, sizeof(out), "0x%08x", sa->spi_out);
			json_array_append_new(list,
				json_pack("{s:s, s:i, s:s, s:s, s:s, s:b, s:s, s:o, s:I, s:I}",
					"site", site->conf.name, "tunnel", (int)t, "spi_in", in,
					"spi_out", out, "proposal", sa->proposal, "in_use",
					(int)sa->in_use, "encap", encap_name(sa->udp_encap),
					"age_s", json_number(age), "rekey_in_s",
					(json_int_t)(rekey > 0 ? rekey : 0), "expires_in_s",
					(json_int_t)(expire > 0 ? expire : 0)));
		}
	}
}

json_t *status_sas(struct hub *h, const struct hub_site *site)
{
	json_t *list = json_array();

	status_each_site(h, site, add_tunnel_sas, list);
	return json_pack("{s:o}", "sas", list);
}

struct route_row {
	struct ip_prefix prefix;
	json_t *route;
};

struct routes_context {
	struct hub *h;
	const struct hub_site *site; /* NULL: all */
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
	const struct hub_site *site, const struct route_entry *e, const struct route_shares *shares)
{
	for (unsigned int i = 0; i < shares->count; i++) {
		if (shares->tunnels[i] / TUNNELS_PER_SITE == site->slot)
			return true;
	}
	return e->tunnel / TUNNELS_PER_SITE == site->slot;
}

/* All tunnels that carry flows to it; none when only the best one does. */
static json_t *shares_json(struct hub *h, const struct route_shares *shares)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < shares->count; i++) {
		const struct hub_site *site = hub_site_of_tunnel(h, shares->tunnels[i]);

		if (site)
			json_array_append_new(
				list, json_pack("{s:s, s:i}", "site", site->conf.name, "tunnel",
					      (int)(shares->tunnels[i] % TUNNELS_PER_SITE)));
	}
	return list;
}

static void add_route(void *context, struct route_entry *e)
{
	struct routes_context *c = context;
	const struct route_facts *facts = route_table_facts(c->h->routes, e);
	const struct route_shares *shares = route_table_sharing(c->h->routes, e);
	const struct hub_site *site = hub_site_of_tunnel(c->h, e->tunnel);
	const struct ip_prefix prefix = route_prefix(e);
	char text[PREFIX_STR_SIZE];
	json_t *path;

	if (!site || (c->site && !is_to_site(c->site, e, shares)))
		return;
	path = json_array();
	for (int i = 0; i < facts->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		json_array_append_new(path, json_number(facts->as_path[i]));
	add_row(c, &prefix,
		json_pack("{s:s, s:s, s:i, s:o, s:o, s:o, s:o, s:i, s:b, s:o, s:s}", "prefix",
			prefix_format(&prefix, text), "site", site->conf.name, "tunnel",
			(int)(e->tunnel % TUNNELS_PER_SITE), "as_path", path, "med",
			json_number(facts->med), "candidates", json_number(facts->candidates),
			"moves", json_number(e->moves), "mtu", (int)e->mtu, "stale", (int)e->stale,
			"shares", shares_json(c->h, shares), "kind",
			facts->source == SOURCE_STATIC ? "static" : "bgp"));
}

/* A route of the hub itself; site NULL: a network behind it. */
static void add_own_route(struct routes_context *c, const struct ip_prefix *prefix,
	const struct hub_site *site, unsigned int t)
{
	char text[PREFIX_STR_SIZE];
	json_t *o = json_pack("{s:s, s:[], s:i, s:i, s:i, s:i, s:b, s:s}", "prefix",
		prefix_format(prefix, text), "as_path", "med", 0, "candidates", 1, "moves", 0,
		"mtu", 0, "stale", 0, "kind", site ? "inside" : "hub");

	json_object_set_new(o, "site", site ? json_string(site->conf.name) : json_null());
	json_object_set_new(o, "tunnel", site ? json_integer(t) : json_null());
	add_row(c, prefix, o);
}

static void add_inside_routes(struct routes_context *c, const struct hub_site *site)
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

json_t *status_routes(struct hub *h, const struct hub_site *site)
{
	const struct networks_conf *networks = &h->config->concentrator.networks;
	struct routes_context c = {.h = h, .site = site};
	json_t *list = json_array();

	route_table_each(h->routes, add_route, &c);
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (h->sites[i] && (!site || site == h->sites[i]))
			add_inside_routes(&c, h->sites[i]);
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

static unsigned long rss_kb(pid_t pid)
{
	char path[40], line[128];
	unsigned long kb = 0;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);

	FILE *f = fopen(path, "re");

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmRSS: %lu", &kb) == 1)
			break;
	}
	if (f)
		fclose(f);
	return kb;
}

static json_t *counters(const void *stats, const struct stats_field *fields)
{
	json_t *o = json_object();

	for (const struct stats_field *f = fields; f->name; f++) {
		const struct traffic *t = stats_field_of(stats, f);

		json_object_set_new(o, f->name,
			json_pack("{s:o, s:o}", "packets", json_number(t->packets), "bytes",
				json_number(t->bytes)));
	}
	return o;
}

static void add_packets(json_t *o, const char *name, uint64_t packets)
{
	json_object_set_new(
		o, name, json_pack("{s:o, s:i}", "packets", json_number(packets), "bytes", 0));
}

static json_t *outside_counters(const struct outside_stats *s)
{
	json_t *o = counters(s, outside_fields);
	struct reassembly r = reassembly_now();

	add_packets(o, "reassembly_failed", r.failed);
	add_packets(o, "fragments_overlap", r.overlapping);
	return o;
}

json_t *status_dataplane(struct hub *h)
{
	json_t *processes = json_array();
	struct outside_stats outside;
	struct inside_stats inside;
	char mode[200], bfd[100] = "real-time priority";

	if (h->bfd_unhurried)
		snprintf(
			bfd, sizeof(bfd), "no real-time priority (%s)", strerror(h->bfd_unhurried));
	json_array_append_new(
		processes, json_pack("{s:s, s:i, s:i, s:o, s:o}", "name", "hub", "pid",
				   (int)getpid(), "restarts", 0, "uptime_s",
				   json_number((clock_now() - h->started_ns) / CLOCK_SECOND),
				   "rss_kb", json_number(rss_kb(getpid()))));
	for (int i = 0; i < PROCESS_ROLES; i++) {
		const struct process *p = &h->processes[i];
		uint64_t age = p->pid > 0 ? (clock_now() - p->started_ns) / CLOCK_SECOND : 0;

		json_array_append_new(
			processes, json_pack("{s:s, s:i, s:i, s:o, s:o, s:i}", "name",
					   process_names[i], "pid", (int)p->pid, "restarts",
					   (int)p->restarts, "uptime_s", json_number(age), "rss_kb",
					   json_number(p->pid > 0 ? rss_kb(p->pid) : 0), "silent_s",
					   (int)process_silent_s(p)));
	}
	maps_outside_stats(h->maps, &outside);
	maps_inside_stats(h->maps, &inside);
	snprintf(mode, sizeof(mode), "XDP %s, TC %s, offloads %s, %s",
		h->outside_mode[0] ? h->outside_mode[0] : "-", h->inside_mode,
		link_offloads(h->link), h->data_mode);
	return json_pack("{s:s, s:s, s:i, s:s, s:o, s:o, s:o, s:I, s:I}", "backend",
		h->kernel_esp ? "xfrm" : "af_xdp", "mode", mode, "workers", (int)h->workers,
		"bfd_thread", bfd, "processes", processes, "outside", outside_counters(&outside),
		"inside", counters(&inside, inside_fields), "routes_mended",
		(json_int_t)h->routes_mended, "closed_prefixes",
		(json_int_t)closed_count(h->closed));
}

#define LOG_SHOWN 1000 /* events of one answer */

json_t *status_log(struct hub *h, const struct hub_site *site, enum event_kind kind)
{
	const struct event_ring *rings[2 * HUB_SITE_SLOTS * TUNNELS_PER_SITE];
	size_t count = 0;

	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (!h->sites[i] || (site && h->sites[i] != site))
			continue;
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			rings[count++] = &h->sites[i]->events[t][kind];
			if (kind == EVENT_BGP)
				rings[count++] = &h->sites[i]->events[t][EVENT_BGP_ROUTE];
		}
	}
	return json_pack("{s:o}", "events", event_rings_list(rings, count, LOG_SHOWN));
}
