/* SPDX-License-Identifier: Apache-2.0 */
/* What ike and data say of a tunnel's SAs: for show, and for the sizes that follow from them. */
#include "hub/site/site.h"

#include "base/log.h"
#include "hub/event/event.h"
#include "hub/route/route.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <stdio.h>
#include <string.h>

#define INNER_MTU_LEAST 400 /* what data says below it makes no sense: path_mtu.h */

static struct tunnel_sa *find_sa(struct site_tunnel *t, uint32_t spi_in)
{
	for (uint32_t i = 0; i < t->sa_count; i++) {
		if (t->sas[i].spi_in == spi_in)
			return &t->sas[i];
	}
	return NULL;
}

/* Another size: of the record that TC reads, and of the routes. */
static void resize(struct hub *h, uint32_t tunnel)
{
	if (!site_tunnel_find(&h->model, tunnel)->open)
		return;
	hub_tunnel_open(h, tunnel);
	hub_routes_set_mtu(h, tunnel);
}

void hub_sa_info(struct hub *h, const struct imsg_sa_info *m)
{
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);
	struct tunnel_sa *sa = t ? find_sa(t, m->spi_in) : NULL;

	if (!t || (!sa && t->sa_count == SAS_PER_TUNNEL))
		return;
	if (!sa)
		sa = &t->sas[t->sa_count++];
	*sa = (struct tunnel_sa){.spi_in = m->spi_in,
		.spi_out = m->spi_out,
		.suite = m->suite,
		.created_wall_ns = m->created_wall_ns,
		.rekey_in_s = m->rekey_in_s,
		.expires_in_s = m->expires_in_s,
		.inner_mtu = m->inner_mtu,
		.udp_encap = m->udp_encap,
		.in_use = m->in_use};
	memcpy(sa->proposal, m->proposal, sizeof(sa->proposal));
	memcpy(sa->local_ts, m->local_ts, sizeof(sa->local_ts));
	memcpy(sa->remote_ts, m->remote_ts, sizeof(sa->remote_ts));
	if (!m->in_use)
		return;
	for (uint32_t i = 0; i < t->sa_count; i++) {
		if (&t->sas[i] != sa)
			t->sas[i].in_use = false;
	}
	resize(h, m->tunnel);
}

void hub_sa_gone(struct hub *h, const struct imsg_sa_ref *m)
{
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);
	struct tunnel_sa *sa = t ? find_sa(t, m->spi_in) : NULL;

	if (sa)
		*sa = t->sas[--t->sa_count];
}

static void tell_path(struct hub *h, const struct imsg_data_path *m)
{
	char text[REASON_TEXT_SIZE];

	snprintf(text, sizeof(text), "the path takes %u bytes, so the tunnel %u", m->path_mtu,
		m->inner_mtu);
	log_info("site %s tunnel %u: %s", site_of_tunnel(&h->model, m->tunnel)->conf.name,
		m->tunnel % TUNNELS_PER_SITE, text);
	hub_note(h, m->tunnel, REASON_PATH_MTU, true, text);
}

void hub_tunnel_path(struct hub *h, const struct imsg_data_path *m)
{
	struct site_tunnel *t = site_tunnel_find(&h->model, m->tunnel);

	if (!t || m->inner_mtu < INNER_MTU_LEAST || m->inner_mtu == t->path.inner_mtu)
		return;
	if (t->path.path_mtu && t->path.path_mtu != m->path_mtu)
		tell_path(h, m);
	t->path = (struct tunnel_path){.path_mtu = m->path_mtu, .inner_mtu = m->inner_mtu};
	resize(h, m->tunnel);
}
