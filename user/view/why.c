/* SPDX-License-Identifier: Apache-2.0 */
/* Why a tunnel that is up does not do what it is for: sentences on its BGP session and on its BFD. */
#include "view/view.h"

#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "bgp/speaker.h"
#include "ipc/msg_bgp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STRAY_NS (10 * CLOCK_SECOND) /* what came longer ago is over */
#define FIRST_NS (10 * CLOCK_SECOND) /* until then nothing need have come */

__attribute__((format(printf, 2, 3))) static void add(
	char text[VIEW_WHY_SIZE], const char *format, ...)
{
	size_t n = strlen(text);
	va_list args;

	if (n)
		n += (size_t)snprintf(text + n, VIEW_WHY_SIZE - n, "; ");
	va_start(args, format);
	vsnprintf(text + n, VIEW_WHY_SIZE - n, format, args);
	va_end(args);
}

static void stands(const struct tunnel_bgp *bgp, char text[VIEW_WHY_SIZE])
{
	if (bgp->detail[0])
		add(text, "%s", bgp->detail);
	else if (!bgp->prefixes_in &&
		 clock_wall() > bgp->established_wall_ns + BGP_QUIET_S * CLOCK_SECOND)
		add(text, "established, and nothing that the device announces can be taken, or it "
			  "announces nothing");
	if (bgp->kept_out)
		add(text, "%u of %u prefixes are not used: `sluice show bgp-log` says why",
			bgp->kept_out, bgp->prefixes_in);
}

/* The hub's own end: where its answers do not leave. */
static void way_out(
	const struct model *m, const struct site *site, unsigned int t, char text[VIEW_WHY_SIZE])
{
	const struct endpoint *endpoint = endpoint_of(m, site, t);

	if (!endpoint->fault && endpoint->no_way)
		add(text, "no route of the hub leads over %s but to its own network",
			m->config->concentrator.endpoints[t].device);
}

static void selectors(const struct site *site, unsigned int t, char text[VIEW_WHY_SIZE])
{
	char a[ADDR_STR_SIZE];
	struct ip_addr end;
	bool of_device;
	const char *left_out = tunnel_left_out(site, t, &end, &of_device);

	if (left_out)
		add(text,
			"the negotiated selectors (%s) leave out %s, the %s inside address: BGP "
			"cannot "
			"pass",
			left_out, addr_format(&end, a), of_device ? "device's" : "hub's");
}

const char *view_bgp_why(
	const struct model *m, const struct site *site, unsigned int t, char text[VIEW_WHY_SIZE])
{
	const struct site_tunnel *state = &site->tunnels[t];
	const struct tunnel_bgp *bgp = &state->bgp;
	uint64_t now = clock_now();

	text[0] = '\0';
	if (site->conf.routing == ROUTING_STATIC) {
		if (!state->open)
			way_out(m, site, t, text);
		return text;
	}
	if (bgp->state == BGP_ESTABLISHED) {
		stands(bgp, text);
		return text;
	}
	selectors(site, t, text);
	if (state->ends_text[0])
		add(text, "%s", state->ends_text);
	else if (bgp->detail[0])
		add(text, "%s", bgp->detail);
	if (bgp->refused_until_ns > now)
		add(text, "%llu s of that are left",
			(unsigned long long)((bgp->refused_until_ns - now) / CLOCK_SECOND + 1));
	if (state->deaf_text[0])
		add(text, "%s", state->deaf_text);
	if (tunnel_md5_is_said(state, now))
		add(text, "%s", state->md5_text);
	way_out(m, site, t, text);
	return text;
}

const char *view_bfd_why(const struct site *site, unsigned int t)
{
	const struct site_tunnel *state = &site->tunnels[t];
	const struct tunnel_bfd *bfd = &state->bfd;
	uint64_t now = clock_now();

	if (!state->open || now < state->opened_ns + FIRST_NS)
		return "";
	if (!bfd->present)
		return state->stray_bfd_ns && now < state->stray_bfd_ns + STRAY_NS
			       ? "the device sends it, and it is off here"
			       : "";
	if (bfd->state == BFD_INIT)
		return "the device sends it, and does not hear the hub's";
	if (bfd->state != BFD_DOWN)
		return "";
	if (!bfd->packets_in && bfd->packets_refused)
		return "what comes from the device is refused: a TTL below 255, authentication, or "
		       "another version";
	if (!bfd->packets_in)
		return "it is on here, and nothing comes from the device";
	return bfd->remote_state == BFD_ADMIN_DOWN ? "the device has switched it off"
						   : "nothing comes from the device any more";
}
