/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel ESP: an xfrm interface for each tunnel; and what a kernel must have for either backend. */
#include "hub/site/site.h"

#include "base/log.h"
#include "dataplane/xfrm.h"
#include "dataplane/xfrmi.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool hub_interfaces_open(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	char why[DATAPLANE_ERROR_SIZE];

	if (!h->kernel_esp)
		return true;
	h->xfrmi = xfrmi_open(why);
	if (!h->xfrmi)
		snprintf(error, CONFIG_ERROR_SIZE, "%s", why);
	return h->xfrmi;
}

void hub_interfaces_close(struct hub *h)
{
	for (uint32_t i = 0; h->xfrmi && i < SITE_SLOTS; i++) {
		for (unsigned int t = 0; h->model.sites[i] && t < TUNNELS_PER_SITE; t++)
			hub_interface_del(h, tunnel_number(h->model.sites[i], t));
	}
	xfrmi_close(h->xfrmi);
	h->xfrmi = NULL;
}

/* The index of the outside device that tunnel t ends on; 0: it is not there. */
static uint32_t outside_of(const struct hub *h, unsigned int t)
{
	const char *name = h->config->concentrator.endpoints[t].device;

	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (!strcmp(h->model.host.outside[i].name, name))
			return h->model.host.outside[i].ifindex;
	}
	return 0;
}

void hub_interface_add(struct hub *h, const struct site *site, unsigned int t)
{
	uint32_t tunnel = tunnel_number(site, t);
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);
	char error[DATAPLANE_ERROR_SIZE];

	if (!h->kernel_esp)
		return;
	state->ifindex = xfrmi_add(h->xfrmi, tunnel, outside_of(h, t), site->conf.name, error);
	if (state->ifindex && !bpf_plane_attach_interface(h->plane, state->ifindex, tunnel, error))
		hub_interface_del(h, tunnel);
	if (!state->ifindex)
		log_error(
			"site %s tunnel %u: %s; it will carry nothing", site->conf.name, t, error);
}

void hub_interface_del(struct hub *h, uint32_t tunnel)
{
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);

	if (!h->xfrmi || !state->ifindex)
		return;
	bpf_plane_interface_forget(h->plane, state->ifindex);
	xfrmi_del(h->xfrmi, state->ifindex);
	state->ifindex = 0;
}

void hub_interface_mtu_set(struct hub *h, uint32_t tunnel, uint32_t mtu)
{
	const struct site_tunnel *state = site_tunnel_find(&h->model, tunnel);

	if (!h->xfrmi || !state->ifindex || !mtu)
		return;
	if (!xfrmi_mtu_set(h->xfrmi, state->ifindex, mtu))
		log_error("tunnel %u: its interface takes no MTU of %u", tunnel, mtu);
}

static bool probe_kernel_esp(char error[CONFIG_ERROR_SIZE])
{
	char why[DATAPLANE_ERROR_SIZE];
	struct xfrm *x = xfrm_open(NULL, NULL, why);
	bool ok = x && xfrm_probe(x, why);

	xfrm_close(x);
	if (!ok)
		snprintf(error, CONFIG_ERROR_SIZE, "%s; dataplane: af_xdp does without", why);
	return ok;
}

static bool probe_af_xdp(char error[CONFIG_ERROR_SIZE])
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		snprintf(error, CONFIG_ERROR_SIZE,
			"this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS), which dataplane: "
			"af_xdp needs; dataplane: xfrm does without");
	else
		close(fd);
	return fd >= 0;
}

bool hub_dataplane_probe(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	return h->kernel_esp ? probe_kernel_esp(error) : probe_af_xdp(error);
}
