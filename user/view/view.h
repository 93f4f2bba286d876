/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents and metrics, made of what is known (state/model.h) and of nothing else: no view asks anybody, and none
 * changes anything. Each returns a new document; `site` NULL means all sites.
 */
#ifndef SLUICE_VIEW_VIEW_H
#define SLUICE_VIEW_VIEW_H

#include "base/bus_event.h"
#include "doctor/doctor.h"
#include "ipc/msg_watch.h"
#include "plan/failure.h"
#include "plan/findings.h"
#include "plan/migration.h"
#include "plan/plan.h"
#include "state/model.h"

#include <jansson.h>
#include <stdio.h>

/* The documents of the command: of one site, or of all where site is NULL. The caller owns them. */
json_t *view_sites(const struct model *m, const struct site *site);
json_t *view_tunnels(const struct model *m, const struct site *site);
json_t *view_sas(const struct model *m, const struct site *site);
json_t *view_routes(const struct model *m, const struct site *site);
json_t *view_bgp(const struct model *m, const struct site *site);
json_t *view_endpoints(const struct model *m);
json_t *view_dataplane(const struct model *m);
json_t *view_unknown(const struct model *m);
/* Of those that fire or are silent, or of all; hub: also those of the hub. */
json_t *view_alarms(const struct model *m, const struct site *site, bool hub, bool all);
/* The last events of tunnels. */
json_t *view_log(const struct model *m, const struct site *site, enum event_kind kind);
/* Something that has happened. */
json_t *view_event(const struct bus_event *e);
/* Counts it among those of its site, {SITE: how many, since when, what was first}; returns that of the site. */
json_t *view_others(json_t *others, const struct bus_event *e);

/* A page of them, and what is asked for next; what happened to a site, and to whom else. */
json_t *view_events(json_t *own_events, bool more, uint64_t cursor);
json_t *view_timeline(const char *site, uint64_t from_ns, uint64_t to_ns, json_t *own_events,
	bool more, const json_t *others, bool others_more);
json_t *view_report(const struct model *m, const struct site *site);
/* Of the last so many seconds, from whole minutes (state/history.h). */
json_t *view_report_since(const struct model *m, const struct site *site, uint32_t seconds);

/* Of a long time, as watch has it: a site of such a report; a graph of one, and a point of that. */
json_t *view_report_sum(const struct site *site, const struct imsg_watch_sum *m);
json_t *view_graph(const char *site, uint64_t from_s, uint64_t to_s, json_t *own_points);
json_t *view_graph_point(uint64_t at_s, const struct watch_point *p);

/* A path to a prefix, as bgp explains it. */
json_t *view_path(const struct model *m, const struct bgp_path_view *v);

/*
 * What beside the paths (view_path) packets to a prefix may go by: an object with "own" where it lies within a network
 * of the hub, or is the end of a tunnel, and goes before the paths.
 */
json_t *view_own(const struct model *m, const struct ip_prefix *prefix, const json_t *paths);

/* What closed_each told of; sorts the list. */
json_t *view_closed(
	const struct model *m, const struct site *site, struct closed_view *list, size_t count);

/*
 * What a change of the configuration would do: of each key, and of each tunnel that it concerns; and what is to be said of
 * it. Takes over the names of the files that differ.
 */
json_t *view_plan(const struct plan *plan, const struct findings *found, json_t *own_files);

/* What an outage would do. */
json_t *view_failure(const struct model *m, const struct failure_effect *e);

/* What is wrong, of one site, or of one of its tunnels (else -1); of all sites without what is a note only. */
json_t *view_doctor(
	const struct model *m, const struct doctor_report *r, const struct site *site, int tunnel);

/* How far moving from one site to another is. */
json_t *view_migration(const struct migration *g);

/* Where the document of a site is. */
struct document_view {
	const char *site, *file;
	uint64_t etag;     /* the revision of its last change */
	unsigned int line; /* where it stands in sluice.yaml; 0: the file is its own */
	bool pending;      /* the file has edits that are not in force */
	bool deleting;     /* its tunnels are told that they end */
};

/*
 * All sites, of which each has a document. Takes over names of those that are about to come, [NAME], and of those that
 * have gone, {NAME: seconds of 1970}.
 */
json_t *view_site_list(const struct model *m, const struct document_view *list, size_t count,
	json_t *own_coming, json_t *own_gone);

/* What a document says: as a tree, which is taken over, and as it is written. */
json_t *view_site_document(
	const struct document_view *d, json_t *own_tree, const char *text, size_t len);

/* Who the two ends of a tunnel say they are; a DN is encoded. */
struct view_identities {
	struct ike_identity hub, device;
};

/* device.c. For each tunnel of a site: what its device has to be told. Keys are named, not shown. */
json_t *view_device(const struct config *c, const struct site_conf *site,
	const struct view_identities ids[TUNNELS_PER_SITE]);

/* What is said of the concentrator, and where: sluice.yaml and hub.yaml, with their keys as inside_keys() has them. */
struct hub_view {
	uint64_t etag;
	const char *file; /* hub.yaml */
	bool pending;     /* it has edits that are not in force */
	struct hub_source {
		const char *file;
		json_t *keys;
	} sources[2];
};

/* All options of the concentrator and of defaults.tunnel. Takes over what hub.yaml says; NULL: there is none. */
json_t *view_hub(const struct hub_view *v, const struct config *c, json_t *own_tree);

/* What was in force, the newest first: revision.json of each. Takes the list over. */
json_t *view_history(uint64_t in_force, json_t *own_revisions, const char *damaged);

/* Prometheus text exposition format; sluiced(8) lists the names. */
void view_metrics(FILE *f, const struct model *m);
/* metrics_hub.c. What of the hub everybody may know, and the rest of it. */
void view_metrics_common(FILE *f, const struct model *m);
void view_metrics_hub(FILE *f, const struct model *m);
void view_unknown_metrics(FILE *f, const struct model *m);
void view_endpoints_metrics(FILE *f, const struct model *m);

/* ---- what several documents have in common ---- */

/* Calls visit for the site, or for each when site is NULL, in the order of slots. */
void view_each_site(const struct model *m, const struct site *site,
	void (*visit)(const struct model *m, const struct site *site, json_t *list), json_t *list);

/* A count as JSON, which has no more than 63 bits. */
json_t *view_number(uint64_t n);

/* "2026-01-31T12:00:00Z" */
json_t *view_time(uint64_t wall_ns);

/* The state of a session in a word. */
const char *view_bgp_name(const struct site *site, unsigned int t);

/*
 * Why a session is not there, or is and does not do what it is for, as far as is known; "": nothing is wrong with it.
 * The cause comes first, what may add to it follows. The same of BFD.
 */
#define VIEW_WHY_SIZE 1024
const char *view_bgp_why(
	const struct model *m, const struct site *site, unsigned int t, char text[VIEW_WHY_SIZE]);
const char *view_bfd_why(const struct site *site, unsigned int t);

/* Where its device was last, else where it is configured to be: an endpoint, an address, or "". */
const char *view_last_peer(const struct site *site, unsigned int t, char text[ENDPOINT_STR_SIZE]);

/* Adds "reason" and "detail". */
void view_reason(const struct model *m, const struct site *site, unsigned int t, json_t *o);

#endif
