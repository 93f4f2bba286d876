/* SPDX-License-Identifier: Apache-2.0 */
/* What operators have asked of tunnels, kept in a file over a restart of the daemon. */
#include "hub/site/site.h"

#include "base/file.h"
#include "base/log.h"
#include "hub/site/admin_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_FILE "tunnels.json"

/* The whole file or the one of before: a crash in between leaves no half of it. */
static bool write_state(const struct hub *h)
{
	char *text = json_dumps(h->admin->words, JSON_COMPACT | JSON_SORT_KEYS);
	bool ok;

	if (!text)
		abort();
	ok = file_make_directory(h->admin->directory, 0755) &&
	     file_replace(h->admin->directory, STATE_FILE, text, strlen(text));
	free(text);
	return ok;
}

/* Clears the words of tunnels that the site does not have. True: there was one. */
static bool forget_tunnels(json_t *words, const struct site_conf *site)
{
	bool any = false;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const char *word = json_string_value(json_array_get(words, t));

		if (site->tunnels[t].configured || !word || !*word)
			continue;
		json_array_set_new(words, t, json_string(""));
		any = true;
	}
	return any;
}

/* Forgets sites and tunnels that were removed while the daemon was down: others may get their names and numbers. */
static void forget_unknown(struct hub *h)
{
	const char *name;
	bool any = false;
	json_t *words;
	void *next;

	json_object_foreach_safe(h->admin->words, next, name, words) {
		const struct site_conf *site = config_site(h->config, name);

		if (site) {
			any |= forget_tunnels(words, site);
			continue;
		}
		json_object_del(h->admin->words, name);
		any = true;
	}
	if (any && !write_state(h))
		log_error("%s/" STATE_FILE ": %s", h->admin->directory, strerror(errno));
}

struct admin *admin_new(const char *directory)
{
	struct admin *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->directory = directory;
	return a;
}

void admin_free(struct admin *a)
{
	if (!a)
		return;
	if (a->leave)
		event_free(a->leave);
	json_decref(a->words);
	free(a);
}

void admin_load(struct hub *h)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *all;

	file_sweep(h->admin->directory);
	snprintf(path, sizeof(path), "%s/" STATE_FILE, h->admin->directory);
	all = json_load_file(path, 0, &error);
	if (!json_is_object(all)) {
		if (all || access(path, F_OK) == 0)
			log_warn("%s: %s; which tunnels were down or drained is not known", path,
				all ? "not an object" : error.text);
		json_decref(all);
		all = json_object();
	}
	h->admin->words = all;
	forget_unknown(h);
}

bool admin_is_kept(const struct hub *h)
{
	return h->admin->kept;
}

void admin_restore(struct hub *h, struct site *site)
{
	const json_t *words = json_object_get(h->admin->words, site->conf.name);

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const char *word = json_string_value(json_array_get(words, t));

		site->tunnels[t].admin_down = word && !strcmp(word, "down");
		site->tunnels[t].draining = word && !strcmp(word, "drain");
	}
}

void admin_save(struct hub *h, const struct site *site)
{
	json_t *words = json_array();
	bool any = false;

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		const struct site_tunnel *state = &site->tunnels[t];

		json_array_append_new(words, json_string(state->admin_down ? "down"
							 : state->draining ? "drain"
									   : ""));
		any |= state->admin_down || state->draining;
	}
	if (any)
		json_object_set(h->admin->words, site->conf.name, words);
	else
		json_object_del(h->admin->words, site->conf.name);
	json_decref(words);
	h->admin->kept = write_state(h);
	if (!h->admin->kept)
		log_error("%s/" STATE_FILE ": %s; it will be forgotten when sluiced ends",
			h->admin->directory, strerror(errno));
}

void admin_forget(struct hub *h, const struct site *site)
{
	if (!json_object_del(h->admin->words, site->conf.name) && !write_state(h))
		log_error("%s/" STATE_FILE ": %s", h->admin->directory, strerror(errno));
}

void admin_forget_tunnel(struct hub *h, struct site *site, unsigned int t)
{
	struct site_tunnel *state = &site->tunnels[t];
	bool any = state->admin_down || state->draining;

	state->admin_down = state->draining = state->undrain = false;
	if (any)
		admin_save(h, site);
}

/* While one tunnel is drained, both have another MED, and another preference in our decisions. */
void admin_tell_drain(struct hub *h, const struct site *site)
{
	for (unsigned int i = 0; i < TUNNELS_PER_SITE; i++) {
		if (site->conf.tunnels[i].configured)
			hub_bgp_neighbor_send(h, site, i);
	}
}

void admin_carries(struct hub *h, uint32_t tunnel)
{
	struct site *site = site_of_tunnel(&h->model, tunnel);
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);

	if (!state->undrain)
		return;
	state->undrain = state->draining = false;
	admin_tell_drain(h, site);
	admin_save(h, site);
}
