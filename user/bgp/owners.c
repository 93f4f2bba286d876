/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom prefixes belong to while their owner has no session. Without it, whoever announces the prefixes of
 * another site, and is quarantined, would only have to wait until that one's uplinks fail, and would then
 * be the first. An owner that is back gives up what it does not announce again.
 */
#include "bgp/peer.h"

/* One that has just come has not said yet what it no longer has; `leaving` has lost its session. */
static bool is_absent(
	const struct bgp *b, uint32_t group, const struct bgp_peer *leaving, uint64_t now)
{
	bool kept = false;

	for (unsigned int i = 0; i < b->peer_slots; i++) {
		struct bgp_peer *p = b->peers[i];

		if (!p || p->rib.conf.group != group)
			continue;
		if (p != leaving && peer_established(p) && peer_has_told_all(p, now))
			return false;
		kept |= p->kept_until > now;
	}
	return kept;
}

static void set_absent(struct bgp *b, uint32_t group, bool absent)
{
	if (b->absent[group] == absent)
		return;
	b->absent[group] = absent;
	if (!absent)
		rib_touch_owned(&b->rib, group);
}

void owners_follow(struct bgp *b, uint32_t group, uint64_t now)
{
	if (group < POLICY_GROUPS)
		set_absent(b, group, is_absent(b, group, NULL, now));
}

void owners_move(struct bgp *b, uint32_t site, uint32_t from, uint32_t to, uint64_t now)
{
	bool is_left = false;
	uint32_t held;

	for (unsigned int i = 0; i < b->peer_slots; i++)
		is_left |= b->peers[i] && b->peers[i]->rib.conf.group == from;
	held = rib_owner_moves(&b->rib, from, to, is_left ? site : RIB_NO_TUNNEL);
	if (from < POLICY_GROUPS)
		b->held[from] -= held;
	if (to < POLICY_GROUPS)
		b->held[to] += held;
	owners_follow(b, from, now);
	owners_follow(b, to, now);
}

void owners_leave(struct bgp *b, struct bgp_peer *p, uint64_t now)
{
	uint64_t stood = now - p->established_at, most = OWNER_KEPT_S * CLOCK_SECOND;
	uint64_t until = now + (stood < most ? stood : most);
	uint32_t group = p->rib.conf.group;

	if (group >= POLICY_GROUPS || b->stopped)
		return;
	if (until > p->kept_until)
		p->kept_until = until;
	p->owners_at = p->kept_until;
	/* Who invents new ones in each session and ends none of them properly has had enough. */
	if (b->held[group] > BGP_FAMILIES * p->rib.conf.max_prefixes_in)
		set_absent(b, group, false);
	else
		set_absent(b, group, is_absent(b, group, p, now));
}

void owners_expect(const struct bgp *b, struct bgp_peer *p)
{
	uint32_t group = p->rib.conf.group;

	if (group < POLICY_GROUPS && b->absent[group] && b->given_until > p->kept_until)
		p->kept_until = p->owners_at = b->given_until;
}

void owners_given(struct bgp *b, uint32_t group, uint64_t now)
{
	if (group >= POLICY_GROUPS)
		return;
	b->absent[group] = true;
	b->given_until = now + RESTART_S * CLOCK_SECOND;
	for (unsigned int i = 0; i < b->peer_slots; i++) {
		if (b->peers[i] && b->peers[i]->rib.conf.group == group)
			owners_expect(b, b->peers[i]);
	}
}
