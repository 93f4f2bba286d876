/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration comes into force: what it ends leaves, and what has changed is changed site by site. */
#include "base/date.h"
#include "base/log.h"
#include "base/utf8.h"
#include "hub/api/access.h"
#include "hub/api/remote.h"
#include "hub/api/secret_overlap.h"
#include "hub/api/streams.h"
#include "hub/apply_pending.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "hub/host/host.h"
#include "hub/revision.h"
#include "hub/route/route.h"
#include "hub/secret/reads.h"
#include "hub/secret/secret.h"
#include "hub/site/admin.h"
#include "hub/site/site.h"
#include "plan/plan.h"
#include "store/made.h"
#include "store/revisions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct changes {
	unsigned int added, changed, removed;
};

static void apply_sites(struct hub *h, const struct config *c, enum settle whom, struct changes *n)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i] && !config_site(c, h->model.sites[i]->conf.name)) {
			log_info("site %s: removed", h->model.sites[i]->conf.name);
			hub_site_remove(h, h->model.sites[i]);
			n->removed++;
		}
	}
	for (uint32_t i = 0; i < c->site_count; i++) {
		struct site *site = site_find(&h->model, c->sites[i].name);

		if (!site) {
			log_info("site %s: added", c->sites[i].name);
			hub_site_add(h, &c->sites[i], revision_slot(h, c->sites[i].name));
			site_find(&h->model, c->sites[i].name)->changed = true;
			n->added++;
		} else if (memcmp(&site->conf, &c->sites[i], sizeof(site->conf))) {
			log_info("site %s: changed", c->sites[i].name);
			hub_site_change(h, site, &c->sites[i]);
			site->changed = true;
			n->changed++;
		}
	}
	hub_tunnels_moved(h);
	hub_takeovers_set(h);
	hub_claims_collect(h);
	hub_sites_settle(h, whom);
	hub_sources_set(h);
	hub_reserved_refresh(h);
	hub_routes_judge_soon(h);
}

/* A burst belongs to every bucket. */
static void set_all_rates(struct hub *h)
{
	hub_aggregate_set(h);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i])
			hub_rates_set(h, h->model.sites[i]);
	}
}

enum { WARNINGS_MAX = 100, WARNING_SIZE = 1024 };

void apply_hear(void *own_pending, const char *text)
{
	struct apply_pending *p = own_pending;
	char clean[WARNING_SIZE];
	json_t *said;
	size_t i;

	snprintf(clean, sizeof(clean), "%s", text);
	utf8_clean(clean);
	json_array_foreach(p->warnings, i, said) {
		if (!strcmp(json_string_value(said), clean))
			return;
	}
	if (json_array_size(p->warnings) < WARNINGS_MAX)
		json_array_append_new(p->warnings, json_string(clean));
	else
		p->unheard++;
}

void apply_answer(struct apply_pending *p, enum problem problem, const char *summary)
{
	const json_t *path;
	size_t i;

	log_hear(NULL, NULL);
	json_array_foreach(p->keys, i, path) {
		if (problem != PROBLEM_NONE)
			(void)unlink(json_string_value(path));
	}
	if (json_array_size(p->keys))
		made_noted(&(struct revisions){.directory = p->directory});
	if (p->unheard)
		json_array_append_new(p->warnings,
			json_sprintf("%u more warnings, which the log of sluiced has", p->unheard));
	if (problem != PROBLEM_NONE)
		p->hub->model.refused++;
	if (p->done)
		p->done(p->hub, p->of, problem, summary, p->warnings, p->more);
}

void apply_pending_free(struct apply_pending *p)
{
	if (p->timer)
		event_free(p->timer);
	config_free(p->config);
	documents_free(p->documents);
	documents_free(p->seen);
	certificates_free(p->certificates);
	live_free(p->live);
	plan_free(p->plan);
	json_decref(p->info);
	json_decref(p->settled);
	json_decref(p->writes);
	json_decref(p->keys);
	json_decref(p->more);
	json_decref(p->warnings);
	free(p);
}

/* Tells those goodbye whom the new configuration ends; false: there is nobody to wait for. */
static bool tell_leavers(struct hub *h, const struct config *c)
{
	bool any = false;

	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		struct site *site = h->model.sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			bool moves = site->conf.tunnels[t].configured &&
				     plan_endpoint_moves(&h->config->concentrator, &c->concentrator,
					     &site->conf, t);

			if (moves ||
				hub_tunnel_is_replaced(site, t, config_site(c, site->conf.name)))
				any |= tunnel_leave(h, tunnel_number(site, t));
		}
	}
	return any;
}

void hub_log_doubt(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text)
{
	(void)context, (void)kind, (void)site;
	log_warn("%s", text);
}

static const char *many(unsigned int n)
{
	return n == 1 ? "" : "s";
}

/* "; interrupted: 2 tunnels, BGP or routes of 1 tunnel", of those that are any. */
static void tell_interrupted(FILE *f, const struct apply_count *n)
{
	static const char first[] = "; interrupted: ", next[] = ", ";
	const char *before = first;

	if (n->tunnels) {
		fprintf(f, "%s%u tunnel%s", before, n->tunnels, many(n->tunnels));
		before = next;
	}
	if (n->judged) {
		fprintf(f, "%sperhaps %u tunnel%s, whose key a program tells", before, n->judged,
			many(n->judged));
		before = next;
	}
	if (n->sessions) {
		fprintf(f, "%sBGP or routes of %u tunnel%s", before, n->sessions,
			many(n->sessions));
		before = next;
	}
	if (n->paused)
		fprintf(f, "%spackets of %u tunnel%s, for a moment", before, n->paused,
			many(n->paused));
}

static void summarize(const struct hub *h, const struct apply_pending *p, const struct changes *n,
	char summary[CONFIG_ERROR_SIZE])
{
	uint64_t number = revision_number(h);
	FILE *f = fmemopen(summary, CONFIG_ERROR_SIZE, "w");

	if (!f)
		abort();
	if (number)
		fprintf(f, "revision %" PRIu64, number);
	else
		fputs("on no disk", f);
	fprintf(f, ": %u sites added, %u changed, %u removed, %u untouched", n->added, n->changed,
		n->removed, h->config->site_count - n->added - n->changed - p->count.touched);
	tell_interrupted(f, &p->count);
	if (p->instead_of)
		fprintf(f, "; revision %" PRIu64 " does not wait for the next start any more",
			p->instead_of);
	fclose(f);
}

/* Who has asked for it has to know what is left to do, and until when. */
static void tell_to_confirm(const struct apply_pending *p, char summary[CONFIG_ERROR_SIZE])
{
	const json_t *by = json_object_get(p->info, "confirm_by_s");
	size_t len = strlen(summary);
	char date[DATE_TEXT_SIZE];

	if (by)
		snprintf(summary + len, CONFIG_ERROR_SIZE - len,
			"; it goes back by itself at %s unless `sluice confirm` comes before",
			date_format(json_integer_value(by), date));
}

static void publish_applied(struct hub *h, const struct apply_pending *p, const char *summary)
{
	const char *why = json_string_value(json_object_get(p->info, "why"));
	char text[BUS_DETAIL_SIZE], actor[BUS_ACTOR_SIZE];

	snprintf(text, sizeof(text), "%.200s%s%.200s%s", summary, why ? ": " : "", why ? why : "",
		json_object_get(p->info, "confirm_s") ? "; it waits to be confirmed" : "");
	hub_publish(h, &(struct happening){.kind = BUS_CONFIG,
			       .reason = p->back_to ? "CONFIG_ROLLED_BACK" : "CONFIG_APPLIED",
			       .detail = text,
			       .actor = hub_actor(json_object_get(p->info, "who"), actor)});
}

static void commit(struct hub *h, struct apply_pending *own)
{
	struct config *old = h->config, *c = own->config;
	char summary[CONFIG_ERROR_SIZE];
	void (*again)(struct hub * h) = own->write_down ? own->again : NULL;
	bool certificates = own->certificates;
	struct changes n = {0};
	bool is_new;

	log_hear(apply_hear, own);
	h->applying = own->stuck;
	secret_reads_at("by apply");
	h->config = c;
	h->model.config = c;
	is_new = own->documents;
	if (is_new)
		revision_set(h, own->documents, own->info);
	if (own->takes_secrets && own->secrets_wait)
		secret_say_waiting(own->secrets_wait);
	else if (own->takes_secrets)
		secret_take_over(h);
	if (own->certificates) {
		certificates_free(h->certificates);
		h->certificates = own->certificates;
		certificates_send(h);
		remote_send_certificate(h);
		certificates_warn(h);
	}
	hub_live_networks(h, &old->concentrator.networks, &c->concentrator.networks);
	if (!eventlog_open(h->events, c->concentrator.log_directory))
		log_error("log_directory %s: %s; events of tunnels are in no file",
			c->concentrator.log_directory, strerror(errno));
	hub_live_change(h, &old->concentrator, own->live);
	if (is_new)
		apply_tell_sites(h, own, true);
	apply_sites(h, c,
		!own->only_some ? SETTLE_ALL
		: certificates  ? SETTLE_CERTIFICATES
				: SETTLE_CHANGED,
		&n);
	set_all_rates(h);
	access_set(h, -1);
	hub_streams_judge(h);
	secret_reads_match(c);
	secret_reads_at("while sluiced runs");
	hub_programs_ask(h, !own->only_some);
	hub_host_look(h);
	config_free(old);
	summarize(h, own, &n, summary);
	log_info("configuration applied: %s", summary);
	if (is_new) {
		publish_applied(h, own, summary);
		apply_tell_sites(h, own, false);
	}
	config_doubts(c, hub_log_doubt, NULL);
	if (own->restored[0])
		log_warn("%s", own->restored);
	tell_to_confirm(own, summary);
	apply_answer(own, PROBLEM_NONE, summary);
	own->config = NULL;
	own->documents = NULL;
	own->certificates = NULL;
	own->info = NULL;
	apply_pending_free(own);
	if (again)
		again(h);
}

static void on_left(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd, (void)what;
	commit(h, h->applying);
}

void apply_force(struct apply_pending *p)
{
	struct hub *h = p->hub;
	struct timeval wait = {.tv_sec = LEAVE_MS / 1000, .tv_usec = LEAVE_MS % 1000 * 1000};

	if (!tell_leavers(h, p->config)) {
		commit(h, p);
		return;
	}
	p->timer = event_new(h->base, -1, 0, on_left, h);
	event_add(p->timer, &wait);
}

void apply_end(struct apply_pending *own, bool ok, const char *summary)
{
	struct hub *h = own->hub;

	h->applying = own->stuck;
	log_hear(apply_hear, own);
	apply_answer(own, ok ? PROBLEM_NONE : PROBLEM_FAILED, summary);
	apply_pending_free(own);
}
