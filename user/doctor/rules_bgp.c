/* SPDX-License-Identifier: Apache-2.0 */
/* Rungs BGP, rates and routes: the tunnel carries packets; whether anything leads there, and how much fits. */
#include "doctor/rule.h"

#include "bgp/bfd/packet.h"
#include "state/stats_fields.h"

#include <stdio.h>
#include <string.h>

#define STRAY_NS   (10 * CLOCK_SECOND)
#define MINUTE_NS  (60 * CLOCK_SECOND)
#define LOOK_BACK  120 /* minutes, for when drops began */
#define DROPS_PART 100 /* of what was offered: less than one in so many is no news */

/* ---- sessions ---- */

static bool has_none(const struct doctor_case *c)
{
	return c->state->open && c->site->conf.routing == ROUTING_BGP &&
	       c->state->bgp.state != BGP_ESTABLISHED;
}

static void note_session(struct doctor_case *c)
{
	const struct tunnel_bgp *bgp = &c->state->bgp;
	uint64_t opened = doctor_wall(c->s, c->state->opened_ns);

	c->since_wall_ns = bgp->turned_wall_ns > opened ? bgp->turned_wall_ns : opened;
	doctor_word(c, "detail", "%s", bgp->detail);
}

static bool ended(struct doctor_case *c, enum bgp_why why)
{
	if (!has_none(c) || c->state->bgp.why != why)
		return false;
	note_session(c);
	return true;
}

static bool not_running(struct doctor_case *c)
{
	return ended(c, BGP_WHY_REFUSED);
}

static bool wrong_as(struct doctor_case *c)
{
	return ended(c, BGP_WHY_WRONG_AS);
}

static bool bad_as(struct doctor_case *c)
{
	return ended(c, BGP_WHY_BAD_AS);
}

static bool hold_time(struct doctor_case *c)
{
	return ended(c, BGP_WHY_HOLD_TIME);
}

static bool shut_down(struct doctor_case *c)
{
	return ended(c, BGP_WHY_SHUTDOWN);
}

static bool notified(struct doctor_case *c)
{
	return ended(c, BGP_WHY_NOTIFIED);
}

static bool silent(struct doctor_case *c)
{
	return ended(c, BGP_WHY_SILENT);
}

static bool reset(struct doctor_case *c)
{
	return ended(c, BGP_WHY_RESET);
}

static bool bfd_ended(struct doctor_case *c)
{
	return ended(c, BGP_WHY_BFD);
}

static bool limit(struct doctor_case *c)
{
	const struct tunnel_bgp *bgp = &c->state->bgp;
	char span[DOCTOR_SPAN_SIZE];

	if (!ended(c, BGP_WHY_LIMIT) || bgp->refused_until_ns <= c->s->now_ns)
		return false;
	doctor_word(c, "left", "%s",
		doctor_span((bgp->refused_until_ns - c->s->now_ns) / CLOCK_SECOND + 1, span));
	doctor_word(c, "limit", "%u", c->site->conf.max_prefixes_in);
	return true;
}

static bool md5(struct doctor_case *c, enum tunnel_md5 kind)
{
	if (!has_none(c) || !tunnel_md5_is_said(c->state, c->s->now_ns) ||
		c->state->md5_kind != kind)
		return false;
	note_session(c);
	snprintf(c->evidence, sizeof(c->evidence), "%s", c->state->md5_text);
	return true;
}

static bool md5_missing(struct doctor_case *c)
{
	return md5(c, TUNNEL_MD5_MISSING);
}

static bool md5_wrong(struct doctor_case *c)
{
	return md5(c, TUNNEL_MD5_WRONG);
}

static bool md5_unexpected(struct doctor_case *c)
{
	return md5(c, TUNNEL_MD5_UNEXPECTED);
}

static bool no_session(struct doctor_case *c)
{
	if (!has_none(c))
		return false;
	note_session(c);
	return true;
}

static bool stands(const struct doctor_case *c)
{
	return c->state->open && c->state->bgp.state == BGP_ESTABLISHED;
}

static bool no_family(struct doctor_case *c)
{
	c->since_wall_ns = c->state->bgp.turned_wall_ns;
	return stands(c) && c->state->bgp.why == BGP_WHY_NO_FAMILY;
}

static bool announces_nothing(struct doctor_case *c)
{
	const struct tunnel_bgp *bgp = &c->state->bgp;

	if (!stands(c) || bgp->prefixes_in ||
		c->s->wall_ns < bgp->established_wall_ns + BGP_QUIET_S * CLOCK_SECOND)
		return false;
	c->since_wall_ns = bgp->established_wall_ns;
	return true;
}

/* ---- BFD ---- */

static bool bfd_here_only(struct doctor_case *c)
{
	const struct tunnel_bfd *bfd = &c->state->bfd;

	if (!c->state->open || !bfd->present || bfd->state != BFD_DOWN || bfd->packets_in)
		return false;
	c->since_wall_ns = doctor_wall(c->s, c->state->opened_ns);
	snprintf(c->evidence, sizeof(c->evidence),
		"%llu packets were sent, %llu that came were refused",
		(unsigned long long)bfd->packets_out, (unsigned long long)bfd->packets_refused);
	return true;
}

static bool bfd_there_only(struct doctor_case *c)
{
	uint64_t at = c->state->stray_bfd_ns;

	if (!c->state->open || c->state->bfd.present || !at || c->s->now_ns > at + STRAY_NS)
		return false;
	c->last_wall_ns = doctor_wall(c->s, at);
	return true;
}

static bool bfd_off_there(struct doctor_case *c)
{
	const struct tunnel_bfd *bfd = &c->state->bfd;

	return c->state->open && bfd->present && bfd->state == BFD_DOWN && bfd->packets_in &&
	       bfd->remote_state == BFD_ADMIN_DOWN;
}

/* ---- routes ---- */

static bool kept_out(struct doctor_case *c)
{
	const struct tunnel_bgp *bgp = &c->state->bgp;

	if (!stands(c) || !bgp->kept_out)
		return false;
	c->since_wall_ns = bgp->established_wall_ns;
	doctor_word(c, "out", "%u", bgp->kept_out);
	doctor_word(c, "all", "%u", bgp->prefixes_in);
	return true;
}

static bool out_limited(struct doctor_case *c)
{
	doctor_word(c, "limit", "%u", c->site->conf.max_prefixes_out);
	return stands(c) && c->state->bgp.out_limited;
}

#define BGP .rung = DOCTOR_BGP, .severity = DOCTOR_ERROR

const struct doctor_rule doctor_rules_bgp[] = {
	{.id = "md5-missing",
		BGP,
		.holds = md5_missing,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device does not sign BGP, and the hub has a `bgp_password`",
		.hub = "take `bgp_password` away, if the device is to have none",
		.device = "set the password (MD5) of its neighbour {hub_inside}"},
	{.id = "md5-wrong",
		BGP,
		.holds = md5_wrong,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device signs BGP with another password than `bgp_password`",
		.device = "enter the password of `bgp_password` for its neighbour {hub_inside}"},
	{.id = "md5-unexpected",
		BGP,
		.holds = md5_unexpected,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device signs BGP (MD5), and the site has no `bgp_password`",
		.hub = "set `bgp_password` of the site",
		.device = "or take the password of its neighbour {hub_inside} away"},
	{.id = "bgp-wrong-as",
		BGP,
		.holds = wrong_as,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device has another AS: {detail}",
		.hub = "if the device is right: `sluice site set {site} asn=`",
		.device = "set its own AS to {as}"},
	{.id = "bgp-wrong-hub-as",
		BGP,
		.holds = bad_as,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device expects another AS of the hub: {detail}",
		.device = "set the AS of its neighbour {hub_inside} to {hub_as}"},
	{.id = "bgp-hold-time",
		BGP,
		.holds = hold_time,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the two ends find no common hold time: {detail}",
		.hub = "`hold_time` of the concentrator is what is offered",
		.device = "a hold time of at least 3 s, or 0"},
	{.id = "prefix-limit",
		BGP,
		.holds = limit,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the device announces more than `max_prefixes`, which is {limit}; its "
			    "session returns in {left}",
		.hub = "if they are its own: `sluice site set {site} max_prefixes=`",
		.device = "announce fewer: aggregate, or filter what is not the site's"},
	{.id = "bgp-not-running",
		BGP,
		.holds = not_running,
		.sentence = "BGP does not run at the device: it refuses TCP port 179",
		.device =
			"start BGP there, with the neighbour {hub_inside} AS {hub_as}, and let TCP "
			"port 179 in from the tunnel"},
	{.id = "bgp-shut-down",
		BGP,
		.holds = shut_down,
		.sentence = "BGP was shut down at the device: {detail}",
		.device = "switch its neighbour {hub_inside} on again"},
	{.id = "bgp-notified",
		BGP,
		.holds = notified,
		.sentence = "the device has ended the session: {detail}",
		.hub = "`sluice show bgp-log {site}`",
		.device = "its log says why"},
	{.id = "bgp-silent",
		BGP,
		.holds = silent,
		.sentence = "the device has fallen silent in its BGP session: {detail}",
		.hub = "`sluice show bgp-log {site}`",
		.device = "see whether it has too much to do, and what it routes to {hub_inside}"},
	{.id = "bgp-reset",
		BGP,
		.holds = reset,
		.sentence = "the device ends the TCP connection of BGP: {detail}",
		.hub = "`sluice show bgp-log {site}`",
		.device =
			"see whether it has {hub_inside} AS {hub_as} as a neighbour, reached over "
			"the tunnel"},
	{.id = "bfd-down",
		BGP,
		.holds = bfd_ended,
		.sentence = "BFD has ended the session: {detail}",
		.hub = "`sluice show bgp {site}`"},
	{.id = "no-session",
		BGP,
		.holds = no_session,
		.sentence = "the tunnel is up, and there is no BGP session: {detail}",
		.hub = "`sluice show bgp-log {site}`",
		.device = "BGP from {inside} AS {as} to {hub_inside} AS {hub_as}, over the tunnel"},
	{.id = "no-family",
		.rung = DOCTOR_ROUTES,
		.severity = DOCTOR_ERROR,
		.holds = no_family,
		.flags = DOCTOR_AT_ONCE,
		.sentence = "the session stands, and both ends have no address family in common",
		.device = "switch IPv4 or IPv6 unicast on for its neighbour {hub_inside}"},
	{.id = "announces-nothing",
		.rung = DOCTOR_ROUTES,
		.severity = DOCTOR_ERROR,
		.holds = announces_nothing,
		.sentence = "the session stands, and the device announces nothing that can be used",
		.hub = "`sluice show bgp-log {site}` has what was refused, and why",
		.device = "announce its networks to {hub_inside}"},
	{.id = "bfd-hub-only",
		.rung = DOCTOR_BGP,
		.severity = DOCTOR_WARNING,
		.holds = bfd_here_only,
		.flags = DOCTOR_BESIDE,
		.sentence = "BFD is on here, and none comes from the device: a failure is noticed "
			    "only when the hold time is over",
		.hub = "or take `bfd` of the site away",
		.device = "switch BFD on for its neighbour {hub_inside}, and let UDP port 3784 in"},
	{.id = "bfd-device-only",
		.rung = DOCTOR_BGP,
		.severity = DOCTOR_WARNING,
		.holds = bfd_there_only,
		.flags = DOCTOR_BESIDE,
		.sentence = "the device sends BFD, and it is off here: some devices start no BGP "
			    "without it",
		.hub = "switch it on with `bfd` of the site",
		.device = "or switch it off there"},
	{.id = "bfd-switched-off",
		.rung = DOCTOR_BGP,
		.severity = DOCTOR_WARNING,
		.holds = bfd_off_there,
		.flags = DOCTOR_BESIDE,
		.sentence = "the device has switched BFD off, which is on here",
		.hub = "or take `bfd` of the site away",
		.device = "switch BFD on for its neighbour {hub_inside}"},
	{.id = "prefixes-not-used",
		.rung = DOCTOR_ROUTES,
		.severity = DOCTOR_WARNING,
		.holds = kept_out,
		.flags = DOCTOR_BESIDE,
		.sentence = "{out} of {all} prefixes of the device are not used: they belong to "
			    "another site or to the hub, or the site may not announce them",
		.hub = "`sluice show bgp {site}` names whose they are, `sluice show bgp-log "
		       "{site}` "
		       "why each is refused",
		.device = "announce only what is behind it"},
	{.id = "announced-too-many",
		.rung = DOCTOR_ROUTES,
		.severity = DOCTOR_WARNING,
		.holds = out_limited,
		.flags = DOCTOR_BESIDE,
		.sentence =
			"the hub has more prefixes than the site may be told of, which is {limit}",
		.hub = "`max_prefixes_out` of the site"},
	{.id = NULL},
};

/* ---- rates of a site ---- */

static uint64_t rate_drops(const struct history_sum *s)
{
	uint64_t sum = 0;

	for (int i = 0; site_drop_fields[i].name; i++) {
		const char *name = site_drop_fields[i].name;

		if (!strcmp(name, "site_rate") || !strcmp(name, "site_pps") ||
			!strcmp(name, "horizon"))
			sum += s->drops[i];
	}
	return sum;
}

static bool is_over(const struct history_sum *s)
{
	return rate_drops(s) && s->dropped > s->offered / DROPS_PART;
}

/* Since which minute there has been none without drops. */
static uint64_t over_since(const struct doctor_case *c, enum sluice_direction d)
{
	uint64_t before = 0, since = c->s->now_ns;

	for (unsigned int back = 1; back <= LOOK_BACK && c->s->now_ns > back * MINUTE_NS; back++) {
		uint64_t from = c->s->now_ns - back * MINUTE_NS;
		struct history_sum s = history_since(c->site->history, d, from, c->s->now_ns);

		if (rate_drops(&s) <= before)
			break;
		before = rate_drops(&s);
		since = s.from_ns;
	}
	return since;
}

static bool over(struct doctor_case *c, enum sluice_direction d)
{
	uint64_t from = c->s->now_ns > MINUTE_NS ? c->s->now_ns - MINUTE_NS : 0;
	struct history_sum s;
	char offered[DOCTOR_SPAN_SIZE], dropped[DOCTOR_SPAN_SIZE], limit_text[DOCTOR_SPAN_SIZE];

	if (!c->site->history)
		return false;
	s = history_since(c->site->history, d, from, c->s->now_ns);
	if (!is_over(&s))
		return false;
	c->since_wall_ns = doctor_wall(c->s, over_since(c, d));
	c->count = rate_drops(&s) < UINT32_MAX ? (uint32_t)rate_drops(&s) : UINT32_MAX;
	doctor_word(c, "rate", "%s", doctor_rate(site_cap(c->site), limit_text));
	doctor_word(c, "offered", "%s", doctor_rate(s.worst_offered, offered));
	doctor_word(c, "dropped", "%s", doctor_rate(s.worst_dropped, dropped));
	snprintf(c->evidence, sizeof(c->evidence),
		"%llu packets dropped in the last minute; in its worst second %s offered, %s "
		"dropped",
		(unsigned long long)rate_drops(&s), offered, dropped);
	return true;
}

static bool over_in(struct doctor_case *c)
{
	return over(c, SLUICE_IN);
}

static bool over_out(struct doctor_case *c)
{
	return over(c, SLUICE_OUT);
}

const struct doctor_rule doctor_rules_site[] = {
	{.id = "over-rate",
		.rung = DOCTOR_RATES,
		.severity = DOCTOR_WARNING,
		.holds = over_in,
		.sentence = "the site sends more than its rate of {rate}",
		.hub = "`sluice report {site} --since 1h`; more with `sluice site set {site} "
		       "rate=`",
		.device = "shape what it sends, or see which host there sends so much"},
	{.id = "over-rate",
		.rung = DOCTOR_RATES,
		.severity = DOCTOR_WARNING,
		.holds = over_out,
		.sentence = "more goes to the site than its rate of {rate}",
		.hub = "`sluice report {site} --since 1h`; more with `sluice site set {site} "
		       "rate=`"},
	{.id = NULL},
};
