/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor/rule.h"

#include "bgp/bfd/packet.h"

const char *const doctor_verdicts[DOCTOR_VERDICTS] = {
	[VERDICT_NONE] = "-",
	[VERDICT_UP] = "up",
	[VERDICT_STARTING] = "starting",
	[VERDICT_ONE_WAY] = "one-way",
	[VERDICT_CONTROL_ONLY] = "control-only",
	[VERDICT_DEAD] = "dead",
	[VERDICT_OFF] = "off",
};

static bool within(uint64_t from, uint64_t now, uint64_t ns)
{
	return from && now < from + ns;
}

/* Of each of its steps: the hub, the keys, the tunnel, the session. */
static bool is_young(const struct doctor_snapshot *s, const struct site_tunnel *state, uint64_t ns)
{
	return within(s->model->started_ns, s->now_ns, ns) ||
	       within(state->turned_wall_ns, s->wall_ns, ns) ||
	       (state->open && (within(state->opened_ns, s->now_ns, ns) ||
				       within(state->bgp.turned_wall_ns, s->wall_ns, ns)));
}

bool doctor_is_young(const struct doctor_case *c, uint64_t ns)
{
	return is_young(c->s, c->state, ns);
}

/* Its device is heard and does not hear: BGP or BFD tell. */
static bool is_deaf(const struct site_tunnel *state)
{
	return state->deaf_text[0] || (state->bfd.present && state->bfd.state == BFD_INIT);
}

enum doctor_verdict doctor_judge(
	const struct doctor_snapshot *s, const struct site *site, unsigned int t)
{
	const struct site_tunnel *state = &site->tunnels[t];

	if (!site->conf.tunnels[t].configured)
		return VERDICT_NONE;
	if (state->admin_down)
		return VERDICT_OFF;
	if (tunnel_is_routed(site, t) && !state->silent_text[0])
		return VERDICT_UP;
	if (!endpoint_of(s->model, site, t)->fault && is_young(s, state, DOCTOR_GRACE_NS))
		return VERDICT_STARTING;
	if (!state->open) /* an IKE SA that has no SA pair has a proposal all the same */
		return state->ike.phase != TUNNEL_DOWN && state->ike.ike_proposal[0] &&
				       !endpoint_of(s->model, site, t)->fault
			       ? VERDICT_CONTROL_ONLY
			       : VERDICT_DEAD;
	return is_deaf(state) ? VERDICT_ONE_WAY : VERDICT_CONTROL_ONLY;
}
