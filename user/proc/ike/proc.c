/* SPDX-License-Identifier: Apache-2.0 */
/* The ike process: sockets, channels and timers around the engine. */
#include "proc/ike/proc.h"

#include "base/clock.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "ike/engine.h"
#include "ipc/datagram.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_sa.h"
#include "ipc/privsep.h"
#include "ipc/table.h"
#include "proc/roles.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAMS_A_TURN 32
#define DATAGRAM_SIZE    65536
#define SLOW_ESP_PPS     2000 /* ESP through the socket is not the path */
#define GOODBYE_WAIT_MS  300
#define TIMER_GRAIN      (5 * CLOCK_MILLISECOND)
#define TIMER_LONGEST    (60 * CLOCK_SECOND)

static_assert((int)ENGINE_REKEY_CHILD == (int)IKE_COMMAND_REKEY_CHILD, "command numbers");
static_assert((int)ENGINE_RESET == (int)IKE_COMMAND_RESET, "command numbers");

static void carry_out(struct proc_ike *p);

/* ---- datagrams ---- */

static void transmit(void *context, const struct effect_send *s)
{
	struct proc_ike *p = context;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&s->remote, &ss);
	char text[ENDPOINT_STR_SIZE];

	for (unsigned int i = 0; i < IKE_SOCKETS_MAX; i++) {
		if (!p->sockets[i].readable || !endpoint_equal(&p->sockets[i].local, &s->local))
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
		p->heard++;
		if (addr_is_set(&remote.addr))
			on_datagram(p, s, &remote, class, buffer, (size_t)n);
	}
	carry_out(p);
}

/* ---- timers ---- */

static void arm(struct proc_ike *p, uint64_t wait)
{
	struct timeval tv = {.tv_sec = (time_t)(wait / CLOCK_SECOND),
		.tv_usec = (suseconds_t)(wait % CLOCK_SECOND / 1000) + 1};

	evtimer_add(p->timer, &tv);
}

/* ---- what hub compares with what XDP has let through ---- */

static uint64_t heard_next(const struct proc_ike *p)
{
	return p->heard != p->heard_told ? p->heard_told_at + CLOCK_SECOND : UINT64_MAX;
}

static void tell_heard(struct proc_ike *p, uint64_t now)
{
	struct imsg_ike_heard m = {p->heard};

	if (now < heard_next(p))
		return;
	p->heard_told = p->heard;
	p->heard_told_at = now;
	imsg_send(p->hub, IMSG_IKE_HEARD, -1, &m, sizeof(m));
}

/* Exactly: asks every SA. */
static void arm_exactly(struct proc_ike *p)
{
	uint64_t next = engine_next_timer(p->engine), now = clock_now();
	uint64_t held = ike_hold_next(&p->hold), tell = ike_unknown_next(&p->unknown, p->engine);

	next = held < next ? held : next;
	next = heard_next(p) < next ? heard_next(p) : next;
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
		ike_apply(p, f);
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
	tell_heard(p, now);
	carry_out(p);
	arm_exactly(p);
}

/* ---- messages from data ---- */

static void on_installed(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_sa_ref *ref = m->payload;

	ike_hold_installed(&p->hold, ref->spi_in);
}

static void on_lost(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_sa_ref *ref = m->payload;

	engine_pair_lost(p->engine, ref->tunnel, ref->spi_in, clock_now());
}

static void on_expiring(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_sa_ref *ref = m->payload;

	engine_sa_expiring(p->engine, ref->tunnel, ref->spi_in, clock_now());
}

static void on_moved(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_peer_moved *moved = m->payload;

	engine_peer_moved(p->engine, moved->tunnel, moved->spi_in, &moved->remote, clock_now());
}

static const struct imsg_row from_data[] = {
	{IMSG_SA_INSTALLED, sizeof(struct imsg_sa_ref), .take = on_installed},
	{IMSG_SA_LOST, sizeof(struct imsg_sa_ref), .take = on_lost},
	{IMSG_SA_EXPIRING, sizeof(struct imsg_sa_ref), .take = on_expiring},
	{IMSG_PEER_MOVED, sizeof(struct imsg_peer_moved), .take = on_moved},
	{.type = IMSG_INVALID},
};

static void on_data(void *context, const struct imsg *m)
{
	(void)imsg_give(from_data, context, m);
	carry_out(context);
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

static void on_channel(void *context, struct imsg *m)
{
	struct proc_ike *p = context;

	imsg_channel_free(p->data);
	ike_hold_release(&p->hold);
	p->data = imsg_channel_new(p->base, imsg_take_fd(m), on_data, on_data_gone, p);
	agree_with_data(p);
}

/* ---- messages from hub ---- */

static struct ike_socket *socket_at(struct proc_ike *p, const struct ip_endpoint *local)
{
	for (unsigned int i = 0; i < IKE_SOCKETS_MAX; i++) {
		if (p->sockets[i].readable && endpoint_equal(&p->sockets[i].local, local))
			return &p->sockets[i];
	}
	return NULL;
}

static void close_socket(struct ike_socket *s)
{
	event_free(s->readable);
	close(s->fd);
	s->readable = NULL;
}

static void on_socket_gone(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_socket *s = m->payload;
	struct ike_socket *slot = socket_at(p, &s->local);

	if (slot)
		close_socket(slot);
}

static void on_socket(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_socket *s = m->payload;
	struct ike_socket *slot = p->sockets;

	while (slot < &p->sockets[IKE_SOCKETS_MAX] && slot->readable)
		slot++;
	if (slot == &p->sockets[IKE_SOCKETS_MAX]) {
		log_error("more than %u sockets", IKE_SOCKETS_MAX);
		return;
	}
	*slot = (struct ike_socket){.proc = p, .local = s->local, .fd = imsg_take_fd(m)};
	slot->readable = event_new(p->base, slot->fd, EV_READ | EV_PERSIST, on_readable, slot);
	if (p->started)
		event_add(slot->readable, NULL);
}

static void on_secret(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_tunnel *t = m->payload;

	ike_secrets_take(&p->secrets, (enum imsg_type)m->type, t->tunnel, imsg_take_fd(m));
}

static void on_tunnel(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_ike_tunnel *t = m->payload;
	struct engine_tunnel conf;
	struct secret psk = {0};

	if (t->tunnel >= IKE_TUNNELS_MAX)
		return;
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
	if (t->options.auth != AUTH_CERT && !ike_secret_read(imsg_take_fd(m), &psk)) {
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

static void on_start(void *context, struct imsg *m)
{
	struct proc_ike *p = context;

	(void)m;
	/* First: a checkpoint is what another process of this role wrote, and is parsed without rights. */
	privsep_drop("ike");

	(void)ike_checkpoint_load(&p->checkpoint, p->engine, clock_now());
	imsg_send(p->hub, IMSG_READY, -1, NULL, 0);
	p->started = true;
	agree_with_data(p);
	for (unsigned int i = 0; i < IKE_SOCKETS_MAX; i++) {
		if (p->sockets[i].readable)
			event_add(p->sockets[i].readable, NULL);
	}
	engine_start(p->engine, clock_now());
}

static void on_shutdown(void *context, struct imsg *m)
{
	struct timeval wait = {.tv_usec = GOODBYE_WAIT_MS * 1000};
	struct proc_ike *p = context;

	(void)m;
	p->stopping = true;
	p->status = 0;
	/* Peers that are told goodbye dial again at once: nobody listens any more. */
	for (unsigned int i = 0; i < IKE_SOCKETS_MAX; i++) {
		if (p->sockets[i].readable)
			event_del(p->sockets[i].readable);
	}
	engine_shutdown(p->engine, clock_now());
	event_base_loopexit(p->base, &wait);
}

static void on_tunnel_del(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_tunnel *t = m->payload;

	engine_tunnel_remove(p->engine, t->tunnel, clock_now());
}

static void on_peer_cert(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_peer_cert *cert = m->payload;

	engine_peer_chain_set(p->engine, cert->tunnel, &cert->chain);
}

static void on_activity(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_activity *a = m->payload;

	engine_activity(p->engine, a->tunnel, a->age_ms, clock_now());
}

static void on_command(void *context, struct imsg *m)
{
	struct proc_ike *p = context;
	const struct imsg_ike_command *c = m->payload;

	engine_command(p->engine, c->tunnel, (enum engine_command)c->command, clock_now());
}

static void on_credentials(void *context, struct imsg *m)
{
	struct proc_ike *p = context;

	ike_credentials_begin(&p->credentials, m->payload, p->engine, clock_now());
}

static void on_credential(void *context, struct imsg *m)
{
	struct proc_ike *p = context;

	ike_credentials_add(&p->credentials, m->payload, imsg_take_fd(m), p->engine, clock_now());
}

static void on_checkpoint(void *context, struct imsg *m)
{
	struct proc_ike *p = context;

	ike_checkpoint_open(&p->checkpoint, imsg_take_fd(m));
}

static void on_spis(void *context, struct imsg *m)
{
	struct proc_ike *p = context;

	if (!ike_spis_open(&p->spis, imsg_take_fd(m)))
		log_error("the map of SPIs cannot be mapped: %s", strerror(errno));
}

static const struct imsg_row from_hub[] = {
	{IMSG_START, .take = on_start},
	{IMSG_SHUTDOWN, .take = on_shutdown},
	{IMSG_CHANNEL, .fd = IMSG_NEEDS_FD, .take = on_channel},
	{IMSG_IKE_SOCKET, sizeof(struct imsg_socket), .fd = IMSG_NEEDS_FD, .take = on_socket},
	{IMSG_IKE_SOCKET_GONE, sizeof(struct imsg_socket), .take = on_socket_gone},
	{IMSG_IKE_PPK, sizeof(struct imsg_tunnel), .fd = IMSG_MAY_FD, .take = on_secret},
	{IMSG_IKE_PSK_PREVIOUS, sizeof(struct imsg_tunnel), .fd = IMSG_MAY_FD, .take = on_secret},
	{IMSG_IKE_TUNNEL, sizeof(struct imsg_ike_tunnel), .fd = IMSG_MAY_FD, .take = on_tunnel},
	{IMSG_IKE_TUNNEL_DEL, sizeof(struct imsg_tunnel), .take = on_tunnel_del},
	{IMSG_IKE_ACTIVITY, sizeof(struct imsg_activity), .take = on_activity},
	{IMSG_IKE_COMMAND, sizeof(struct imsg_ike_command), .take = on_command},
	{IMSG_IKE_CREDENTIALS, sizeof(struct imsg_ike_credentials), .take = on_credentials},
	{IMSG_IKE_CREDENTIAL, sizeof(struct imsg_ike_credential), .fd = IMSG_MAY_FD,
		.take = on_credential},
	{IMSG_IKE_CHECKPOINT, .fd = IMSG_NEEDS_FD, .take = on_checkpoint},
	{IMSG_IKE_SPIS, .fd = IMSG_NEEDS_FD, .take = on_spis},
	{IMSG_PEER_CERT, sizeof(struct imsg_peer_cert), .take = on_peer_cert},
	{.type = IMSG_INVALID},
};

static void on_hub(void *context, const struct imsg *m)
{
	(void)imsg_give(from_hub, context, m);
	carry_out(context);
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
	for (unsigned int i = 0; i < IKE_SOCKETS_MAX; i++) {
		if (p->sockets[i].readable)
			close_socket(&p->sockets[i]);
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
