/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites and their tunnels. A site keeps its slot as long as it exists; slots of removed sites are
 * taken again last, so that a counter in a dump rarely changes its owner.
 */
#include "hub/admin.h"
#include "hub/certificates.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hub_site *hub_site_find(struct hub *h, const char *name)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (h->sites[i] && !strcmp(h->sites[i]->conf.name, name))
			return h->sites[i];
	}
	return NULL;
}

struct hub_site *hub_site_of_tunnel(struct hub *h, uint32_t tunnel)
{
	uint32_t slot = tunnel / TUNNELS_PER_SITE;

	return slot < HUB_SITE_SLOTS ? h->sites[slot] : NULL;
}

struct hub_tunnel *hub_tunnel(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);

	return site ? &site->tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

const struct tunnel_conf *hub_tunnel_conf(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);

	return site ? &site->conf.tunnels[tunnel % TUNNELS_PER_SITE] : NULL;
}

uint32_t hub_tunnel_number(const struct hub_site *site, unsigned int t)
{
	return site->slot * TUNNELS_PER_SITE + t;
}

/* ike holds it until the tunnel comes; a ppk that cannot be opened leaves a tunnel that stays down. */
static void send_secret(struct hub *h, uint32_t tunnel, enum imsg_type type, const char *ref)
{
	struct imsg_tunnel m = {.tunnel = tunnel};

	if (ref[0])
		process_send(&h->processes[PROCESS_IKE], type, secret_ref_open(ref), &m, sizeof(m));
}

static void send_to_ike(struct hub *h, const struct hub_site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	struct imsg_ike_tunnel m;
	int psk;

	if (!hub_tunnel_secrets(h, site, t))
		return;
	psk = conf->options.auth == AUTH_CERT ? -1 : secret_ref_open(conf->psk);
	if (psk < 0 && conf->options.auth != AUTH_CERT)
		return; /* gone at this very moment: it is looked for again */
	memset(&m, 0, sizeof(m));
	m.tunnel = hub_tunnel_number(site, t);
	snprintf(m.site, sizeof(m.site), "%s", site->conf.name);
	m.local = config_local_address(h->config, &site->conf, t);
	m.remote = conf->address;
	m.local_id = certificates_local_id(h->certificates, conf, &m.local);
	m.remote_id = certificates_identity(&conf->identity, &m.remote);
	m.options = conf->options;
	m.local_ts = conf->local_ts;
	m.remote_ts = conf->remote_ts;
	send_secret(h, m.tunnel, IMSG_IKE_PPK, conf->ppk);
	send_secret(h, m.tunnel, IMSG_IKE_PSK_PREVIOUS, conf->psk_previous);
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_TUNNEL, psk, &m, sizeof(m));
	certificates_send_tunnel(h, m.tunnel, conf);
}

static void send_statics(struct hub *h, const struct hub_site *site, uint32_t tunnel)
{
	struct imsg_bgp_statics m;

	memset(&m, 0, sizeof(m));
	m.tunnel = tunnel;
	m.count = site->conf.statics.count;
	memcpy(m.prefixes, site->conf.statics.prefixes, sizeof(m.prefixes));
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_STATICS, -1, &m, sizeof(m));
}

static uint32_t med_of(const struct hub *h, const struct hub_site *site, unsigned int t)
{
	bool backup = h->config->concentrator.med_mode == MED_PRIMARY_BACKUP && t == 1;

	return backup ? hub_backup_med(site->conf.tunnels[t].med) : site->conf.tunnels[t].med;
}

/* while one tunnel is drained, the other's MED is below both; so one must be above zero. */
static uint32_t med_out(const struct hub *h, const struct hub_site *site, unsigned int t)
{
	uint32_t own = med_of(h, site, t), other = med_of(h, site, !t);
	uint32_t step = h->config->concentrator.drain_med;

	if (site->tunnels[t].draining)
		return own > step ? own : step;
	if (!site->tunnels[!t].draining)
		return own;
	own = own < other ? own : other;
	return own > step ? own - step : 0;
}

void hub_bgp_neighbor_send(struct hub *h, const struct hub_site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	struct imsg_bgp_neighbor m;
	int bfd = -1;

	memset(&m, 0, sizeof(m));
	m.tunnel = hub_tunnel_number(site, t);
	snprintf(m.site, sizeof(m.site), "%s", site->conf.name);
	m.local4 = config_inside_hub(&conf->inside);
	m.peer4 = config_inside_site(&conf->inside);
	if (addr_is_set(&conf->inside6.addr)) {
		m.local6 = config_inside_hub(&conf->inside6);
		m.peer6 = config_inside_site(&conf->inside6);
	}
	m.remote_as = site->conf.asn;
	m.max_prefixes_in = site->conf.max_prefixes_in;
	m.max_prefixes_out = site->conf.max_prefixes_out;
	m.med_out = med_out(h, site, t);
	m.draining = site->tunnels[t].draining;
	m.group = site->group;
	m.allow_default = site->conf.allow_default;
	m.share_default = site->conf.share_default;
	m.ttl_security = site->conf.ttl_security;
	m.as_override = site->conf.as_override;
	m.allow_as_in = site->conf.allow_as_in;
	m.not_propagated = !site->conf.propagate;
	m.is_static = site->conf.routing == ROUTING_STATIC;
	m.ecmp = site->conf.ecmp;
	m.was_up = site->tunnels[t].bgp_was_up;
	m.claim_count = (uint8_t)site->conf.prefixes.count;
	memcpy(m.claims, site->conf.prefixes.prefixes, sizeof(m.claims));
	m.accept_count = (uint8_t)site->conf.accept.count;
	memcpy(m.accept, site->conf.accept.rules, sizeof(m.accept));
	m.transport6 = site->conf.bgp_family == AF_INET6;
	m.passive = site->conf.bgp_password[0];
	if (!hub_bgp_password(h, m.transport6 ? &m.peer6 : &m.peer4, site->conf.bgp_password,
		    &m.password_print))
		log_error("site %s: bgp_password %s cannot be used; its BGP sessions stay down",
			site->conf.name, site->conf.bgp_password);
	if (site->conf.bfd.multiplier)
		bfd = hub_bfd_socket(h, m.transport6 ? &m.local6 : &m.local4);
	if (bfd >= 0) {
		m.bfd_interval_us = site->conf.bfd.interval_us;
		m.bfd_multiplier = site->conf.bfd.multiplier;
		if (site->tunnels[t].open)
			m.bfd_resume = site->tunnels[t].bfd_resume;
	}
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_NEIGHBOR, bfd, &m, sizeof(m));
	if (m.is_static)
		send_statics(h, site, m.tunnel);
}

static void send_to_data(struct hub *h, const struct hub_site *site, unsigned int t, bool present)
{
	struct imsg_data_tunnel m = {.tunnel = hub_tunnel_number(site, t),
		.present = present,
		.own_limits = site->conf.site_class == SITE_GATEWAY};

	process_send(&h->processes[PROCESS_DATA], IMSG_DATA_TUNNEL, -1, &m, sizeof(m));
}

void hub_bgp_tunnel_send(struct hub *h, uint32_t tunnel, bool up)
{
	struct imsg_bgp_tunnel m = {.tunnel = tunnel, .up = up};

	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_TUNNEL, -1, &m, sizeof(m));
}

static void send_tunnel(
	struct hub *h, struct process *p, const struct hub_site *site, unsigned int t)
{
	uint32_t tunnel = hub_tunnel_number(site, t);

	switch (p->role) {
	case PROCESS_DATA:
		send_to_data(h, site, t, true);
		break;
	case PROCESS_IKE:
		send_to_ike(h, site, t);
		if (site->tunnels[t].admin_down) {
			struct imsg_ike_command down = {
				.tunnel = tunnel, .command = IKE_COMMAND_DOWN};

			process_send(p, IMSG_IKE_COMMAND, -1, &down, sizeof(down));
		}
		break;
	case PROCESS_BGP:
		hub_bgp_neighbor_send(h, site, t);
		if (site->tunnels[t].open && !site->tunnels[t].leave_at_ns)
			hub_bgp_tunnel_send(h, tunnel, true);
		break;
	default:
		break;
	}
}

static void send_site(struct hub *h, struct process *p, const struct hub_site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured)
			send_tunnel(h, p, site, t);
	}
}

void hub_sites_send(struct hub *h, struct process *p)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		if (!h->sites[i])
			continue;
		send_site(h, p, h->sites[i]);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE && p->role == PROCESS_BGP; t++)
			h->sites[i]->tunnels[t].bfd_resume = (struct imsg_bfd_resume){0};
	}
}

static void take_sample(struct hub *h, const struct hub_site *site, struct site_sample *sample)
{
	sample->at_ns = clock_now();
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		maps_site_stats(h->maps, (enum sluice_direction)d, site->slot, &sample->stats[d]);
}

void hub_sample(struct hub *h)
{
	h->sampled_ns[1] = h->sampled_ns[0];
	h->sampled_ns[0] = clock_now();
	maps_inside_ring_drops_set(h->maps, link_ring_drops(h->link));
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		struct hub_site *site = h->sites[i];

		if (!site)
			continue;
		site->before = site->latest;
		take_sample(h, site, &site->latest);
		for (int d = 0; d < SLUICE_DIRECTIONS; d++)
			history_add(site->history, (enum sluice_direction)d, &site->before.stats[d],
				site->before.at_ns, &site->latest.stats[d], site->latest.at_ns);
	}
}

static uint32_t free_slot(struct hub *h)
{
	while (h->sites[h->next_slot])
		h->next_slot = (h->next_slot + 1) % HUB_SITE_SLOTS;

	uint32_t slot = h->next_slot;

	h->next_slot = (slot + 1) % HUB_SITE_SLOTS;
	return slot;
}

static void start_tunnel(struct hub *h, struct hub_site *site, unsigned int t)
{
	static const enum process_role roles[] = {PROCESS_DATA, PROCESS_BGP, PROCESS_IKE};
	uint32_t tunnel = hub_tunnel_number(site, t);
	struct hub_tunnel *state = &site->tunnels[t];
	bool admin_down = state->admin_down, draining = state->draining, undrain = state->undrain;

	hub_interface_del(h, tunnel);
	free(state->cert);
	memset(state, 0, sizeof(*state));
	state->admin_down = admin_down;
	state->draining = draining;
	state->undrain = undrain;
	state->ike.tunnel = state->bgp.tunnel = tunnel;
	state->since_wall_ns = clock_wall();
	snprintf(state->ike.detail, sizeof(state->ike.detail), "waiting for the site to connect");
	maps_tunnel_stats(h->maps, tunnel, &site->tunnel_base[t]);
	state->activity_seen_ns = site->tunnel_base[t].last_in_ns;
	hub_interface_add(h, site, t);
	hub_inside_set(h, site, t, true);
	hub_tunnel_record(h, tunnel, true);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		send_tunnel(h, &h->processes[roles[i]], site, t);
}

/* Another site may get the address. */
static void forget_password(struct hub *h, const struct hub_site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	struct ip_addr peers[] = {
		config_inside_site(&conf->inside), config_inside_site(&conf->inside6)};
	uint64_t print;

	for (int i = 0; i < 2; i++) {
		if (addr_is_set(&peers[i]))
			(void)hub_bgp_password(h, &peers[i], "", &print);
	}
}

static void stop_tunnel(struct hub *h, struct hub_site *site, unsigned int t)
{
	struct imsg_tunnel m = {.tunnel = hub_tunnel_number(site, t)};

	hub_tunnel_close(h, m.tunnel);
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_TUNNEL_DEL, -1, &m, sizeof(m));
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_NEIGHBOR_DEL, -1, &m, sizeof(m));
	send_to_data(h, site, t, false);
	hub_routes_sweep(h);
	forget_password(h, site, t);
	hub_inside_set(h, site, t, false);
	hub_tunnel_record(h, m.tunnel, false);
	hub_interface_del(h, m.tunnel);
}

void hub_sites_add(struct hub *h, const struct site_conf *conf)
{
	struct hub_site *site = calloc(1, sizeof(*site));

	if (!site)
		abort();
	site->slot = free_slot(h);
	memcpy(&site->conf, conf, sizeof(*conf));
	hub_group_choose(h, site);
	admin_restore(h, site);
	h->sites[site->slot] = site;
	site->history = history_new(clock_now());
	take_sample(h, site, &site->base);
	site->before = site->latest = site->base;
	maps_site_set(h->maps, site->slot, conf->name, conf->asn);
	hub_statics_close(h, conf, true);
	hub_rates_set(h, site);
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (conf->tunnels[t].configured)
			start_tunnel(h, site, t);
	}
}

void hub_site_free(struct hub_site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		for (int k = 0; k < EVENT_KINDS; k++)
			event_ring_clear(&site->events[t][k]);
		free(site->tunnels[t].cert);
	}
	history_free(site->history);
	free(site);
}

void hub_event(struct hub *h, uint32_t tunnel, enum event_kind kind, json_t *own_event)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);
	const struct tunnel_conf *conf = hub_tunnel_conf(h, tunnel);
	unsigned int t = tunnel % TUNNELS_PER_SITE;
	char resource[SITE_NAME_SIZE + ADDR_STR_SIZE + 8], text[ADDR_STR_SIZE];
	struct ip_addr local;

	if (!site || !conf->configured) {
		json_decref(own_event);
		return;
	}
	local = config_local_address(h->config, &site->conf, t);
	snprintf(resource, sizeof(resource), "%s.%u_%s", site->conf.name, t,
		addr_format(&local, text));
	eventlog_add(h->events, kind,
		(enum log_form)(kind == EVENT_ACTIVITY ? conf->activity_log : conf->bgp_log),
		&site->events[t][kind], resource, own_event, clock_wall());
}

void hub_site_remove(struct hub *h, struct hub_site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured)
			stop_tunnel(h, site, t);
	}
	maps_site_set(h->maps, site->slot, NULL, 0);
	h->sites[site->slot] = NULL;
	hub_statics_close(h, &site->conf, false);
	closed_forget_site(h, site->slot);
	hub_rates_forget(h, site->slot);
	admin_forget(h, site);
	hub_site_free(site);
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
	return !memcmp(a, b, n);
}

/* Other inside addresses or another identity make it another tunnel. */
static bool is_same_tunnel(const struct site_conf *old, const struct site_conf *new, unsigned int t)
{
	const struct tunnel_conf *was = &old->tunnels[t], *is = &new->tunnels[t];

	return was->configured && is->configured && prefix_equal(&was->inside, &is->inside) &&
	       prefix_equal(&was->inside6, &is->inside6) &&
	       same_bytes(&was->identity, &is->identity, sizeof(was->identity)) &&
	       old->outer_family == new->outer_family;
}

bool hub_tunnel_is_replaced(const struct hub_site *site, unsigned int t, const struct site_conf *is)
{
	return site->conf.tunnels[t].configured && (!is || !is_same_tunnel(&site->conf, is, t));
}

static void change_tunnel(
	struct hub *h, struct hub_site *site, unsigned int t, const struct site_conf *old)
{
	const struct tunnel_conf *was = &old->tunnels[t], *is = &site->conf.tunnels[t];

	if (is_same_tunnel(old, &site->conf, t)) {
		if (!same_bytes(was, is, sizeof(*was)))
			send_to_ike(h, site, t);
		hub_bgp_neighbor_send(h, site, t);
		return;
	}
	if (was->configured) {
		struct site_conf present = site->conf;

		memcpy(&site->conf, old, sizeof(*old));
		stop_tunnel(h, site, t);
		memcpy(&site->conf, &present, sizeof(present));
	}
	if (is->configured)
		start_tunnel(h, site, t);
}

void hub_site_change(struct hub *h, struct hub_site *site, const struct site_conf *conf)
{
	struct site_conf old;

	memcpy(&old, &site->conf, sizeof(old));
	memcpy(&site->conf, conf, sizeof(*conf));
	if (strcmp(old.group, conf->group))
		hub_group_choose(h, site);
	for (unsigned int t = 0;
		t < TUNNELS_PER_SITE && strcmp(old.bgp_password, conf->bgp_password); t++)
		site->tunnels[t].md5_at_ns =
			0; /* what was wrong with the signatures was of the other */
	hub_rates_set(h, site);
	maps_site_set(h->maps, site->slot, conf->name, conf->asn);
	hub_statics_close(h, conf, true);
	hub_statics_close(h, &old, false);

	/* Only rates differ: no process has to know. */
	struct site_conf with_old_rates;

	memcpy(&with_old_rates, conf, sizeof(*conf));
	with_old_rates.rate = old.rate;
	with_old_rates.pps = old.pps;
	if (same_bytes(&with_old_rates, &old, sizeof(old)))
		return;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		change_tunnel(h, site, t, &old);
}

void hub_tunnel_send(struct hub *h, const struct hub_site *site, unsigned int t)
{
	hub_bgp_neighbor_send(h, site, t);
	send_to_ike(h, site, t);
}

void hub_sites_settle(struct hub *h)
{
	for (uint32_t i = 0; i < HUB_SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->sites[i] && t < TUNNELS_PER_SITE; t++) {
			const struct hub_site *site = h->sites[i];

			if (!site->conf.tunnels[t].configured)
				continue;
			hub_inside_set(h, site, t, true);
			if (site->tunnels[t].open)
				hub_inside_route_set(h, site, t, true);
			hub_tunnel_send(h, site, t);
		}
	}
}

void hub_tunnel_open(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);
	struct hub_tunnel *state = hub_tunnel(h, tunnel);
	bool was_open = state->open;

	if (hub_endpoint(h, site, tunnel % TUNNELS_PER_SITE)->fault)
		return; /* what becomes of it opens it */

	state->open = true;
	hub_interface_mtu_set(h, tunnel, hub_tunnel_mtu(state));
	hub_tunnel_record(h, tunnel, true);
	if (was_open)
		return; /* the record alone: another MTU after a rekey */
	state->came_from = state->ike.peer.addr;
	hub_reserved_refresh(h);
	hub_inside_route_set(h, site, tunnel % TUNNELS_PER_SITE, true);
	hub_bgp_tunnel_send(h, tunnel, !state->leave_at_ns);
	if (site->conf.routing != ROUTING_BGP)
		admin_carries(h, tunnel);
}

void hub_tunnel_close(struct hub *h, uint32_t tunnel)
{
	struct hub_site *site = hub_site_of_tunnel(h, tunnel);
	struct hub_tunnel *state = hub_tunnel(h, tunnel);
	bool was_open = state->open;

	state->open = false;
	hub_tunnel_record(h, tunnel, true);
	if (!was_open)
		return;
	state->bfd_resume = (struct imsg_bfd_resume){0};
	hub_inside_route_set(h, site, tunnel % TUNNELS_PER_SITE, false);
	hub_bgp_tunnel_send(h, tunnel, false);
	hub_reserved_refresh(h);
	hub_routes_sweep_soon(h);
}
