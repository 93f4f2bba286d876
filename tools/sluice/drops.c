/* SPDX-License-Identifier: Apache-2.0 */
#include "drops.h"

#include <stddef.h>

const struct drop_reason drop_reasons[] = {
	{"site_rate", "more than the site's rate", "Raise rate, or let the site send less"},
	{"site_pps", "more packets than the site's packets_per_second",
		"Raise packets_per_second, or let the site send larger packets"},
	{"aggregate_rate", "more than the concentrator's aggregate_rate",
		"Raise aggregate_rate, or move sites to another hub"},
	{"tunnel_down", "a route leads to a tunnel that has no SA just now",
		"See `sluice show tunnels`"},
	{"replay", "a sequence number that came before, or is older than the replay window",
		"Raise replay_window if the way to the site reorders packets"},
	{"auth", "the integrity check failed: not sealed with this tunnel's key, or damaged",
		"A few are damage on the way or forgery; all of them are a device that kept old "
		"keys"},
	{"selector", "addresses that the tunnel was not negotiated for",
		"Compare hub_cidrs and site_cidrs with what the device has"},
	{"source",
		"a source address that the site has no right to: no route leads back to it, "
		"nothing "
		"declares it as the site's, or it is the hub's or another site's; to a site: BGP "
		"or "
		"BFD in the hub's name by another program of the host",
		"Let the site announce the prefix or name it in prefixes; `sluice report` has the "
		"last such address; see source_check"},
	{"service",
		"for an address of the hub itself, which does not serve that to sites; an ICMP "
		"error "
		"about a packet that the hub did not send to this site; or multicast",
		"Name what sites may reach in site_services; errors are none"},
	{"neighbour",
		"to a host in a network beside the hub of which the hub knows no MAC address, and "
		"more "
		"such packets than 20 a second of a tunnel: a scan, or hosts that are off",
		"See what the site sends to addresses that nobody has; `ip neigh` shows those "
		"asked for"},
	{"foreign",
		"with the SPI of a tunnel, but from another address than its peer's, and more than "
		"64 "
		"such packets at once or 200 a second: forged, or a site that sends from several "
		"addresses",
		"If it is the site's, let its device send ESP from the address it has for IKE"},
	{"isolation", "from a site to a site, and site_to_site is off",
		"Switch site_to_site on if sites may reach each other"},
	{"malformed", "lengths, padding or the inner header make no sense", ""},
	{"ecn", "a router on the way tells of congestion, and the packet's sender cannot be told",
		""},
	{"mtu", "too big for the tunnel, and its sender forbids fragments; it was told",
		"See df, and whether firewalls drop ICMP"},
	{"horizon",
		"would have waited for longer than pacing_horizon: more goes to the site than its "
		"rate",
		"Raise rate"},
	{"sequence", "the SA's sequence numbers are used up, and no new SA has come",
		"See `sluice show log` for why it is not rekeyed"},
	{"ring_full", "the workers could not keep up", "Use more workers, or more receive queues"},
	{"internal", "a failure of the hub's own: an error of a socket, or data that was restarted",
		"See the daemon's log"},
	{NULL, NULL, NULL},
};
