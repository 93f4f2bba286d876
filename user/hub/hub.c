/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/hub.h"

#include "audit/log.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/remote.h"
#include "hub/api/events.h"
#include "hub/api/secret_overlap.h"
#include "hub/api/secret_socket.h"
#include "hub/api/site_files.h"
#include "hub/api/refused.h"
#include "hub/api/streams.h"
#include "hub/api/sums.h"
#include "hub/apply.h"
#include "hub/child/child.h"
#include "hub/confirm.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "hub/host/host.h"
#include "hub/live.h"
#include "hub/notify.h"
#include "hub/revision.h"
#include "hub/route/closed.h"
#include "hub/route/route.h"
#include "hub/secret/certificates.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/reads.h"
#include "hub/secret/rotation.h"
#include "hub/secret/secret.h"
#include "hub/secret/vault.h"
#include "hub/site/admin.h"
#include "hub/site/bfd_sockets.h"
#include "hub/site/site.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_secret.h"
#include "store/made.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define STATE_DIR           "/var/lib/sluice"
#define CERTIFICATES_LOOK_S 3600
#define SECRETS_AGAIN_S     5
#define PROGRAMS_AGAIN_S    30
#define QUERY_WITHIN_S      5   /* bgp answers until then, or not at all */
#define EVENTS_WITHIN_S     20  /* and watch, which has a disk to wait for */
#define FAREWELL_MS         100 /* until what bgp wrote has left */
#define STOP_WITHIN_S       3   /* children that take longer to say goodbye are ended */

struct hub_loop {
	struct event *signals[4];
	struct event *second;   /* once a second: samples, activity, whatever is to be looked at */
	uint64_t seconds;       /* how often that was */
	struct event *farewell; /* ike says goodbye after bgp; NULL until bgp has */
	struct event *give_up;  /* children that do not end */
};

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

	if (!h->loop->farewell) {
		h->loop->farewell = event_new(h->base, -1, 0, on_farewell, h);
		event_add(h->loop->farewell, &wait);
	}
}

/* What ends before it has ever been ready would do so again: the start has failed. */
static bool start_failed(struct hub *h)
{
	for (int i = 0; !h->started && !h->stopping && i < PROCESS_ROLES; i++) {
		/* Tunnels do not wait for what is asked over TCP. */
		if (i == PROCESS_REMOTE || !process_failed_early(&h->processes[i]))
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
	/* Others are those of who has started them. */
	for (int i = 0; i < PROCESS_ROLES; i++) {
		struct process *p = &h->processes[i];

		pid = p->pid > 0 ? waitpid(p->pid, &status, WNOHANG) : 0;
		if (pid > 0)
			(void)process_reap(p, pid, status);
	}
	if (start_failed(h)) {
		event_base_loopbreak(h->base);
		return;
	}
	for (int i = 0; i < PROCESS_ROLES; i++)
		left += i != PROCESS_DATA && i != PROCESS_WATCH && h->processes[i].pid > 0;
	if (h->stopping && h->processes[PROCESS_BGP].pid <= 0)
		say_goodbye_by_ike(h);
	if (!h->stopping || left)
		return;
	/* Whoever carries the farewells ends after them, and whoever remembers them last. */
	if (h->processes[PROCESS_DATA].pid > 0)
		process_stop(&h->processes[PROCESS_DATA]);
	else if (h->processes[PROCESS_WATCH].pid > 0)
		process_stop(&h->processes[PROCESS_WATCH]);
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
	h->processes[PROCESS_WATCH].stopping = true;
	process_stop(&h->processes[PROCESS_API]);
	process_stop(&h->processes[PROCESS_REMOTE]);
	process_stop(&h->processes[PROCESS_BGP]);
	if (h->processes[PROCESS_BGP].pid <= 0)
		say_goodbye_by_ike(h);
	event_add(h->loop->give_up, &limit);
	(void)hub_audit_note(h, "stop", "done", "by a signal");
	hub_publish(h, &(struct happening){.kind = BUS_PROCESS,
			       .reason = "HUB_STOPPING",
			       .detail = "sluiced stops: by a signal"});
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

static void on_reloaded(struct hub *h, uint64_t entry, enum problem problem, const char *summary,
	const json_t *warnings, const json_t *more)
{
	bool ok = problem == PROBLEM_NONE;

	(void)warnings, (void)more; /* they are in the log */
	hub_audit_note_end(h, entry, ok ? "done" : "refused", summary);
	if (!ok)
		log_mistakes("configuration refused, nothing changed", summary);
}

static void on_reload(evutil_socket_t signal, short what, void *arg)
{
	struct hub *h = arg;
	uint64_t entry = hub_audit_note(h, "apply", "asked", "by SIGHUP");

	(void)signal, (void)what;
	if (!entry) {
		log_error("configuration not applied: the audit log cannot be written");
		return;
	}
	hub_apply(h, &(struct apply_order){.why = "SIGHUP",
			     .without_secrets = true,
			     .done = on_reloaded,
			     .of = entry});
}

/* ESP from a site counts as life (RFC 7296 2.4): ike need not probe. Silence is told, too. */
static void tell_activity(struct hub *h, struct site *site, unsigned int t, uint64_t now)
{
	struct site_tunnel *state = &site->tunnels[t];
	uint64_t last_in_ns;

	maps_tunnel_stats(h->maps, tunnel_number(site, t), &state->counted);
	state->before = state->latest;
	state->latest = (struct tunnel_sample){.at_ns = now,
		.bytes = {[SLUICE_IN] = state->counted.in.bytes,
			[SLUICE_OUT] = state->counted.out.bytes}};
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

void hub_second(struct hub *h)
{
	uint64_t now = clock_now(), second = h->loop->seconds++;

	notify_alive(now);
	if (second % CERTIFICATES_LOOK_S == 0)
		certificates_warn(h);
	for (int i = 0; i < PROCESS_ROLES; i++)
		process_watch(&h->processes[i], now);
	hub_host_look(h);
	hub_live_look(h);
	if (second % SECRETS_AGAIN_S == 0)
		hub_secrets_again(h);
	if (second % PROGRAMS_AGAIN_S == PROGRAMS_AGAIN_S - 1)
		hub_programs_ask(h, false);
	if (second % SECRET_OVERLAP_LOOK_S == 0)
		secret_overlaps_look(h, (int64_t)(clock_wall() / CLOCK_SECOND));
	h->model.events_lost += eventlog_look(h->events);
	hub_sample(h);
	hub_ike_reach_look(h, now);
	hub_routes_check(h, now);
	closed_spare(h, now);
	closed_age(h, now);
	hub_md5_look(h, now);
	hub_half_open_look(h, now);
	bfd_sockets_look(h->bfd_sockets, now);
	hub_bfd_again(h);
	if (hub_connected_look(h, now))
		hub_sources_set(h);
	hub_bgp_queries_expire(h, QUERY_WITHIN_S * CLOCK_SECOND);
	hub_streams_look(h, now);
	hub_refused_look(h, now);
	hub_events_expire(h, EVENTS_WITHIN_S * CLOCK_SECOND);
	hub_sums_expire(h, EVENTS_WITHIN_S * CLOCK_SECOND);
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].open)
				tell_activity(h, h->model.sites[i], t, now);
		}
	}
	hub_minutes_look(h, clock_wall());
}

static void on_second(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	hub_second(arg);
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
		h->loop->signals[i] =
			evsignal_new(h->base, signals[i].signal, signals[i].handler, h);
		event_add(h->loop->signals[i], NULL);
	}
	h->loop->second = event_new(h->base, -1, EV_PERSIST, on_second, h);
	event_add(h->loop->second, &second);
	h->loop->give_up = event_new(h->base, -1, 0, on_give_up, h);
}

/* What a kill, or a loss of power, has left half written. */
static void sweep(const struct hub *h)
{
	const struct revisions store = {.directory = revision_directory(h)};
	char keys[PATH_MAX];

	documents_sweep(revision_path(h));
	revisions_sweep(&store);
	site_file(h, "psk", keys);
	file_sweep(keys);
	made_sweep(&store);
	vault_sweep();
	rotation_mend();
}

void hub_begin(struct hub *h, bool verbose)
{
	hub_children_init(h, verbose);
	watch_events(h);
	hub_aggregate_set(h);
	confirm_watch(h);
	sweep(h);
	revision_begin(h);
	revision_files_begin(h);
	access_look_up(h, &h->config->concentrator.access);
	admin_load(h);
	secret_reads_tell(hub_audit_read, h);
	for (uint32_t i = 0; i < h->config->site_count; i++)
		hub_site_add(h, &h->config->sites[i], revision_slot(h, h->config->sites[i].name));
	hub_programs_ask(h, false);
	hub_takeovers_set(h);
	hub_claims_collect(h);
	hub_sources_set(h);
	hub_reserved_refresh(h);
	if (hub_connected_look(h, clock_now()))
		hub_sources_set(h);
}

static void run(struct hub *h)
{
	for (int i = 0; i < PROCESS_ROLES; i++) {
		if (!h->processes[i].off)
			process_start(&h->processes[i]);
	}
	hub_host_watch(h);
	event_base_dispatch(h->base);
	for (int i = 0; i < PROCESS_ROLES; i++)
		process_fini(&h->processes[i]);
}

/* Every part with what it keeps, still empty. */
struct hub *hub_new(const char *revisions, const char *config_path, struct revision_start *start)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (!h || !(h->loop = calloc(1, sizeof(*h->loop))))
		abort();
	h->base = event_base_new();
	h->config = start->config;
	h->revision = revision_new(revisions, config_path, start);
	h->events = eventlog_new();
	h->admin = admin_new(STATE_DIR);
	h->fib = fib_new();
	h->rules = route_rules_new();
	h->closed = closed_new();
	h->rates = rates_new();
	h->minutes = minutes_new();
	h->sources = hub_sources_new();
	h->inside = inside_sockets_new();
	h->bfd_sockets = bfd_sockets_new();
	h->md5 = md5_seen_new();
	h->host = host_new();
	h->access = access_new(STATE_DIR, h);
	h->clients = clients_new();
	h->remote = remote_new();
	h->audit = hub_audit_new(AUDIT_DIRECTORY);
	h->queries = bgp_queries_new();
	h->event_queries = event_queries_new();
	h->refused = refused_new();
	h->streams = streams_new(h);
	h->sum_queries = sum_queries_new();
	h->model.config = start->config;
	h->model.routes = fib_table(h->fib);
	h->model.started_ns = clock_now();
	h->model.started_wall_ns = clock_wall();
	return h;
}

static void loop_free(struct hub_loop *loop)
{
	struct event *events[] = {loop->second, loop->give_up, loop->farewell, loop->signals[0],
		loop->signals[1], loop->signals[2], loop->signals[3]};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (events[i])
			event_free(events[i]);
	}
	free(loop);
}

void hub_free(struct hub *h)
{
	loop_free(h->loop);
	for (uint32_t i = 0; i < SITE_SLOTS; i++)
		if (h->model.sites[i])
			site_free(h->model.sites[i]);
	hub_apply_give_up(h);
	admin_free(h->admin);
	rates_free(h->rates);
	minutes_free(h->minutes);
	alarm_table_fini(&h->model.alarms);
	hub_sources_free(h->sources);
	inside_sockets_free(h->inside);
	bfd_sockets_free(h->bfd_sockets);
	free(h->md5);
	fib_free(h->fib);
	closed_free(h->closed);
	route_rules_free(h->rules);
	host_free(h->host);
	secret_socket_close(h->secrets);
	secret_reads_tell(NULL, NULL);
	secret_reads_match(NULL);
	exec_forget();
	clients_free(h->clients);
	remote_free(h->remote);
	access_free(h->access);
	hub_audit_free(h->audit);
	bgp_queries_free(h->queries);
	event_queries_free(h->event_queries);
	streams_free(h->streams);
	refused_free(h->refused);
	sum_queries_free(h->sum_queries);
	eventlog_free(h->events);
	certificates_free(h->certificates);
	revision_free(h->revision);
	event_base_free(h->base);
	config_free(h->config);
	free(h);
}

int hub_run(const char *config_path, struct revision_start *start, bool verbose)
{
	struct hub *h = hub_new(REVISIONS_DIRECTORY, config_path, start);
	char error[CONFIG_ERROR_SIZE] = "";
	bool ok;

	notify_init();
	if (start->note[0])
		log_mistakes("configuration", start->note);
	h->certificates = certificates_load(h->config, true, error);
	ok = h->certificates && hub_setup(h, error);
	if (ok) {
		/* A device that is refused meanwhile may not come again by itself. */
		exec_ask_and_wait(h->config, EXEC_WITHIN_S);
		hub_begin(h, verbose);
		hub_live_look(h);
		h->secrets = secret_socket_open(h, SECRET_SOCKET);
		if (!h->secrets)
			log_error("%s: %s", SECRET_SOCKET, strerror(errno));
		config_doubts(h->config, hub_log_doubt, NULL);
		secrets_exposed(h->config, revision_documents(h), NULL);
		run(h);
	} else {
		log_mistakes("cannot start", error);
		revision_tell_start_failed(h);
	}
	hub_apply_give_up(h);
	hub_teardown(h);
	ok &= !h->failed;
	hub_free(h);
	return ok ? 0 : 1;
}
