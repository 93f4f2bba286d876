/* SPDX-License-Identifier: Apache-2.0 */
/* What ike, bgp and data are told of sites and their tunnels. */
#include "base/clock.h"
#include "hub/site/bfd_sockets.h"
#include "hub/site/site.h"

#include "base/log.h"
#include "hub/secret/certificates.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/reads.h"
#include "hub/secret/secret.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static_assert(CONFIG_NETWORKS_MAX == NEIGHBOR_CLAIMS_MAX, "what a site owns is given to bgp whole");
static_assert(CONFIG_NETWORKS_MAX == NEIGHBOR_ACCEPT_MAX, "so is what it may announce");
static_assert(CONFIG_STATICS_MAX == NEIGHBOR_STATICS_MAX, "so are its static routes");

static uint64_t print_of(const char *ref)
{
	const char *why;

	return ref[0] ? secret_ref_print(ref, &why) : 0;
}

/* ike holds it until the tunnel comes; a ppk that cannot be opened leaves a tunnel that stays down. */
static void send_secret(struct hub *h, uint32_t tunnel, enum imsg_type type, const char *ref)
{
	struct imsg_tunnel m = {.tunnel = tunnel};

	if (!ref[0])
		return;
	secret_was_read(ref, print_of(ref));
	process_send(&h->processes[PROCESS_IKE], type, secret_ref_open(ref), &m, sizeof(m));
}

static uint64_t refs_print(const struct site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	char text[4 * CONFIG_SECRET_REF_SIZE];
	int len = snprintf(text, sizeof(text), "%s\n%s\n%s\n%s", conf->psk, conf->psk_previous,
		conf->ppk, site->conf.bgp_password);

	return secret_print((const uint8_t *)text, (size_t)len);
}

/*
 * A program does not tell a key of it. Where ike has the tunnel by the same references it goes on; else it would run by
 * keys and options that its configuration names no longer.
 */
static void withdraw(struct hub *h, const struct site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	struct imsg_tunnel m = {.tunnel = tunnel_number(site, t)};
	struct site_tunnel *state = site_tunnel_find(&h->model, m.tunnel);
	bool failed = exec_has_failed(conf->psk) || exec_has_failed(conf->psk_previous) ||
		      exec_has_failed(conf->ppk) || exec_has_failed(site->conf.bgp_password);

	if (!failed || !state->ike_refs || state->ike_refs == refs_print(site, t))
		return;
	log_warn("site %s tunnel %u: ended, because its keys are others now and a program does not "
		 "tell them",
		site->conf.name, t);
	state->ike_refs = state->psk_print = state->previous_print = state->ppk_print = 0;
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_TUNNEL_DEL, -1, &m, sizeof(m));
}

void hub_ike_tunnel_send(struct hub *h, const struct site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	struct imsg_ike_tunnel m;
	char previous[CONFIG_SECRET_REF_SIZE];
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel_number(site, t));
	int psk;

	if (!hub_tunnel_secrets(h, site, t)) {
		withdraw(h, site, t);
		return;
	}
	state->psk_print = conf->options.auth == AUTH_CERT ? 0 : print_of(conf->psk);
	psk = conf->options.auth == AUTH_CERT ? -1 : secret_ref_open(conf->psk);
	if (psk < 0 && conf->options.auth != AUTH_CERT)
		return; /* gone at this very moment: it is looked for again */
	if (psk >= 0)
		secret_was_read(conf->psk, state->psk_print);
	state->ppk_print = print_of(conf->ppk);
	state->previous_print = print_of(secret_previous(conf, previous));
	state->ike_refs = refs_print(site, t);
	memset(&m, 0, sizeof(m));
	m.tunnel = tunnel_number(site, t);
	snprintf(m.site, sizeof(m.site), "%s", site->conf.name);
	m.local = config_local_address(h->config, &site->conf, t);
	m.remote = conf->address;
	m.local_id = certificates_local_id(h->certificates, conf, &m.local);
	m.remote_id = certificates_identity(&conf->identity, &m.remote);
	m.options = conf->options;
	m.local_ts = conf->local_ts;
	m.remote_ts = conf->remote_ts;
	send_secret(h, m.tunnel, IMSG_IKE_PPK, conf->ppk);
	send_secret(h, m.tunnel, IMSG_IKE_PSK_PREVIOUS, secret_previous(conf, previous));
	process_send(&h->processes[PROCESS_IKE], IMSG_IKE_TUNNEL, psk, &m, sizeof(m));
	certificates_send_tunnel(h, m.tunnel, conf);
}

static void send_statics(struct hub *h, const struct site *site, uint32_t tunnel)
{
	struct imsg_bgp_statics m;

	memset(&m, 0, sizeof(m));
	m.tunnel = tunnel;
	m.count = site->conf.statics.count;
	memcpy(m.prefixes, site->conf.statics.prefixes, sizeof(m.prefixes));
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_STATICS, -1, &m, sizeof(m));
}

static uint32_t med_of(const struct hub *h, const struct site *site, unsigned int t)
{
	bool backup = h->config->concentrator.med_mode == MED_PRIMARY_BACKUP && t == 1;

	return backup ? hub_backup_med(site->conf.tunnels[t].med) : site->conf.tunnels[t].med;
}

/* While one tunnel is drained, the other's MED is below both; so one must be above zero. */
static uint32_t med_out(const struct hub *h, const struct site *site, unsigned int t)
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

/* `fd` -1 with errno: there is none, which is tried again each second, and told once. */
static void note_bfd(
	struct hub *h, const struct site *site, unsigned int t, int fd, const struct ip_addr *own)
{
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel_number(site, t));
	bool lacks = site->conf.bfd.multiplier && fd < 0;
	const char *why = strerror(errno);
	char text[ADDR_STR_SIZE];

	if (lacks && !state->no_bfd)
		log_error("site %s tunnel %u: BFD: no socket at %s: %s; its session runs without, "
			  "and it is tried again each second",
			site->conf.name, t, addr_format(own, text), why);
	else if (state->no_bfd && fd >= 0)
		log_info("site %s tunnel %u: BFD: the socket at %s is there now", site->conf.name,
			t, addr_format(own, text));
	state->no_bfd = lacks;
}

void hub_bfd_again(struct hub *h)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++) {
			if (h->model.sites[i]->tunnels[t].no_bfd)
				hub_bgp_neighbor_send(h, h->model.sites[i], t);
		}
	}
}

void hub_bgp_neighbor_send(struct hub *h, const struct site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	struct imsg_bgp_neighbor m;
	struct bgp_neighbor *n = &m.conf;
	const struct site_conf *other = config_gives_way_to(h->config, &site->conf);
	const struct site *before = other ? site_find(&h->model, other->name) : NULL;
	const struct ip_addr *own;
	int bfd = -1;

	memset(&m, 0, sizeof(m));
	n->tunnel = tunnel_number(site, t);
	snprintf(n->site, sizeof(n->site), "%s", site->conf.name);
	n->local4 = config_inside_hub(&conf->inside);
	n->peer4 = config_inside_site(&conf->inside);
	if (addr_is_set(&conf->inside6.addr)) {
		n->local6 = config_inside_hub(&conf->inside6);
		n->peer6 = config_inside_site(&conf->inside6);
	}
	n->remote_as = site->conf.asn;
	n->max_prefixes_in = site->conf.max_prefixes_in;
	n->max_prefixes_out = site->conf.max_prefixes_out;
	n->med_out = med_out(h, site, t);
	n->draining = site->tunnels[t].draining || before;
	n->gives_way_to = before ? (uint16_t)(before->slot + 1) : 0;
	n->group = site->group;
	n->allow_default = site->conf.allow_default;
	n->share_default = site->conf.share_default;
	n->ttl_security = site->conf.ttl_security;
	n->as_override = site->conf.as_override;
	n->allow_as_in = site->conf.allow_as_in;
	n->not_propagated = !site->conf.propagate;
	n->is_static = site->conf.routing == ROUTING_STATIC;
	n->ecmp = site->conf.ecmp;
	n->was_up = site->tunnels[t].bgp_was_up;
	n->claim_count = (uint8_t)site->conf.prefixes.count;
	memcpy(n->claims, site->conf.prefixes.prefixes, sizeof(n->claims));
	n->accept_count = (uint8_t)site->conf.accept.count;
	memcpy(n->accept, site->conf.accept.rules, sizeof(n->accept));
	n->transport6 = site->conf.bgp_family == AF_INET6;
	n->passive = site->conf.bgp_password[0];
	if (!site->tunnels[t].password_ref)
		hub_bgp_password_read(h, site, t);
	/* One that nobody has is another one than none. */
	n->password_print = site->tunnels[t].md5_print ? site->tunnels[t].md5_print : n->passive;
	own = neighbor_local(n);
	bfd_sockets_leave(h->bfd_sockets, n->transport6 ? &n->local4 : &n->local6, clock_now());
	if (site->conf.bfd.multiplier)
		bfd = bfd_sockets_get(h->bfd_sockets, link_name(h->link), own);
	else
		bfd_sockets_leave(h->bfd_sockets, own, clock_now());
	note_bfd(h, site, t, bfd, own);
	if (bfd >= 0) {
		m.bfd_interval_us = site->conf.bfd.interval_us;
		m.bfd_multiplier = site->conf.bfd.multiplier;
		if (site->tunnels[t].open)
			m.bfd_resume = site->tunnels[t].bfd_resume;
	}
	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_NEIGHBOR, bfd, &m, sizeof(m));
	if (n->is_static)
		send_statics(h, site, n->tunnel);
}

void hub_data_tunnel_send(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	struct imsg_data_tunnel m = {.tunnel = tunnel_number(site, t),
		.present = present,
		.packets = site->conf.tunnels[t].packets};

	process_send(&h->processes[PROCESS_DATA], IMSG_DATA_TUNNEL, -1, &m, sizeof(m));
}

void hub_bgp_tunnel_send(struct hub *h, uint32_t tunnel, bool up)
{
	struct imsg_bgp_tunnel m = {.tunnel = tunnel, .up = up};

	process_send(&h->processes[PROCESS_BGP], IMSG_BGP_TUNNEL, -1, &m, sizeof(m));
}

static void send_tunnel(struct hub *h, struct process *p, const struct site *site, unsigned int t)
{
	uint32_t tunnel = tunnel_number(site, t);

	switch (p->role) {
	case PROCESS_DATA:
		hub_data_tunnel_send(h, site, t, true);
		break;
	case PROCESS_IKE:
		hub_ike_tunnel_send(h, site, t);
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

static void send_site(struct hub *h, struct process *p, const struct site *site)
{
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		if (site->conf.tunnels[t].configured)
			send_tunnel(h, p, site, t);
	}
}

void hub_sites_send(struct hub *h, struct process *p)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (!h->model.sites[i])
			continue;
		send_site(h, p, h->model.sites[i]);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE && p->role == PROCESS_BGP; t++)
			h->model.sites[i]->tunnels[t].bfd_resume = (struct imsg_bfd_resume){0};
	}
}

void hub_tunnel_send(struct hub *h, const struct site *site, unsigned int t)
{
	hub_bgp_password_read(h, site, t);
	hub_bgp_neighbor_send(h, site, t);
	hub_ike_tunnel_send(h, site, t);
}

void hub_tunnel_introduce(struct hub *h, const struct site *site, unsigned int t)
{
	static const enum process_role roles[] = {PROCESS_DATA, PROCESS_BGP, PROCESS_IKE};

	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		send_tunnel(h, &h->processes[roles[i]], site, t);
}
