/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the concentrator that children get at their start, and again when they change. */
#include "hub/child/child.h"

#include "base/log.h"
#include "hub/host/host.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_data.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static void configure_data(struct hub *h, struct process *p)
{
	struct link_device inside;
	struct imsg_data_conf conf = {.workers = h->workers,
		.packets = h->config->concentrator.packets,
		.inside_uso = strstr(link_offloads(h->link), "uso"),
		.kernel_esp = h->kernel_esp};

	conf.inside_mtu = link_device(link_name(h->link), &inside) ? (uint16_t)inside.mtu : 1500;
	process_send(p, IMSG_DATA_CONF, -1, &conf, sizeof(conf));
}

static void configure_bgp(struct hub *h, struct process *p)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct imsg_bgp_conf conf = {.config = {.local_as = c->asn,
					     .hold_s = (uint16_t)c->hold_s,
					     .keepalive_s = (uint16_t)c->keepalive_s,
					     .site_to_site = c->site_to_site,
					     .graceful_restart = c->graceful_restart,
					     .restarted = p->restarts > 0 && c->graceful_restart}};
	const uint8_t *id = c->router_id.bytes;

	conf.config.router_id =
		(uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3];
	process_send(p, IMSG_BGP_CONF, -1, &conf, sizeof(conf));
}

/* A message without a descriptor means that there is no port. */
static void configure_api(struct hub *h, struct process *p)
{
	int fd = fcntl(h->host->metrics_fd, F_DUPFD_CLOEXEC, 0);

	h->host->metrics_untold = fd < 0;
	if (fd < 0)
		log_error("metrics: %s; it is tried again each second", strerror(errno));
	else
		process_send(p, IMSG_API_HTTP, fd, NULL, 0);
}

void child_configure(struct hub *h, enum process_role role)
{
	if (role == PROCESS_DATA)
		configure_data(h, &h->processes[role]);
	else if (role == PROCESS_BGP)
		configure_bgp(h, &h->processes[role]);
	else if (role == PROCESS_API)
		configure_api(h, &h->processes[role]);
}
