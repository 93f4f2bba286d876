/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine wants to be done: told to data and hub, or sent. */
#include "proc/ike/proc.h"

#include "base/clock.h"
#include "base/secret.h"

#define INSTALL_WAIT (500 * CLOCK_MILLISECOND) /* then an answer goes out anyway */

static void apply_add(struct proc_ike *p, const struct effect *f)
{
	struct imsg_sa_add m;

	if (!p->data)
		return;
	ike_message_sa_add(f, &m);
	imsg_send(p->data, IMSG_SA_ADD, -1, &m, sizeof(m));
	secret_wipe(&m, sizeof(m));
	ike_hold_wait(&p->hold, f->sa_add.spi_in, clock_now() + INSTALL_WAIT);
}

static void apply_ref(struct proc_ike *p, const struct effect *f)
{
	struct imsg_sa_ref m = {f->tunnel, f->sa_ref.spi_in, f->sa_ref.spi_out};

	if (p->data)
		imsg_send(p->data, f->type == EFFECT_SA_USE ? IMSG_SA_USE : IMSG_SA_DEL, -1, &m,
			sizeof(m));
	if (f->type == EFFECT_SA_USE)
		return;
	imsg_send(p->hub, IMSG_SA_GONE, -1, &m, sizeof(m));
	ike_hold_installed(&p->hold, m.spi_in);
}

static void apply_moved(struct proc_ike *p, const struct effect *f)
{
	struct imsg_peer_moved m = {
		.tunnel = f->tunnel, .spi_in = f->sa_ref.spi_in, .remote = f->sa_ref.remote};

	if (p->data)
		imsg_send(p->data, IMSG_PEER_MOVED, -1, &m, sizeof(m));
}

static void apply_state(struct proc_ike *p, const struct effect *f)
{
	struct imsg_tunnel_state m;

	ike_message_state(f, &m);
	imsg_send(p->hub, IMSG_TUNNEL_STATE, -1, &m, sizeof(m));
}

static void apply_info(struct proc_ike *p, const struct effect *f)
{
	struct imsg_sa_info m;

	ike_message_info(f, clock_now(), clock_wall(), &m);
	imsg_send(p->hub, IMSG_SA_INFO, -1, &m, sizeof(m));
}

static void apply_note(struct proc_ike *p, const struct effect *f)
{
	bool of_tunnel = f->tunnel < IKE_TUNNELS_MAX;
	struct imsg_tunnel_event m;

	/* Each tunnel has its own limit: one that is in trouble does not silence the others. */
	ike_log_note(f, of_tunnel ? p->sites[f->tunnel] : "",
		&p->limits[of_tunnel ? f->tunnel : IKE_TUNNELS_MAX]);
	if (!of_tunnel)
		return;
	ike_message_event(f, &m);
	imsg_send(p->hub, IMSG_TUNNEL_EVENT, -1, &m, sizeof(m));
}

static void apply_peer_cert(struct proc_ike *p, const struct effect *f)
{
	struct imsg_peer_cert m = {.tunnel = f->tunnel, .facts = f->peer_cert};

	engine_peer_chain(p->engine, f->tunnel, &m.chain);
	imsg_send(p->hub, IMSG_PEER_CERT, -1, &m, sizeof(m));
}

void ike_apply(struct proc_ike *p, struct effect *own_effect)
{
	switch (own_effect->type) {
	case EFFECT_SEND:
		ike_hold_send(&p->hold, own_effect);
		return;
	case EFFECT_SA_ADD:
		apply_add(p, own_effect);
		break;
	case EFFECT_SA_USE:
	case EFFECT_SA_DEL:
		apply_ref(p, own_effect);
		break;
	case EFFECT_SA_MOVED:
		apply_moved(p, own_effect);
		break;
	case EFFECT_TUNNEL_STATE:
		apply_state(p, own_effect);
		break;
	case EFFECT_SA_INFO:
		apply_info(p, own_effect);
		break;
	case EFFECT_PEER_CERT:
		apply_peer_cert(p, own_effect);
		break;
	case EFFECT_NOTE:
		apply_note(p, own_effect);
		break;
	}
	effect_free(own_effect);
}
