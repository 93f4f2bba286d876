/* SPDX-License-Identifier: Apache-2.0 */
/* Rungs ESP and inside: the tunnel has keys; what comes through it, and with which addresses and sizes. */
#include "doctor/rule.h"

#include "base/date.h"
#include "bgp/bfd/packet.h"

#include <stdio.h>
#include <string.h>

#define LATELY_NS (600 * CLOCK_SECOND)
#define MTU_USUAL 1500

static bool is_udp(const struct doctor_case *c)
{
	const struct tunnel_sa *sa = tunnel_sa_in_use(c->state);

	return sa && sa->udp_encap;
}

/* Nothing comes in; by IP protocol 50, or by UDP. */
static bool no_esp(struct doctor_case *c, bool udp)
{
	if (!c->state->open || !c->state->silent_text[0] || is_udp(c) != udp)
		return false;
	c->since_wall_ns = doctor_wall(c->s, c->state->heard_ns);
	snprintf(c->evidence, sizeof(c->evidence), "%s", c->state->silent_text);
	return true;
}

static bool no_esp_50(struct doctor_case *c)
{
	return no_esp(c, false);
}

static bool no_esp_udp(struct doctor_case *c)
{
	return no_esp(c, true);
}

/* It is heard, and does not hear. */
static bool deaf(struct doctor_case *c)
{
	const struct site_tunnel *state = c->state;
	uint64_t since = state->half_open_since_ns >= state->opened_ns && state->half_open_since_ns
				 ? state->half_open_since_ns
				 : state->bgp.unanswered_since_ns;

	if (!state->open || !state->deaf_text[0])
		return false;
	c->since_wall_ns = doctor_wall(c->s, since);
	snprintf(c->evidence, sizeof(c->evidence), "%s", state->deaf_text);
	return true;
}

static bool bfd_deaf(struct doctor_case *c)
{
	const struct tunnel_bfd *bfd = &c->state->bfd;

	if (!c->state->open || !bfd->present || bfd->state != BFD_INIT)
		return false;
	c->since_wall_ns = doctor_wall(c->s, c->state->opened_ns);
	snprintf(c->evidence, sizeof(c->evidence), "BFD: %llu packets came, %llu were sent",
		(unsigned long long)bfd->packets_in, (unsigned long long)bfd->packets_out);
	return true;
}

/* A policy-based device wants a pair of SAs for each of its networks. */
static bool second_pair(struct doctor_case *c)
{
	const struct refusal *r =
		refusals_find(&c->state->refused, reason_code(REASON_SECOND_CHILD));

	if (!r || r->last_wall_ns + LATELY_NS < c->s->wall_ns)
		return false;
	c->since_wall_ns = r->first_wall_ns;
	c->last_wall_ns = r->last_wall_ns;
	c->count = r->count;
	doctor_word(c, "detail", "%s", r->detail);
	return true;
}

static bool left_out(struct doctor_case *c)
{
	struct ip_addr a;
	char text[ADDR_STR_SIZE];
	const char *selectors;
	bool of_device;

	if (!c->state->open || c->site->conf.routing != ROUTING_BGP ||
		c->state->bgp.state == BGP_ESTABLISHED)
		return false;
	selectors = tunnel_left_out(c->site, c->tunnel, &a, &of_device);
	if (!selectors)
		return false;
	c->since_wall_ns = doctor_wall(c->s, c->state->opened_ns);
	doctor_word(c, "selectors", "%s", selectors);
	doctor_word(c, "whose", "%s %s", of_device ? "the device's" : "the hub's",
		addr_format(&a, text));
	return true;
}

static bool wrong_ends(struct doctor_case *c)
{
	if (!c->state->open || !c->state->ends_text[0])
		return false;
	c->since_wall_ns = doctor_wall(c->s, c->state->opened_ns);
	doctor_word(c, "detail", "%s", c->state->ends_text);
	return true;
}

/* Less fits than the hub's links take; of jumbo frames data makes no use. */
static bool narrow_path(struct doctor_case *c)
{
	const struct model_host *host = &c->s->model->host;
	uint32_t mtu = MTU_USUAL;

	for (uint32_t i = 0; i < host->outside_count; i++) {
		if (host->outside[i].mtu && host->outside[i].mtu < mtu)
			mtu = host->outside[i].mtu;
	}
	if (!c->state->open || !c->state->path.path_mtu || c->state->path.path_mtu >= mtu)
		return false;
	doctor_word(c, "path", "%u", c->state->path.path_mtu);
	doctor_word(c, "mtu", "%u", mtu);
	doctor_word(c, "inner", "%u", c->state->path.inner_mtu);
	return true;
}

#define ESP .rung = DOCTOR_ESP, .severity = DOCTOR_ERROR

const struct doctor_rule doctor_rules_esp[] = {
	{.id = "esp-blocked",
		ESP,
		.holds = no_esp_50,
		.sentence = "IKE is up, and no ESP comes from the device: IP protocol 50 is "
			    "blocked on the way, or the device sends nothing into the tunnel",
		.hub = "`sluice site set {site} tunnels.{tunnel}.encap=force` puts ESP into UDP "
		       "4500, which is let through more often",
		.device = "let IP protocol 50 to and from {address} through; see that its routes "
			  "lead into the tunnel"},
	{.id = "esp-blocked",
		ESP,
		.holds = no_esp_udp,
		.sentence = "IKE is up, and no ESP comes from the device in UDP 4500: it is "
			    "blocked on the way, or the device sends nothing into the tunnel",
		.device = "let UDP 4500 to and from {address} through, not only its first packets; "
			  "see that its routes lead into the tunnel"},
	{.id = "esp-one-way",
		ESP,
		.holds = deaf,
		.sentence = "ESP comes from the device, and what the hub sends does not reach "
			    "BGP there: it is blocked on the way, or filtered at the device",
		.hub = "`sluice site set {site} tunnels.{tunnel}.encap=force` puts ESP into UDP "
		       "4500",
		.device = "let ESP from {address} in, and TCP port 179 from {hub_inside}"},
	{.id = "esp-one-way",
		ESP,
		.holds = bfd_deaf,
		.sentence = "BFD comes from the device, and it does not hear the hub's: ESP "
			    "towards it is blocked on the way, or filtered at the device",
		.hub = "`sluice site set {site} tunnels.{tunnel}.encap=force` puts ESP into UDP "
		       "4500",
		.device = "let ESP from {address} in, and UDP port 3784 from {hub_inside}"},
	{.id = "selectors-too-narrow",
		.rung = DOCTOR_INSIDE,
		.severity = DOCTOR_ERROR,
		.holds = left_out,
		.sentence = "the selectors {selectors} leave out {whose} inside address, so BGP "
			    "cannot pass",
		.hub = "`site_cidrs` and `hub_cidrs` of the tunnel must have the inside addresses",
		.device = "use 0.0.0.0/0 (and ::/0), or add {inside} and {hub_inside}"},
	{.id = "inside-address",
		.rung = DOCTOR_INSIDE,
		.severity = DOCTOR_ERROR,
		.holds = wrong_ends,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "an inside address at the device is wrong: {detail}",
		.hub = "`inside` of the tunnel has both: {hub_inside} is the hub's, {inside} the "
		       "device's",
		.device = "give its tunnel interface {inside}, and its BGP neighbour {hub_inside}"},
	{.id = "policy-based",
		.rung = DOCTOR_ESP,
		.severity = DOCTOR_WARNING,
		.holds = second_pair,
		.flags = DOCTOR_AT_ONCE | DOCTOR_BESIDE,
		.sentence = "the device is policy-based and wants more than one pair of "
			    "selectors, of which it gets one: it {detail}",
		.hub = "a tunnel has one pair: `site_cidrs` and `hub_cidrs` can hold all networks",
		.device = "make it route-based: one SA with 0.0.0.0/0 (and ::/0) on both sides"},
	{.id = "narrow-path",
		.rung = DOCTOR_INSIDE,
		.severity = DOCTOR_NOTE,
		.holds = narrow_path,
		.flags = DOCTOR_AT_ONCE | DOCTOR_BESIDE,
		.sentence = "the path takes {path} bytes, less than the hub's links, which take "
			    "{mtu}; the tunnel takes {inner}, and the hub follows",
		.device = "nothing, where its line is PPPoE or the like; else see its MTU"},
	{.id = NULL},
};
