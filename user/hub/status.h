/* SPDX-License-Identifier: Apache-2.0 */
/* Between status.c, which answers requests, and the files that make one document each. */
#ifndef SLUICE_HUB_STATUS_H
#define SLUICE_HUB_STATUS_H

#include "hub/hub.h"

#include <jansson.h>
#include <stdio.h>

/* Each returns a new document. site: NULL for all. */
json_t *status_sites(struct hub *h, const struct hub_site *site);
json_t *status_tunnels(struct hub *h, const struct hub_site *site);
json_t *status_routes(struct hub *h, const struct hub_site *site);
json_t *status_sas(struct hub *h, const struct hub_site *site);
json_t *status_endpoints(struct hub *h);
void status_endpoints_metrics(FILE *f, const struct hub *h);
json_t *status_dataplane(struct hub *h);
/* The last events of a site's tunnels, or of all. */
json_t *status_log(struct hub *h, const struct hub_site *site, enum event_kind kind);
json_t *status_report(struct hub *h, const struct hub_site *site);
/* Of the last so many seconds, from whole minutes (state/history.h). */
json_t *status_report_since(struct hub *h, const struct hub_site *site, uint32_t seconds);

json_t *status_bgp(struct hub *h, const struct hub_site *site);

struct site_rates {
	uint64_t offered_bps, delivered_bps, dropped_bps;
};

/* Of all sites that share the aggregate, over the last second. */
struct site_rates status_sum_rates(struct hub *h, enum sluice_direction d);

/* metrics.c: Prometheus text exposition format, malloc'ed; sluiced(8) lists the names. */
char *status_metrics(struct hub *h);

/* site_table.c. Calls visit for the site, or for each when site is NULL, in the order of slots. */
void status_each_site(struct hub *h, const struct hub_site *site,
	void (*visit)(struct hub *h, const struct hub_site *site, json_t *list), json_t *list);

/* Counters of a site since it was configured. */
struct site_stats status_site_stats(const struct hub_site *site, enum sluice_direction direction);
struct tunnel_stats status_tunnel_stats(struct hub *h, const struct hub_site *site, unsigned int t);

/* documents.c: "2026-01-31T12:00:00Z" */
json_t *status_time(uint64_t wall_ns);

const char *status_bgp_name(const struct hub_site *site, unsigned int t);
/* Why the session is not there, as far as is known. */
const char *status_bgp_detail(const struct hub_tunnel *state);

/* Routes may lead there: the tunnel is open, and so is its BGP session where it has one. */
bool status_is_routed(const struct hub_site *site, unsigned int t);

/* status_closed.c */
json_t *status_closed(struct hub *h, const struct hub_site *site);
json_t *status_release(struct hub *h, const struct ip_prefix *prefix);

#endif
