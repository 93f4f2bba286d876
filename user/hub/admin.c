/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/admin.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/hub.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FILE "tunnels.json" /* {"SITE": ["down", "drain"]}: a word for each tunnel, or "" */

/* ---- what is kept ---- */

static void state_path(const struct hub *h, const char *suffix, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/" STATE_FILE "%s", h->state_dir, suffix);
}

void admin_load(struct hub *h)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *all;

	state_path(h, "", path);
	all = json_load_file(path, 0, &error);
	if (!json_is_object(all)) {
		if (all || access(path, F_OK) == 0)
			log_warn("%s: %s; which tunnels were down or drained is not known", path,
				all ? "not an object" : error.text);
		json_decref(all);
		all = json_object();
	}
	h->admin = all;
}

void admin_free(struct hub *h)
{
	json_decref(h->admin);
	h->admin = NULL;
}

void admin_restore(struct hub *h, struct hub_site *site)
{
	const json_t *words = json_object_get(h->admin, site->conf.name);

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const char *word = json_string_value(json_array_get(words, t));

		site->tunnels[t].admin_down = word && !strcmp(word, "down");
		site->tunnels[t].draining = word && !strcmp(word, "drain");
	}
}

/* The whole file or the one of before: a crash in between leaves no half of it. */
static bool write_state(const struct hub *h)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	FILE *f;
	bool ok;

	state_path(h, "", path);
	state_path(h, ".new", temporary);
	if (mkdir(h->state_dir, 0755) && errno != EEXIST)
		return false;
	f = fopen(temporary, "we");
	if (!f)
		return false;
	ok = !json_dumpf(h->admin, f, JSON_COMPACT | JSON_SORT_KEYS) && fputc('\n', f) == '\n' &&
	     !fflush(f) && !fsync(fileno(f));
	ok = !fclose(f) && ok;
	return ok && !rename(temporary, path);
}

static void save(struct hub *h, const struct hub_site *site)
{
	json_t *words = json_array();
	bool any = false;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct hub_tunnel *state = &site->tunnels[t];

		json_array_append_new(words, json_string(state->admin_down ? "down"
							 : state->draining ? "drain"
									   : ""));
		any |= state->admin_down || state->draining;
	}
	if (any)
		json_object_set(h->admin, site->conf.name, words);
	else
		json_object_del(h->admin, site->conf.name);
	json_decref(words);
	if (!write_state(h))
		log_error("%s/" STATE_FILE ": %s; it will be forgotten when sluiced ends",
			h->state_dir, strerror(errno));
}

void admin_forget(struct hub *h, const struct hub_site *site)
{
	if (!json_object_del(h->admin, site->conf.name) && !write_state(h))
		log_error("%s/" STATE_FILE ": %s", h->state_dir, strerror(errno));
}

/* ---- leaving ---- */

/* IKE deletes what is left of a tunnel that was told goodbye, unless it was wanted back meanwhile. */
static void finish_leaving(struct hub *h, struct hub_site *site, unsigned int t)
{
	struct imsg_ike_command m = {
		.tunnel = hub_tunnel_number(site, t), .command = IKE_COMMAND_DOWN};

	site->tunnels[t].leave_at_ns = 0;
	if (!site->tunnels[t].admin_down) {
		if (site->tunnels[t].open)
			hub_bgp_tunnel_send(h, m.tunnel, true);
		return;
	}
	hub_tunnel_close(h, m.tunnel);
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
}

static void on_leave(evutil_socket_t fd, short what, void *arg)
{
	struct hub *h = arg;
	uint64_t now = clock_now(), next = CLOCK_NEVER;

	(void)fd, (void)what;
	hub_apply_go_on(h, now);
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			uint64_t at = h->sites[i]->tunnels[t].leave_at_ns;

			if (!at)
				continue;
			if (at > now)
				next = at < next ? at : next;
			else if (h->sites[i]->tunnels[t].admin_down || !h->applying)
				finish_leaving(h, h->sites[i], t);
		}
	}
	if (next != CLOCK_NEVER)
		hub_leave_timer(h, next - now);
}

void hub_leave_timer(struct hub *h, uint64_t wait_ns)
{
	struct timeval wait = {.tv_sec = (time_t)(wait_ns / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait_ns % CLOCK_SECOND / 1000) + 1};

	if (!h->leave)
		h->leave = event_new(h->base, -1, 0, on_leave, h);
	if (!evtimer_pending(h->leave, NULL))
		event_add(h->leave, &wait);
}

bool tunnel_leave(struct hub *h, uint32_t tunnel)
{
	struct hub_tunnel *state = hub_tunnel(h, tunnel);

	if (!state->open)
		return false;
	if (state->leave_at_ns)
		return true;
	state->leave_at_ns = clock_now() + LEAVE_MS * CLOCK_MILLISECOND;
	hub_bgp_tunnel_send(h, tunnel, false);
	hub_leave_timer(h, LEAVE_MS * CLOCK_MILLISECOND);
	return true;
}

/* ---- commands ---- */

static bool carries(const struct hub_site *site, unsigned int t)
{
	const struct hub_tunnel *state = &site->tunnels[t];

	return state->open && !state->leave_at_ns &&
	       (site->conf.routing != ROUTING_BGP || state->bgp.state == BGP_ESTABLISHED);
}

static bool is_meant(const struct hub_site *site, unsigned int i, int t)
{
	return site->conf.tunnels[i].configured && (t < 0 || (unsigned int)t == i);
}

/* Both have another MED, and another preference here, while one of them is drained. */
static void tell_drain(struct hub *h, const struct hub_site *site)
{
	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		if (site->conf.tunnels[i].configured)
			hub_bgp_neighbor_send(h, site, i);
	}
}

const char *admin_down(struct hub *h, struct hub_site *site, int t, bool force)
{
	bool left = false, any = false;

	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		left |= carries(site, i) && !is_meant(site, i, t);
		any |= carries(site, i) && is_meant(site, i, t);
	}
	if (any && !left && !force)
		return "no other tunnel of the site carries; with --force it goes down all the "
		       "same";
	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		if (!is_meant(site, i, t))
			continue;
		site->tunnels[i].admin_down = true;
		if (!tunnel_leave(h, hub_tunnel_number(site, i)))
			finish_leaving(h, site, i);
	}
	save(h, site);
	return NULL;
}

const char *admin_up(struct hub *h, struct hub_site *site, int t)
{
	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		struct hub_tunnel *state = &site->tunnels[i];
		struct imsg_ike_command m = {
			.tunnel = hub_tunnel_number(site, i), .command = IKE_COMMAND_UP};

		if (!is_meant(site, i, t))
			continue;
		state->admin_down = false;
		if (state->leave_at_ns) { /* it has not gone yet */
			state->leave_at_ns = 0;
			if (state->open)
				hub_bgp_tunnel_send(h, m.tunnel, true);
		}
		state->undrain = state->draining;
		process_send(&h->processes[PROCESS_IKE], IMSG_IKE_COMMAND, -1, &m, sizeof(m));
		if (carries(site, i))
			admin_carries(h, m.tunnel);
	}
	save(h, site);
	return NULL;
}

const char *admin_drain(struct hub *h, struct hub_site *site, unsigned int t)
{
	if (site->conf.routing != ROUTING_BGP)
		return "the site has static routes: no MED tells it";
	if (!carries(site, !t))
		return "the other tunnel has no BGP session to take over";
	if (site->tunnels[!t].draining)
		return "the other tunnel is drained already";
	site->tunnels[t].draining = true;
	site->tunnels[t].undrain = false;
	tell_drain(h, site);
	save(h, site);
	return NULL;
}

void admin_carries(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);
	struct hub_tunnel *state = hub_tunnel(h, tunnel);

	if (!state->undrain)
		return;
	state->undrain = state->draining = false;
	tell_drain(h, site);
	save(h, site);
}
