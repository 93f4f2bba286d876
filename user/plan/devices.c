/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of findings about the devices that endpoints are on, and those that they were on. */
#include "plan/rules.h"

#include <string.h>

void finding_devices_doubted(struct finding_scope *s)
{
	const struct concentrator_conf *c = &s->config->concentrator;

	for (uint32_t e = 0; s->known && s->known->devices && e < c->endpoint_count; e++) {
		const char *device = c->endpoints[e].device;

		if (s->known->devices[e].doubt[0])
			(void)finding_add(s, device,
				"endpoint %u, %s: %s; while that is so, it is closed and its "
				"tunnels are down",
				e, device, s->known->devices[e].doubt);
	}
}

static bool is_outside(const struct concentrator_conf *c, const char *device)
{
	for (uint32_t e = 0; e < c->endpoint_count; e++) {
		if (!strcmp(c->endpoints[e].device, device))
			return true;
	}
	return false;
}

static void add_closed(struct finding_scope *s, const char *device)
{
	if (device[0] && !is_outside(&s->config->concentrator, device))
		(void)finding_add(s, device,
			"%s is no outside device then, and stays closed for what is in clear until "
			"sluiced starts again or `sluice hub release`",
			device);
}

/* Those that are outside devices now, and those that were. */
void finding_devices_closed(struct finding_scope *s)
{
	const struct model_host *host = s->known ? &s->known->model->host : NULL;

	if (!host || s->config->concentrator.outside_forwarding)
		return;
	for (uint32_t i = 0; i < host->outside_count; i++)
		add_closed(s, host->outside[i].name);
	for (int i = 0; i < MODEL_CLOSED_DEVICES; i++) {
		if (host->closed_devices[i].former)
			add_closed(s, host->closed_devices[i].name);
	}
}
