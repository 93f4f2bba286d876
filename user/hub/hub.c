/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/api.h"
#include "hub/apply.h"
#include "hub/child/child.h"
#include "hub/host/host.h"
#include "hub/notify.h"
#include "hub/route/closed.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/site/admin.h"
#include "hub/site/bfd_sockets.h"
#include "hub/site/site.h"
#include "ipc/msg_ike.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define STATE_DIR           "/var/lib/sluice"
#define CERTIFICATES_LOOK_S 3600
#define QUERY_WITHIN_S      5   /* bgp answers until then, or not at all */
#define FAREWELL_MS         100 /* until what bgp wrote has left */
#define STOP_WITHIN_S       3   /* children that take longer to say goodbye are ended */

static void on_farewell(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd, (void)what;
	process_stop(&h->processes[PROCESS_IKE]);
}

/* The last words of bgp go through the tunnels that ike deletes. */
static void say_goodbye_by_ike(struct hub *h)
{
	struct timeval wait = {.tv_usec = FAREWELL_MS * 1000};

	if (!h->farewell) {
		h->farewell = event_new(h->base, -1, 0, on_farewell, h);
		event_add(h->farewell, &wait);
	}
}

/* What ends before it has ever been ready would do so again: the start has failed. */
static bool start_failed(struct hub *h)
{
	for (int i = 0; !h->started && !h->stopping && i < PROCESS_ROLES; i++) {
		if (!process_failed_early(&h->processes[i]))
			continue;
		log_error("cannot start: %s ended before it was ready", process_names[i]);
		h->failed = true;
	}
	return h->failed;
}

static void on_child(evutil_socket_t signal, short what, void *arg)
{
	struct hub *h = arg;
	pid_t pid;
	int status, left = 0;

	(void)signal, (void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < PROCESS_ROLES; i++) {
			if (process_reap(&h->processes[i], pid, status))
				break;
		}
	}
	if (start_failed(h)) {
		event_base_loopbreak(h->base);
		return;
	}
	for (int i = 0; i < PROCESS_ROLES; i++)
		left += i != PROCESS_DATA && h->processes[i].pid > 0;
	if (h->stopping && h->processes[PROCESS_BGP].pid <= 0)
		say_goodbye_by_ike(h);
	if (!h->stopping || left)
		return;
	if (h->processes[PROCESS_DATA].pid > 0)
		process_stop(&h->processes[PROCESS_DATA]);
	else
		event_base_loopbreak(h->base);
}

static void on_give_up(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;

	(void)fd, (void)what;
	event_base_loopbreak(h->base);
}

/* Peers are told first, by BGP, then by IKE; data carries both farewells and ends when they have. */
static void on_stop(evutil_socket_t signal, short what, void *arg)
{
	struct hub *h = arg;
	struct timeval limit = {.tv_sec = STOP_WITHIN_S};

	(void)what;
	if (h->stopping) {
		event_base_loopbreak(h->base);
		return;
	}
	log_info("signal %d: stopping", (int)signal);
	h->stopping = true;
	notify_send("STOPPING=1");
	h->processes[PROCESS_DATA].stopping = true;
	h->processes[PROCESS_IKE].stopping = true;
	process_stop(&h->processes[PROCESS_API]);
	process_stop(&h->processes[PROCESS_BGP]);
	if (h->processes[PROCESS_BGP].pid <= 0)
		say_goodbye_by_ike(h);
	event_add(h->give_up, &limit);
}

/* A line of the log for each line of the text. */
static void log_mistakes(const char *what, const char *text)
{
	while (*text) {
		int n = (int)strcspn(text, "\n");

		log_error("%s: %.*s", what, n, text);
		text += n + (text[n] == '\n');
	}
}

static void on_reloaded(struct hub *h, uint32_t request, bool ok, const char *summary)
{
	(void)h, (void)request;
	if (!ok)
		log_mistakes("configuration refused, nothing changed", summary);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	(void)signal, (void)what;
	hub_apply(arg, on_reloaded, 0);
}

/* ESP from a site counts as life (RFC 7296 2.4): ike need not probe. Silence is told, too. */
static void tell_activity(struct hub *h, struct site *site, unsigned int t, uint64_t now)
{
	struct site_tunnel *state = &site->tunnels[t];
	uint64_t last_in_ns;

	maps_tunnel_stats(h->maps, tunnel_number(site, t), &state->counted);
	hub_through_look(h, tunnel_number(site, t), &state->counted, now);
	last_in_ns = state->counted.last_in_ns;
	if (last_in_ns == state->activity_seen_ns)
		return;
	state->activity_seen_ns = last_in_ns;

	uint64_t age = now > last_in_ns ? now - last_in_ns : 0;
	struct imsg_activity m = {
		.tunnel = tunnel_number(site, t), .age_ms = (uint32_t)(age / CLOCK_MILLISECOND)};

	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_ACTIVITY, -1, &m, sizeof(m));
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	uint64_t now = clock_now();

	(void)fd, (void)what;
	notify_alive(now);
	if (now >= h->certificates_look_ns) {
		h->certificates_look_ns = now + CERTIFICATES_LOOK_S * CLOCK_SECOND;
		certificates_warn(h);
	}
	for (int i = 0; i < PROCESS_ROLES; i++)
		process_watch(&h->processes[i], now);
	hub_host_look(h);
	hub_secrets_again(h, now);
	hub_sample(h);
	hub_routes_check(h, now);
	closed_spare(h, now);
	closed_age(h, now);
	hub_md5_look(h, now);
	bfd_sockets_look(h->bfd_sockets, now);
	if (hub_connected_look(h, now))
		hub_sources_set(h);
	hub_bgp_queries_expire(h, QUERY_WITHIN_S * CLOCK_SECOND);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].open)
				tell_activity(h, h->model.sites[i], t, now);
		}
	}
}

static void watch_events(struct hub *h)
{
	static const struct {
		int signal;
		event_callback_fn handler;
	} signals[] = {
		{SIGCHLD, on_child}, {SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};
	struct timeval second = {.tv_sec = 1};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		h->signals[i] = evsignal_new(h->base, signals[i].signal, signals[i].handler, h);
		event_add(h->signals[i], NULL);
	}
	h->second = event_new(h->base, -1, EV_PERSIST, on_second, h);
	event_add(h->second, &second);
	h->give_up = event_new(h->base, -1, 0, on_give_up, h);
}

void hub_begin(struct hub *h, bool verbose)
{
	hub_children_init(h, verbose);
	watch_events(h);
	hub_aggregate_set(h);
	admin_load(h);
	for (uint32_t i = 0; i < h->config->site_count; i++)
		hub_sites_add(h, &h->config->sites[i]);
	hub_claims_collect(h);
	hub_sources_set(h);
	hub_reserved_refresh(h);
	if (hub_connected_look(h, clock_now()))
		hub_sources_set(h);
}

static void run(struct hub *h)
{
	for (int i = 0; i < PROCESS_ROLES; i++)
		process_start(&h->processes[i]);
	hub_host_watch(h);
	event_base_dispatch(h->base);
	for (int i = 0; i < PROCESS_ROLES; i++)
		process_fini(&h->processes[i]);
}

void hub_free(struct hub *h)
{
	struct event *events[] = {h->host_changed, h->look_again, h->second, h->give_up, h->turn,
		h->leave, h->farewell, h->signals[0], h->signals[1], h->signals[2], h->signals[3]};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	for (uint32_t i = 0; i < SITE_SLOTS; i++)
		if (h->model.sites[i])
			site_free(h->model.sites[i]);
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		free(h->fair[d]);
	hub_apply_give_up(h);
	admin_free(h);
	source_set_fini(&h->sources);
	fib_free(h->fib);
	closed_free(h->closed);
	route_rules_free(h->rules);
	host_addresses_fini(&h->addresses);
	for (int i = 0; i < BGP_QUERIES_MAX; i++) {
		if (h->queries[i].id)
			json_decref(h->queries[i].paths);
	}
	eventlog_free(h->events);
	event_base_free(h->base);
	certificates_free(h->certificates);
	config_free(h->config);
	free(h);
}

struct hub *hub_new(const char *config_path, struct config *own_config)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->config_path = config_path;
	h->state_dir = STATE_DIR;
	h->config = own_config;
	h->model.config = own_config;
	h->model.started_ns = clock_now();
	h->too_big[0] = h->too_big[1] = -1;
	h->bfd_sockets = bfd_sockets_new();
	h->bgp_listen[0] = h->bgp_listen[1] = h->control_fd = h->metrics_fd = h->checkpoint_fd = -1;
	h->saved_fd = -1;
	h->base = event_base_new();
	h->rules = route_rules_new();
	h->fib = fib_new();
	h->model.routes = fib_table(h->fib);
	h->closed = closed_new();
	h->events = eventlog_new();
	return h;
}

int hub_run(const char *config_path, struct config *own_config, bool verbose)
{
	struct hub *h = hub_new(config_path, own_config);
	char error[CONFIG_ERROR_SIZE] = "";
	bool ok;

	notify_init();
	h->certificates = certificates_load(own_config, true, error);
	ok = h->certificates && hub_setup(h, error);
	if (ok) {
		hub_begin(h, verbose);
		run(h);
	} else {
		log_mistakes("cannot start", error);
	}
	hub_teardown(h);
	ok &= !h->failed;
	hub_free(h);
	return ok ? 0 : 1;
}
