/* SPDX-License-Identifier: Apache-2.0 */
/* What ike and data say of a tunnel's SAs: for show, and for the sizes that follow from them. */
#include "hub/site/site.h"

#include "base/log.h"
#include "base/utf8.h"
#include "hub/route/route.h"

#define INNER_MTU_LEAST 400 /* what data says below it makes no sense: path_mtu.h */

static struct imsg_sa_info *find_sa(struct hub_tunnel *t, uint32_t spi_in)
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
	if (!hub_tunnel(h, tunnel)->open)
		return;
	hub_tunnel_open(h, tunnel);
	hub_routes_set_mtu(h, tunnel);
}

void hub_sa_info(struct hub *h, struct imsg_sa_info *m)
{
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);
	struct imsg_sa_info *sa = t ? find_sa(t, m->spi_in) : NULL;

	if (!t || (!sa && t->sa_count == HUB_SAS_PER_TUNNEL))
		return;
	if (!sa)
		sa = &t->sas[t->sa_count++];
	m->proposal[sizeof(m->proposal) - 1] = '\0';
	utf8_clean(m->proposal);
	*sa = *m;
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
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);
	struct imsg_sa_info *sa = t ? find_sa(t, m->spi_in) : NULL;

	if (sa)
		*sa = t->sas[--t->sa_count];
}

void hub_tunnel_path(struct hub *h, const struct imsg_data_path *m)
{
	struct hub_tunnel *t = hub_tunnel(h, m->tunnel);

	if (!t || m->inner_mtu < INNER_MTU_LEAST || m->inner_mtu == t->path.inner_mtu)
		return;
	if (t->path.path_mtu && t->path.path_mtu != m->path_mtu)
		log_info("site %s tunnel %u: the path takes %u bytes, so the tunnel %u",
			hub_site_of_tunnel(h, m->tunnel)->conf.name, m->tunnel % TUNNELS_PER_SITE,
			m->path_mtu, m->inner_mtu);
	t->path = *m;
	resize(h, m->tunnel);
}
