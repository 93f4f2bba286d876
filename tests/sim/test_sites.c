/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sites that come, change and go, in a hub whose children, maps and devices take everything in silence.
 * What a tunnel held in memory and nobody frees is found at the end by LeakSanitizer.
 */
#include "hub/certificates.h"
#include "hub/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define RELOADS 20

static uint32_t begun; /* tunnels, as the data process has heard */

void process_send(
	struct process *p, enum imsg_type type, int own_fd, const void *payload, size_t len)
{
	const struct imsg_data_tunnel *t = payload;

	(void)p;
	if (type == IMSG_DATA_TUNNEL && len == sizeof(*t))
		begun += t->present;
	if (own_fd >= 0)
		close(own_fd);
}

void hub_interface_add(struct hub *h, const struct hub_site *site, unsigned int t)
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

bool hub_bgp_password(const struct hub *h, const struct ip_addr *peer, const char *ref)
{
	(void)h, (void)peer, (void)ref;
	return true;
}

int hub_bfd_socket(const struct hub *h, const struct ip_addr *local)
{
	(void)h, (void)local;
	return -1;
}

void hub_rates_set(struct hub *h, const struct hub_site *site)
{
	(void)h, (void)site;
}

void hub_rates_forget(struct hub *h, uint32_t slot)
{
	(void)h, (void)slot;
}

void hub_group_choose(struct hub *h, struct hub_site *site)
{
	(void)h, (void)site;
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

void hub_inside_set(struct hub *h, const struct hub_site *site, unsigned int t, bool present)
{
	(void)h, (void)site, (void)t, (void)present;
}

void hub_inside_route_set(struct hub *h, const struct hub_site *site, unsigned int t, bool present)
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

uint64_t link_ring_drops(const struct link *l)
{
	(void)l;
	return 0;
}

bool maps_tunnel_set(struct maps *m, uint32_t tunnel, const struct tunnel_record *record)
{
	(void)m, (void)tunnel, (void)record;
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

static struct imsg_peer_cert *certificate(void)
{
	struct imsg_peer_cert *cert = calloc(1, sizeof(*cert));

	assert_non_null(cert);
	return cert;
}

static void a_tunnel_that_begins_anew_has_no_certificate(void **state)
{
	static struct config config;
	static struct hub h = {.config = &config};
	static struct site_conf conf = {.name = "site-1"};
	struct hub_site *site;

	(void)state;
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		conf.tunnels[t].configured = true;
		conf.tunnels[t].options.auth = AUTH_CERT;
	}
	for (int i = 0; i < PROCESS_ROLES; i++)
		h.processes[i].role = (enum process_role)i;
	hub_sites_add(&h, &conf);
	assert_int_equal(begun, TUNNELS_PER_SITE);
	site = h.sites[0];
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
	assert_null(h.sites[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tunnel_that_begins_anew_has_no_certificate),
	};

	return cmocka_run_group_tests_name("sites", tests, NULL, NULL);
}
