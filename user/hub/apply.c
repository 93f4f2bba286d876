/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new configuration: read, checked whole, compared with the present one, applied site by site.
 * A bad one changes nothing; what did not change is not touched.
 */
#include "hub/apply.h"

#include "base/log.h"
#include "base/utf8.h"
#include "hub/host/host.h"
#include "hub/event/eventlog.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/secret/secret.h"
#include "hub/site/admin.h"
#include "hub/site/site.h"
#include "ipc/msg_bgp.h"
#include "plan/plan.h"
#include "store/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_network(const struct networks_conf *n, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < n->count; i++) {
		if (prefix_equal(&n->prefixes[i], p))
			return true;
	}
	return false;
}

/* Tells bgp about the networks of `from` that `others` does not have. */
static void send_networks(struct hub *h, const struct networks_conf *from,
	const struct networks_conf *others, bool present)
{
	for (uint32_t i = 0; i < from->count; i++) {
		struct imsg_bgp_network m = {.prefix = from->prefixes[i], .present = present};

		if (!has_network(others, &from->prefixes[i]))
			process_send(
				&h->processes[PROCESS_BGP], IMSG_BGP_NETWORK, -1, &m, sizeof(m));
	}
}

struct changes {
	unsigned int added, changed, removed;
};

static void apply_sites(struct hub *h, const struct config *c, struct changes *n)
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
			hub_site_add(h, &c->sites[i]);
			n->added++;
		} else if (memcmp(&site->conf, &c->sites[i], sizeof(site->conf))) {
			log_info("site %s: changed", c->sites[i].name);
			hub_site_change(h, site, &c->sites[i]);
			n->changed++;
		}
	}
	hub_claims_collect(h);
	hub_sites_settle(h);
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

/* A configuration that has been checked and waits for the tunnels that it ends. */
struct apply_pending {
	struct config *config;
	struct certificates *certificates;
	hub_apply_done *done;
	uint64_t of;
	struct event *timer; /* until they have left */
	json_t *warnings;
	unsigned int unheard; /* warnings that were more than are told */
};

enum { WARNINGS_MAX = 100, WARNING_SIZE = 1024 };

/* Who applies it is to see what would else be in the log of the daemon only. */
static void hear(void *context, const char *text)
{
	struct apply_pending *p = context;
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

/* Nothing more is heard, and the answer is given. */
static void finish(struct hub *h, struct apply_pending *p, bool ok, const char *summary)
{
	log_hear(NULL, NULL);
	if (p->unheard)
		json_array_append_new(p->warnings,
			json_sprintf("%u more warnings, which the log of sluiced has", p->unheard));
	p->done(h, p->of, ok, summary, p->warnings);
}

/* Reads and checks everything; changes nothing. False with a sentence. */
static bool prepare(struct hub *h, struct apply_pending *p, char summary[CONFIG_ERROR_SIZE])
{
	const struct config *old = h->config;
	struct plan *plan;
	bool refused;

	p->config = documents_config_of(h->config_path, summary);
	if (!p->config)
		return false;
	plan = plan_make(old, p->config);
	refused = plan_refusal(plan, summary, CONFIG_ERROR_SIZE);
	plan_free(plan);
	if (refused)
		return false;
	if (!secrets_check(p->config, old, summary))
		return false;
	p->certificates = certificates_load(p->config, false, summary);
	return p->certificates;
}

static void pending_free(struct apply_pending *p)
{
	if (p->timer)
		event_free(p->timer);
	config_free(p->config);
	certificates_free(p->certificates);
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
			if (hub_tunnel_is_replaced(site, t, config_site(c, site->conf.name)))
				any |= tunnel_leave(h, tunnel_number(site, t));
		}
	}
	return any;
}

void hub_log_doubt(void *context, const char *text)
{
	(void)context;
	log_warn("%s", text);
}

static void commit(struct hub *h, struct apply_pending *own)
{
	struct config *old = h->config, *c = own->config;
	char summary[CONFIG_ERROR_SIZE];
	struct changes n = {0};

	log_hear(hear, own);
	h->applying = NULL;
	certificates_free(h->certificates);
	h->certificates = own->certificates;
	h->config = c;
	h->model.config = c;
	certificates_send(h);
	certificates_warn(h);
	send_networks(h, &old->concentrator.networks, &c->concentrator.networks, false);
	send_networks(h, &c->concentrator.networks, &old->concentrator.networks, true);
	if (!eventlog_open(h->events, c->concentrator.log_directory))
		log_error("log_directory %s: %s; events of tunnels are in no file",
			c->concentrator.log_directory, strerror(errno));
	apply_sites(h, c, &n);
	set_all_rates(h);
	hub_host_look(h);
	config_free(old);
	snprintf(summary, sizeof(summary), "%u sites added, %u changed, %u removed, %u untouched",
		n.added, n.changed, n.removed, c->site_count - n.added - n.changed);
	log_info("configuration applied: %s", summary);
	config_doubts(c, hub_log_doubt, NULL);
	finish(h, own, true, summary);
	own->config = NULL;
	own->certificates = NULL;
	pending_free(own);
}

static void on_left(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd, (void)what;
	commit(h, h->applying);
}

void hub_apply(struct hub *h, hub_apply_done *done, uint64_t of)
{
	struct timeval wait = {.tv_sec = LEAVE_MS / 1000, .tv_usec = LEAVE_MS % 1000 * 1000};
	char summary[CONFIG_ERROR_SIZE];
	struct apply_pending *p;

	if (h->applying) {
		done(h, of, false, "another configuration is being applied; try again", NULL);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->done = done;
	p->of = of;
	p->warnings = json_array();
	log_hear(hear, p);
	if (!prepare(h, p, summary)) {
		finish(h, p, false, summary);
		pending_free(p);
		return;
	}
	log_hear(NULL, NULL);
	h->applying = p;
	if (!tell_leavers(h, p->config)) {
		commit(h, p);
		return;
	}
	p->timer = event_new(h->base, -1, 0, on_left, h);
	event_add(p->timer, &wait);
}

void hub_apply_give_up(struct hub *h)
{
	if (h->applying)
		pending_free(h->applying);
	h->applying = NULL;
}
