/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/remote.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/api.h"
#include "hub/secret/reads.h"
#include "hub/secret/secret.h"
#include "ipc/msg_ike.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* As in clients.c: somewhat after remote has ended a connection its number means nothing more. */
#define LIFE_NS ((API_CLIENT_TOTAL_S + 10) * CLOCK_SECOND)
#define REST_US 1000 /* after one for whom there was no room */
#define AGAIN_S 1    /* after an accept for which there was no descriptor */

struct remote_client {
	uint32_t number; /* 0: free */
	bool asked;
	uint64_t since_ns;
	struct ip_endpoint from;
	char subject[CERT_NAME_SIZE], fingerprint[CERT_PRINT_SIZE];
};

struct remote {
	int listener; /* -1: none */
	struct event *accept, *again;
	uint32_t last; /* number that was given */
	struct remote_client connected[API_REMOTE_MAX];
};

struct remote *remote_new(void)
{
	struct remote *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->listener = -1;
	return r;
}

static void stop_listening(struct remote *r)
{
	if (r->accept)
		event_free(r->accept);
	r->accept = NULL;
	if (r->again)
		event_free(r->again);
	r->again = NULL;
	if (r->listener >= 0)
		close(r->listener);
	r->listener = -1;
}

void remote_free(struct remote *r)
{
	if (!r)
		return;
	stop_listening(r);
	free(r);
}

/* Who has that number; 0 finds a free place. */
static struct remote_client *client_of(struct remote *r, uint32_t number)
{
	for (unsigned int i = 0; i < API_REMOTE_MAX; i++) {
		if (r->connected[i].number == number)
			return &r->connected[i];
	}
	return NULL;
}

static void end_old(struct remote *r, uint64_t now)
{
	for (unsigned int i = 0; i < API_REMOTE_MAX; i++) {
		if (r->connected[i].number && now - r->connected[i].since_ns > LIFE_NS)
			r->connected[i] = (struct remote_client){0};
	}
}

/* ---- who comes ---- */

static unsigned int places_of(const struct remote *r, const struct ip_addr *from)
{
	const struct ip_prefix network = addr_network(from);
	unsigned int n = 0;

	for (unsigned int i = 0; i < API_REMOTE_MAX; i++) {
		const struct remote_client *c = &r->connected[i];
		struct ip_prefix other;

		if (!c->number)
			continue;
		other = addr_network(&c->from.addr);
		n += prefix_equal(&network, &other);
	}
	return n;
}

static void rest(struct remote *r, const struct timeval *pause)
{
	event_del(r->accept);
	event_add(r->again, pause);
}

/* Before TLS there is nothing that somebody could be told who is turned away. */
static void hand_over(struct hub *h, int own_fd, const struct ip_endpoint *from)
{
	const struct timeval pause = {.tv_usec = REST_US};
	struct remote *r = h->remote;
	uint64_t now = clock_now();
	struct remote_client *place;
	struct imsg_api_client m = {.from = from->addr};

	end_old(r, now);
	place = client_of(r, 0);
	if (!place || places_of(r, &from->addr) >= API_REMOTE_NETWORK) {
		close(own_fd);
		rest(r, &pause);
		return;
	}
	do
		r->last = hub_client_number(r->last);
	while (client_of(r, r->last));
	m.number = r->last;
	*place = (struct remote_client){.number = m.number, .since_ns = now, .from = *from};
	process_send(&h->processes[PROCESS_REMOTE], IMSG_API_CLIENT, own_fd, &m, sizeof(m));
}

/* One in each turn of the loop; without a remote process a connection waits in the socket's queue. */
static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	const struct timeval pause = {.tv_sec = AGAIN_S};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct hub *h = arg;
	struct ip_endpoint from;
	int fd;

	(void)what;
	if (!h->processes[PROCESS_REMOTE].channel) {
		event_del(h->remote->accept);
		return;
	}
	fd = accept4(listener, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && endpoint_from_sockaddr(&ss, &from)) {
		hand_over(h, fd, &from);
	} else if (fd >= 0) {
		close(fd);
	} else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_error("api: %s", strerror(errno));
		rest(h->remote, &pause);
	}
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct remote *r = arg;

	(void)fd, (void)what;
	event_add(r->accept, NULL);
}

bool remote_listens(const struct hub *h)
{
	return h->remote->listener >= 0;
}

void remote_listen(struct hub *h, int own_listener)
{
	struct remote *r = h->remote;

	stop_listening(r);
	if (own_listener < 0)
		return;
	r->listener = own_listener;
	r->accept = event_new(h->base, own_listener, EV_READ | EV_PERSIST, on_connection, h);
	r->again = event_new(h->base, -1, 0, on_again, r);
	event_add(r->accept, NULL);
}

void remote_begin(struct hub *h)
{
	struct remote *r = h->remote;

	memset(r->connected, 0, sizeof(r->connected));
	if (r->accept)
		event_add(r->accept, NULL);
}

void remote_gone(struct hub *h, uint32_t number)
{
	struct remote_client *c = number ? client_of(h->remote, number) : NULL;

	if (c)
		*c = (struct remote_client){0};
}

void remote_certificate(struct hub *h, const struct imsg_api_certificate *m)
{
	struct remote_client *c = m->client ? client_of(h->remote, m->client) : NULL;

	if (!c || c->asked)
		return;
	memcpy(c->subject, m->subject, sizeof(c->subject));
	memcpy(c->fingerprint, m->fingerprint, sizeof(c->fingerprint));
}

bool remote_asks(struct hub *h, uint32_t number, uint64_t now, struct asker *asker)
{
	struct remote_client *c;

	end_old(h->remote, now);
	c = number ? client_of(h->remote, number) : NULL;
	if (!c || c->asked)
		return false;
	c->asked = true;
	access_of_remote(h, &c->from, c->subject, c->fingerprint, asker);
	return true;
}

/* ---- its certificate ---- */

static void send_part(struct hub *h, enum credential_part part, const char *ref, uint32_t left)
{
	struct imsg_api_credential m = {.part = part, .left = left};
	int fd = public_ref_open(ref);

	/* Without a descriptor remote keeps what it has and says so. */
	if (fd < 0)
		log_error("%s: %s", ref, strerror(errno));
	if (part == CREDENTIAL_KEY)
		secret_file_was_read(ref, fd);
	process_send(&h->processes[PROCESS_REMOTE], IMSG_API_CREDENTIAL, fd, &m, sizeof(m));
}

void remote_send_certificate(struct hub *h)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	uint32_t left; /* that follow */

	if (!h->processes[PROCESS_REMOTE].channel || !c->api_certificate.chain[0])
		return;
	left = 1 + c->api_ca.count + c->api_crl.count;
	send_part(h, CREDENTIAL_CHAIN, c->api_certificate.chain, left--);
	send_part(h, CREDENTIAL_KEY, c->api_certificate.key, left--);
	for (uint32_t i = 0; i < c->api_ca.count; i++)
		send_part(h, CREDENTIAL_CA, c->api_ca.refs[i], left--);
	for (uint32_t i = 0; i < c->api_crl.count; i++)
		send_part(h, CREDENTIAL_CRL, c->api_crl.refs[i], left--);
}
