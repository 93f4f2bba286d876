/* SPDX-License-Identifier: Apache-2.0 */
/* The ike process: sockets, channels and timers around the engine. */
#include "proc/roles.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "ike/engine.h"
#include "ipc/datagram.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_sa.h"
#include "ipc/privsep.h"
#include "proc/ike/checkpoint.h"
#include "proc/ike/credentials.h"
#include "proc/ike/env.h"
#include "proc/ike/hold.h"
#include "proc/ike/messages.h"
#include "proc/ike/secrets.h"
#include "proc/ike/unknown.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS_MAX      16
#define DATAGRAMS_A_TURN 32
#define DATAGRAM_SIZE    65536
#define INSTALL_WAIT     (500 * CLOCK_MILLISECOND) /* then an answer goes out anyway */
#define SLOW_ESP_PPS     2000                      /* ESP through the socket is not the path */
#define GOODBYE_WAIT_MS  300
#define TIMER_GRAIN      (5 * CLOCK_MILLISECOND)
#define TIMER_LONGEST    (60 * CLOCK_SECOND)

static_assert((int)ENGINE_REKEY_CHILD == (int)IKE_COMMAND_REKEY_CHILD, "command numbers");
static_assert((int)ENGINE_RESET == (int)IKE_COMMAND_RESET, "command numbers");

struct proc_ike;

struct ike_socket {
	struct proc_ike *proc;
	struct ip_endpoint local;
	int fd;
	struct event *readable;
};

struct proc_ike {
	struct event_base *base;
	struct imsg_channel *hub, *data;
	struct engine *engine;
	struct event *timer;
	struct ike_socket sockets[SOCKETS_MAX];
	unsigned int socket_count;
	struct ike_hold hold;
	struct ike_checkpoint checkpoint;
	struct ike_spis spis;
	struct ike_unknown unknown;
	struct ike_credentials credentials;
	uint64_t saved_generation;
	struct datagram_limit slow_esp;
	bool started, stopping, restored;
	int status;
	char sites[IKE_TUNNELS_MAX][SITE_NAME_SIZE];
	bool timer_soon;
	struct ike_secrets secrets;
	struct log_limit limits[IKE_TUNNELS_MAX + 1]; /* the last: of no tunnel */
};

static void carry_out(struct proc_ike *p);

/* ---- datagrams ---- */

static void transmit(void *context, const struct effect_send *s)
{
	struct proc_ike *p = context;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&s->remote, &ss);
	char text[ENDPOINT_STR_SIZE];

	for (unsigned int i = 0; i < p->socket_count; i++) {
		if (!endpoint_equal(&p->sockets[i].local, &s->local))
			continue;
		/* A datagram that does not go out is like one lost on the way: it is repeated. */
		if (sendto(p->sockets[i].fd, s->bytes, s->len, MSG_DONTWAIT, (struct sockaddr *)&ss,
			    len) < 0)
			log_warn("sending IKE to %s: %s", endpoint_format(&s->remote, text),
				strerror(errno));
		return;
	}
	log_warn("no socket at %s", endpoint_format(&s->local, text));
}

static void forward_esp(struct proc_ike *p, const struct ip_endpoint *remote, uint8_t class,
	const uint8_t *bytes, size_t len)
{
	struct imsg_esp_slow m = {.remote = *remote, .len = (uint32_t)len, .traffic_class = class};

	if (!p->data || len > IMSG_MAX_SIZE - 256 - sizeof(m) ||
		!datagram_allowed(&p->slow_esp, SLOW_ESP_PPS, clock_now(), &m.lost))
		return;
	imsg_send_bytes(p->data, IMSG_ESP_SLOW, &m, sizeof(m), bytes, len);
}

static void on_datagram(struct proc_ike *p, const struct ike_socket *s,
	const struct ip_endpoint *remote, uint8_t class, const uint8_t *bytes, size_t len)
{
	static const uint8_t marker[4];

	/* RFC 3948 2.2: what does not start with the marker is ESP; one byte is a keepalive. */
	if (s->local.port == IKE_PORT_NAT && len > 8 && memcmp(bytes, marker, 4) != 0)
		forward_esp(p, remote, class, bytes, len);
	else
		engine_datagram(p->engine, &s->local, remote, bytes, len, clock_now());
}

static void on_readable(int fd, short what, void *arg)
{
	static uint8_t buffer[DATAGRAM_SIZE];
	struct ike_socket *s = arg;
	struct proc_ike *p = s->proc;

	(void)what;
	for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
		struct ip_endpoint remote;
		uint8_t class;
		ssize_t n = datagram_receive(fd, buffer, sizeof(buffer), &remote, &class);

		if (n < 0)
			break;
		if (addr_is_set(&remote.addr))
			on_datagram(p, s, &remote, class, buffer, (size_t)n);
	}
	carry_out(p);
}

/* ---- effects ---- */

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

static void apply(struct proc_ike *p, struct effect *own_effect)
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

static void arm(struct proc_ike *p, uint64_t wait)
{
	struct timeval tv = {.tv_sec = (time_t)(wait / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait % CLOCK_SECOND / 1000) + 1};

	evtimer_add(p->timer, &tv);
}

/* Exactly: asks every SA. */
static void arm_exactly(struct proc_ike *p)
{
	uint64_t next = engine_next_timer(p->engine), now = clock_now();
	uint64_t held = ike_hold_next(&p->hold), tell = ike_unknown_next(&p->unknown, p->engine);

	next = held < next ? held : next;
	next = tell < next ? tell : next;
	next = next > now ? next - now : 0;
	arm(p, next < TIMER_LONGEST ? next : TIMER_LONGEST);
	p->timer_soon = false;
}

/*
 * After something happened: the timers are looked at within TIMER_GRAIN, once for all that happens
 * until then. In a storm of messages the look would cost more than the messages.
 */
static void arm_soon(struct proc_ike *p)
{
	if (p->timer_soon)
		return;
	arm(p, TIMER_GRAIN);
	p->timer_soon = true;
}

/* Saves, then acts: what a peer has seen is never newer than the checkpoint. */
static void carry_out(struct proc_ike *p)
{
	struct effect *f;

	if (!p->started)
		return;
	if (engine_generation(p->engine) != p->saved_generation) {
		p->saved_generation = engine_generation(p->engine);
		ike_checkpoint_save(&p->checkpoint, p->engine, clock_now());
	}
	while ((f = engine_effect(p->engine)))
		apply(p, f);
	arm_soon(p);
}

static void on_timer(int fd, short what, void *arg)
{
	struct proc_ike *p = arg;
	uint64_t now = clock_now();

	(void)fd;
	(void)what;
	ike_hold_expire(&p->hold, now);
	engine_timer(p->engine, now);
	ike_unknown_tell(&p->unknown, p->engine, p->hub, now);
	carry_out(p);
	arm_exactly(p);
}

/* ---- messages from data ---- */

static void on_data(void *context, const struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_sa_ref *ref;
	const struct imsg_peer_moved *moved;

	switch (m->type) {
	case IMSG_SA_INSTALLED:
		ref = imsg_body(m, sizeof(*ref));
		if (ref)
			ike_hold_installed(&p->hold, ref->spi_in);
		break;
	case IMSG_SA_LOST:
		ref = imsg_body(m, sizeof(*ref));
		if (ref)
			engine_pair_lost(p->engine, ref->tunnel, ref->spi_in, clock_now());
		break;
	case IMSG_SA_EXPIRING:
		ref = imsg_body(m, sizeof(*ref));
		if (ref)
			engine_sa_expiring(p->engine, ref->tunnel, ref->spi_in, clock_now());
		break;
	case IMSG_PEER_MOVED:
		moved = imsg_body(m, sizeof(*moved));
		if (moved)
			engine_peer_moved(p->engine, moved->tunnel, moved->spi_in, &moved->remote,
				clock_now());
		break;
	default:
		log_error("message %u from data is not for ike", m->type);
	}
	if (m->fd >= 0)
		close(m->fd);
	carry_out(p);
}

static void on_data_gone(void *context)
{
	struct proc_ike *p = context;

	log_warn("the data process is gone");
	imsg_channel_free(p->data);
	p->data = NULL;
	ike_hold_release(&p->hold);
}

static void keep_pair(void *context, const struct engine_pair *pair)
{
	struct proc_ike *p = context;
	struct imsg_sa_keep m = {pair->tunnel, pair->spi_in, pair->spi_out, pair->in_use};

	imsg_send(p->data, IMSG_SA_KEEP, -1, &m, sizeof(m));
}

/* One of the two was started again: both are to have the same SAs. */
static void agree_with_data(struct proc_ike *p)
{
	if (!p->data || !p->started)
		return;
	engine_pairs(p->engine, keep_pair, p);
	imsg_send(p->data, IMSG_SA_KEEP_END, -1, NULL, 0);
}

static void take_channel(struct proc_ike *p, int own_fd)
{
	if (own_fd < 0)
		return;
	imsg_channel_free(p->data);
	ike_hold_release(&p->hold);
	p->data = imsg_channel_new(p->base, own_fd, on_data, on_data_gone, p);
	agree_with_data(p);
}

/* ---- messages from hub ---- */

static void take_socket(struct proc_ike *p, const struct imsg *m)
{
	const struct imsg_socket *s = imsg_body(m, sizeof(*s));
	struct ike_socket *slot = &p->sockets[p->socket_count];

	if (!s || m->fd < 0 || p->socket_count == SOCKETS_MAX) {
		log_error("a socket could not be taken (%u are open)", p->socket_count);
		if (m->fd >= 0)
			close(m->fd);
		return;
	}
	p->socket_count++;
	*slot = (struct ike_socket){.proc = p, .local = s->local, .fd = m->fd};
	slot->readable = event_new(p->base, m->fd, EV_READ | EV_PERSIST, on_readable, slot);
	if (p->started)
		event_add(slot->readable, NULL);
}

static void take_tunnel(struct proc_ike *p, const struct imsg *m)
{
	const struct imsg_ike_tunnel *t = imsg_body(m, sizeof(*t));
	struct engine_tunnel conf;
	struct secret psk = {0};

	if (!t || t->tunnel >= IKE_TUNNELS_MAX) {
		if (m->fd >= 0)
			close(m->fd);
		return;
	}
	conf = (struct engine_tunnel){.number = t->tunnel,
		.local = t->local,
		.remote = t->remote,
		.local_id = t->local_id,
		.remote_id = t->remote_id,
		.options = t->options,
		.local_ts = t->local_ts,
		.remote_ts = t->remote_ts};
	memcpy(conf.site, t->site, sizeof(conf.site));
	memcpy(p->sites[t->tunnel], t->site, sizeof(p->sites[0]));
	if (t->options.auth == AUTH_CERT) {
		if (m->fd >= 0)
			close(m->fd);
	} else if (!ike_secret_read(m->fd, &psk)) {
		log_error("site %s tunnel %u: the pre-shared key could not be read", t->site,
			t->tunnel % TUNNELS_PER_SITE);
		/* A key that nobody has: the tunnel exists, and stays down. */
		psk.len = 32;
		random_bytes(psk.bytes, psk.len);
	}
	ike_secrets_give(&p->secrets, &conf);
	engine_tunnel_set(p->engine, &conf, &psk, clock_now());
	secret_clear(&psk);
	secret_clear(&conf.ppk);
	secret_clear(&conf.psk_previous);
}

static void start(struct proc_ike *p)
{
	/* First: a checkpoint is what another process of this role wrote, and is parsed without rights. */
	privsep_drop("ike");

	(void)ike_checkpoint_load(&p->checkpoint, p->engine, clock_now());
	imsg_send(p->hub, IMSG_READY, -1, NULL, 0);
	p->started = true;
	agree_with_data(p);
	for (unsigned int i = 0; i < p->socket_count; i++)
		event_add(p->sockets[i].readable, NULL);
	engine_start(p->engine, clock_now());
}

static void shut_down(struct proc_ike *p)
{
	struct timeval wait = {.tv_usec = GOODBYE_WAIT_MS * 1000};

	p->stopping = true;
	p->status = 0;
	/* Peers that are told goodbye dial again at once: nobody listens any more. */
	for (unsigned int i = 0; i < p->socket_count; i++)
		event_del(p->sockets[i].readable);
	engine_shutdown(p->engine, clock_now());
	event_base_loopexit(p->base, &wait);
}

static void on_hub(void *context, const struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_tunnel *del;
	const struct imsg_activity *activity;
	const struct imsg_ike_command *command;
	const struct imsg_peer_cert *cert;
	bool fd_taken = true;

	switch (m->type) {
	case IMSG_IKE_SOCKET:
		take_socket(p, m);
		break;
	case IMSG_IKE_PPK:
	case IMSG_IKE_PSK_PREVIOUS:
		ike_secrets_take(&p->secrets, m);
		break;
	case IMSG_IKE_TUNNEL:
		take_tunnel(p, m);
		break;
	case IMSG_IKE_CREDENTIALS:
	case IMSG_IKE_CREDENTIAL:
		ike_credentials_message(&p->credentials, m, p->engine, clock_now());
		break;
	case IMSG_IKE_CHECKPOINT:
		ike_checkpoint_open(&p->checkpoint, m->fd);
		break;
	case IMSG_IKE_SPIS:
		if (m->fd >= 0 && !ike_spis_open(&p->spis, m->fd))
			log_error("the map of SPIs cannot be mapped: %s", strerror(errno));
		break;
	case IMSG_CHANNEL:
		take_channel(p, m->fd);
		break;
	default:
		fd_taken = false;
	}
	switch (m->type) {
	case IMSG_START:
		start(p);
		break;
	case IMSG_SHUTDOWN:
		shut_down(p);
		break;
	case IMSG_IKE_TUNNEL_DEL:
		del = imsg_body(m, sizeof(*del));
		if (del)
			engine_tunnel_remove(p->engine, del->tunnel, clock_now());
		break;
	case IMSG_PEER_CERT:
		cert = imsg_body(m, sizeof(*cert));
		if (cert)
			engine_peer_chain_set(p->engine, cert->tunnel, &cert->chain);
		break;
	case IMSG_IKE_ACTIVITY:
		activity = imsg_body(m, sizeof(*activity));
		if (activity)
			engine_activity(p->engine, activity->tunnel, activity->age_ms, clock_now());
		break;
	case IMSG_IKE_COMMAND:
		command = imsg_body(m, sizeof(*command));
		if (command)
			engine_command(p->engine, command->tunnel,
				(enum engine_command)command->command, clock_now());
		break;
	default:
		if (!fd_taken)
			log_error("message %u from hub is not for ike", m->type);
	}
	if (!fd_taken && m->fd >= 0)
		close(m->fd);
	carry_out(p);
}

static void on_hub_gone(void *context)
{
	struct proc_ike *p = context;

	/* Without hub nobody supervises us: SAs stay in data and in the checkpoint. */
	if (!p->stopping)
		log_error("the hub process is gone");
	event_base_loopbreak(p->base);
}

static void tear_down(struct proc_ike *p)
{
	ike_hold_fini(&p->hold);
	for (unsigned int i = 0; i < p->socket_count; i++) {
		event_free(p->sockets[i].readable);
		close(p->sockets[i].fd);
	}
	ike_credentials_fini(&p->credentials);
	engine_free(p->engine);
	ike_spis_close(&p->spis);
	ike_checkpoint_close(&p->checkpoint);
	imsg_channel_free(p->data);
	imsg_channel_free(p->hub);
	event_free(p->timer);
	event_base_free(p->base);
}

int proc_ike_run(int hub_fd)
{
	struct proc_ike *p = calloc(1, sizeof(*p));
	struct engine_limits limits = engine_limits_default();
	struct engine_env env;
	int status;

	if (!p)
		abort();
	if (!crypto_init()) {
		log_error("libcrypto lacks an algorithm that IKE needs");
		return 1;
	}
	p->status = 1;
	p->base = event_base_new();
	ike_hold_init(&p->hold, transmit, p);
	ike_checkpoint_init(&p->checkpoint);
	env = ike_env(&p->spis);
	p->engine = engine_new(&env, &limits);
	p->timer = evtimer_new(p->base, on_timer, p);
	p->hub = imsg_channel_new(p->base, hub_fd, on_hub, on_hub_gone, p);
	imsg_channel_answer(p->hub);
	event_base_dispatch(p->base);
	status = p->status;
	tear_down(p);
	free(p);
	return status;
}
