/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites that come, change and go, in a hub whose children, maps and devices take everything in silence.
 * What a tunnel held in memory and nobody frees is found at the end by LeakSanitizer.
 */
#include "hub/site/admin.h"
#include "hub/secret/certificates.h"
#include "hub/hub.h"
#include "hub/site/bfd_sockets.h"
#include "hub/route/closed.h"
#include "hub/route/route.h"
#include "hub/secret/secret.h"
#include "hub/site/site.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define RELOADS 20

static uint32_t begun; /* tunnels, as the data process has heard */
static char told[64];  /* what bgp and ike were told of a tunnel, a letter each */
static bool carries_in_tc[TUNNELS_PER_SITE]; /* of the first site, as TC has it */
static uint32_t med[TUNNELS_PER_SITE];       /* of the first site, as bgp was told last */

static void note(char letter)
{
	size_t n = strlen(told);

	assert_true(n + 1 < sizeof(told));
	told[n] = letter;
	told[n + 1] = '\0';
}

/* U, D: the tunnel is up, down for bgp. d, u: ike is to take it down, to let it come. */
static void note_message(enum imsg_type type, const void *payload)
{
	const struct imsg_bgp_tunnel *b = payload;
	const struct imsg_ike_command *c = payload;

	if (type == IMSG_BGP_TUNNEL)
		note(b->up ? 'U' : 'D');
	if (type == IMSG_IKE_COMMAND)
		note(c->command == IKE_COMMAND_DOWN ? 'd' : 'u');
}

void process_send(
	struct process *p, enum imsg_type type, int own_fd, const void *payload, size_t len)
{
	const struct imsg_data_tunnel *t = payload;
	const struct imsg_bgp_neighbor *n = payload;

	(void)p;
	if (type == IMSG_BGP_NEIGHBOR && n->conf.tunnel < TUNNELS_PER_SITE)
		med[n->conf.tunnel] = n->conf.med_out;
	if (type == IMSG_DATA_TUNNEL && len == sizeof(*t))
		begun += t->present;
	note_message(type, payload);
	if (own_fd >= 0)
		close(own_fd);
}

bool hub_tunnel_secrets(struct hub *h, const struct site *site, unsigned int t)
{
	(void)h, (void)site, (void)t;
	return true;
}

void hub_interface_add(struct hub *h, const struct site *site, unsigned int t)
{
	(void)h, (void)site, (void)t;
}

void hub_interface_del(struct hub *h, uint32_t tunnel)
{
	(void)h, (void)tunnel;
}

void hub_interface_mtu_set(struct hub *h, uint32_t tunnel, uint32_t mtu)
{
	(void)h, (void)tunnel, (void)mtu;
}

bool hub_bgp_password(
	const struct hub *h, const struct ip_addr *peer, const char *ref, uint64_t *print)
{
	*print = 0;
	(void)h, (void)peer, (void)ref;
	return true;
}

void hub_rates_set(struct hub *h, const struct site *site)
{
	(void)h, (void)site;
}

void hub_rates_forget(struct hub *h, uint32_t slot)
{
	(void)h, (void)slot;
}

void hub_group_choose(struct hub *h, struct site *site)
{
	(void)h, (void)site;
}

void hub_reserved_refresh(struct hub *h)
{
	(void)h;
}

const struct ip_prefix *hub_connected(const struct hub *h, size_t *count)
{
	(void)h;
	*count = 0;
	return NULL;
}

void hub_routes_sweep(struct hub *h)
{
	(void)h;
}

void hub_routes_sweep_soon(struct hub *h)
{
	(void)h;
}

void hub_statics_close(struct hub *h, const struct site_conf *conf, bool present)
{
	(void)h, (void)conf, (void)present;
}

void closed_forget_site(struct hub *h, uint32_t slot)
{
	(void)h, (void)slot;
}

void hub_inside_set(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	(void)h, (void)site, (void)t, (void)present;
}

void hub_inside_route_set(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	(void)h, (void)site, (void)t, (void)present;
}

void certificates_send_tunnel(struct hub *h, uint32_t tunnel, const struct tunnel_conf *conf)
{
	(void)h, (void)tunnel, (void)conf;
}

struct ike_identity certificates_identity(
	const struct ike_identity *id, const struct ip_addr *address)
{
	(void)address;
	return *id;
}

struct ike_identity certificates_local_id(const struct certificates *all,
	const struct tunnel_conf *conf, const struct ip_addr *address)
{
	(void)all, (void)address;
	return conf->identity;
}

const char *link_name(const struct link *l)
{
	(void)l;
	return "lo";
}

uint64_t link_ring_drops(const struct link *l)
{
	(void)l;
	return 0;
}

bool maps_tunnel_set(struct maps *m, uint32_t tunnel, const struct tunnel_record *record)
{
	(void)m;
	if (tunnel < TUNNELS_PER_SITE)
		carries_in_tc[tunnel] = record->up;
	return true;
}

bool maps_site_set(struct maps *m, uint32_t site, const char *name, uint32_t asn)
{
	(void)m, (void)site, (void)name, (void)asn;
	return true;
}

void maps_site_stats(
	struct maps *m, enum sluice_direction direction, uint32_t site, struct site_stats *stats)
{
	(void)m, (void)direction, (void)site;
	memset(stats, 0, sizeof(*stats));
}

void maps_tunnel_stats(struct maps *m, uint32_t tunnel, struct tunnel_stats *stats)
{
	(void)m, (void)tunnel;
	memset(stats, 0, sizeof(*stats));
}

void maps_inside_ring_drops_set(struct maps *m, uint64_t packets)
{
	(void)m, (void)packets;
}

static struct site_cert *certificate(void)
{
	struct site_cert *cert = calloc(1, sizeof(*cert));

	assert_non_null(cert);
	return cert;
}

static void a_tunnel_that_begins_anew_has_no_certificate(void **state)
{
	static struct config config;
	static struct hub h = {.config = &config, .model.config = &config};
	static struct site_conf conf = {.name = "site-1"};
	struct site *site;

	(void)state;
	begun = 0;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		conf.tunnels[t].configured = true;
		conf.tunnels[t].options.auth = AUTH_CERT;
	}
	for (int i = 0; i < PROCESS_ROLES; i++)
		h.processes[i].role = (enum process_role)i;
	h.bfd_sockets = bfd_sockets_new();
	hub_sites_add(&h, &conf);
	assert_int_equal(begun, TUNNELS_PER_SITE);
	site = h.model.sites[0];
	site->tunnels[1].cert = certificate();
	for (uint32_t i = 1; i <= RELOADS; i++) {
		site->tunnels[0].cert = certificate();
		conf.tunnels[0].inside.addr =
			(struct ip_addr){AF_INET, {169, 254, 100, (uint8_t)(4 * i)}};
		conf.tunnels[0].inside.len = 30;
		hub_site_change(&h, site, &conf);
		assert_int_equal(begun, TUNNELS_PER_SITE + i);
		assert_null(site->tunnels[0].cert);
		assert_non_null(site->tunnels[1].cert); /* which did not change */
	}
	hub_site_remove(&h, site);
	assert_null(h.model.sites[0]);
	bfd_sockets_free(h.bfd_sockets);
}

/* ---- what an operator asks of tunnels ---- */

static void begin(struct hub *h, struct config *config, const char *dir)
{
	static struct site_conf conf = {.name = "site-1", .routing = ROUTING_BGP};

	config->site_count = 1;
	strcpy(config->sites[0].name, conf.name);
	*h = (struct hub){.config = config,
		.model.config = config,
		.base = event_base_new(),
		.state_dir = dir,
		.bfd_sockets = bfd_sockets_new()};
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		conf.tunnels[t].configured = true;
		conf.tunnels[t].options.auth = AUTH_CERT;
	}
	for (int i = 0; i < PROCESS_ROLES; i++)
		h->processes[i].role = (enum process_role)i;
	admin_load(h);
	hub_sites_add(h, &conf);
	told[0] = '\0';
}

static void both_carry(struct hub *h)
{
	for (uint32_t t = 0; t < TUNNELS_PER_SITE; t++) {
		hub_tunnel_open(h, t);
		h->model.sites[0]->tunnels[t].bgp.state = BGP_ESTABLISHED;
	}
	told[0] = '\0';
}

/* The daemon ends; the site does not. */
static void end(struct hub *h)
{
	site_free(site_find(&h->model, "site-1"));
	bfd_sockets_free(h->bfd_sockets);
	if (h->leave)
		event_free(h->leave);
	admin_free(h);
	event_base_free(h->base);
}

static void forget(const char *dir)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/tunnels.json", dir);
	unlink(path);
	rmdir(dir);
}

/* The neighbour is told while the tunnel carries; only then IKE deletes it. */
static void a_tunnel_leaves_before_it_goes(void **state)
{
	static struct config config;
	char dir[] = "/tmp/sluice-test.XXXXXX";
	struct hub h;

	(void)state;
	assert_non_null(mkdtemp(dir));
	begin(&h, &config, dir);
	both_carry(&h);
	assert_null(admin_down(&h, h.model.sites[0], 1, false));
	assert_string_equal(told, "D");
	assert_true(h.model.sites[0]->tunnels[1].open);
	assert_true(carries_in_tc[1]);
	assert_non_null(admin_down(&h, h.model.sites[0], 0, false)); /* the last one */
	assert_non_null(admin_drain(&h, h.model.sites[0], 0));
	event_base_dispatch(h.base);
	assert_string_equal(told, "DDd");
	assert_false(h.model.sites[0]->tunnels[1].open);
	assert_false(carries_in_tc[1]);
	assert_true(carries_in_tc[0]);
	assert_non_null(admin_down(&h, h.model.sites[0], 0, false));
	assert_null(admin_down(&h, h.model.sites[0], 0, true));
	/* Wanted back before it has gone: nothing is interrupted but its session. */
	assert_null(admin_up(&h, h.model.sites[0], 0));
	assert_string_equal(told, "DDdDUu");
	event_base_dispatch(h.base);
	assert_true(h.model.sites[0]->tunnels[0].open);
	assert_string_equal(told, "DDdDUu");
	end(&h);
	forget(dir);
}

static void what_was_asked_for_outlives_the_daemon(void **state)
{
	static struct config config;
	char dir[] = "/tmp/sluice-test.XXXXXX";
	struct hub h;

	(void)state;
	assert_non_null(mkdtemp(dir));
	begin(&h, &config, dir);
	both_carry(&h);
	config.concentrator.drain_med = 50;
	h.model.sites[0]->conf.tunnels[0].med = h.model.sites[0]->conf.tunnels[1].med = 120;
	assert_null(admin_drain(&h, h.model.sites[0], 1));
	assert_int_equal(med[1], 120);
	assert_int_equal(med[0], 70); /* below both */
	end(&h);
	begin(&h, &config, dir);
	assert_true(h.model.sites[0]->tunnels[1].draining);
	both_carry(&h);
	/* A tunnel that comes back carries nothing before it has its session. */
	assert_null(admin_down(&h, h.model.sites[0], 1, false));
	event_base_dispatch(h.base);
	h.model.sites[0]->tunnels[1].bgp.state = BGP_IDLE;
	assert_null(admin_up(&h, h.model.sites[0], 1));
	assert_true(h.model.sites[0]->tunnels[1].draining);
	admin_carries(&h, 1);
	assert_false(h.model.sites[0]->tunnels[1].draining);
	assert_null(admin_down(&h, h.model.sites[0], 1, false));
	end(&h);
	begin(&h, &config, dir);
	assert_true(h.model.sites[0]->tunnels[1].admin_down);
	assert_null(admin_up(&h, h.model.sites[0], 1));
	end(&h);
	begin(&h, &config, dir);
	assert_false(h.model.sites[0]->tunnels[1].admin_down);
	/* Where it cannot be written, who asks is told. */
	h.state_dir = "/nonexistent/sluice";
	assert_null(admin_down(&h, h.model.sites[0], 0, true));
	assert_false(h.admin_kept);
	h.state_dir = dir;
	assert_null(admin_up(&h, h.model.sites[0], 0));
	assert_true(h.admin_kept);
	/* A site that is removed takes it along: another one of its name begins anew. */
	assert_null(admin_down(&h, h.model.sites[0], 1, true));
	hub_site_remove(&h, h.model.sites[0]);
	hub_sites_add(&h, &(struct site_conf){.name = "site-1"});
	assert_false(site_find(&h.model, "site-1")->tunnels[1].admin_down);
	end(&h);
	forget(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_leaves_before_it_goes),
		cmocka_unit_test(what_was_asked_for_outlives_the_daemon),
		cmocka_unit_test(a_tunnel_that_begins_anew_has_no_certificate),
	};

	return cmocka_run_group_tests_name("sites", tests, NULL, NULL);
}
