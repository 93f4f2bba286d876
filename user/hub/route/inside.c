/* SPDX-License-Identifier: Apache-2.0 */
/* The hosts at both ends of inside blocks, and what the kernel keeps unreachable below static routes. */
#include "hub/route/fib.h"

#include "base/log.h"
#include "hub/route/closed.h"

static struct ip_prefix host_prefix(const struct ip_addr *a)
{
	return prefix_make(a, addr_bits(a));
}

bool fib_inside_route(const struct site *site, unsigned int t, bool v6, struct fib_route *r)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *block = v6 ? &conf->inside6 : &conf->inside;
	struct ip_addr peer = config_inside_site(block);

	*r = (struct fib_route){.prefix = host_prefix(&peer),
		.source = config_inside_hub(block),
		.inside = true,
		.tunnel = tunnel_number(site, t)};
	return addr_is_set(&peer);
}

void hub_inside_set(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_prefix *blocks[] = {&conf->inside, &conf->inside6};

	for (int i = 0; i < 2; i++) {
		struct ip_addr own = config_inside_hub(blocks[i]);

		if (!addr_is_set(&own))
			continue;
		if (present)
			link_address_set(h->link, &own);
		else
			link_address_del(h->link, &own);
	}
	for (int v6 = 0; present && v6 < 2; v6++) {
		struct fib_route host;

		if (fib_inside_route(site, t, v6, &host))
			closed_add(h, &host.prefix, host.tunnel);
	}
	closed_write(h);
}

static bool has_prefix(const struct site_conf *c, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < c->statics.count; i++) {
		if (prefix_equal(&c->statics.prefixes[i], p))
			return true;
	}
	return false;
}

static bool is_static(const struct hub *h, const struct ip_prefix *p)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		if (h->model.sites[i] && has_prefix(&h->model.sites[i]->conf, p))
			return true;
	}
	return false;
}

static void close_static(
	struct hub *h, const struct site_conf *conf, const struct ip_prefix *prefix, bool present)
{
	struct fib_route r = {.prefix = *prefix, .closed = true};

	/* Everything else the hub has to say would go there too. */
	if (!prefix->len)
		return;
	if (!present)
		link_routes_del(h->link, &r, 1);
	else if (link_routes_set(h->link, &r, 1))
		log_warn("the kernel refused an unreachable route below a static one of site %s",
			conf->name);
}

void hub_statics_close(struct hub *h, const struct site_conf *conf, bool present)
{
	for (uint32_t i = 0; i < conf->statics.count; i++) {
		if (present || !is_static(h, &conf->statics.prefixes[i]))
			close_static(h, conf, &conf->statics.prefixes[i], present);
	}
}

void hub_statics_close_all(struct hub *h, bool present)
{
	for (uint32_t s = 0; s < SITE_SLOTS; s++) {
		const struct site_conf *conf = h->model.sites[s] ? &h->model.sites[s]->conf : NULL;

		for (uint32_t i = 0; conf && i < conf->statics.count; i++)
			close_static(h, conf, &conf->statics.prefixes[i], present);
	}
}

void hub_inside_route_set(struct hub *h, const struct site *site, unsigned int t, bool present)
{
	struct fib_route host;

	for (int v6 = 0; v6 < 2; v6++) {
		if (!fib_inside_route(site, t, v6, &host))
			continue;
		if (present) {
			maps_route_set(h->maps, &host.prefix, host.tunnel, 0);
			link_routes_set(h->link, &host, 1);
		} else {
			link_routes_del(h->link, &host, 1);
			maps_route_del(h->maps, &host.prefix);
		}
	}
}
