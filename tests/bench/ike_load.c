/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many IKE engines' worth of tunnels in one process, with UDP sockets and no data plane. As clients
 * they all start in the same moment; as the server they wait. Prints one line of JSON.
 *
 *   ike_load client|server count=N local=A remote=B[,C] ike=SUITE esp=SUITE psk=TEXT
 *            [seconds=S] [hold=1] [issued=DIRECTORY ca=FILE]
 *
 * Client i has the address A + i and the identity c<i>.test and calls B, or where there is C every
 * other one calls C. The server has the address A and is "hub.test". It ends on SIGTERM.
 * With certificates, those and their keys are DIRECTORY/c<i>.pem, .key and DIRECTORY/hub.pem, .key.
 */
#include "base/clock.h"
#include "crypto/hash.h"
#include "ike/engine.h"
#include "../selectors.h"
#include "../suites.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH    64 /* datagrams between two looks at the clock */
#define TIMER_MS 5  /* as the ike process does */

static struct load {
	bool server;
	uint32_t count;
	unsigned int seconds;
	bool hold; /* leave without goodbye: the server keeps its SAs */
	struct engine_tunnel tunnel;
	struct ip_addr remotes[2];
	unsigned int remote_count;
	struct secret psk;
	int fds[2]; /* 500, 4500 */
	const char *issued, *ca;
	bool up[IKE_TUNNELS_MAX];
	uint32_t up_count, failures;
	uint64_t sent, received;
} load = {.seconds = 60};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static void usage(const char *what)
{
	fprintf(stderr, "ike_load: bad argument %s\n", what);
	exit(2);
}

static size_t read_file(
	char bytes[CERT_FILE_BYTES], const char *format, const char *a, const char *b)
{
	char path[200];
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), format, a, b);
	f = fopen(path, "r");
	if (!f)
		usage(path);
	len = fread(bytes, 1, CERT_FILE_BYTES, f);
	fclose(f);
	return len;
}

static void set_credential(struct engine *e, uint32_t tunnel, const char *name)
{
	static char chain[CERT_FILE_BYTES], key[CERT_FILE_BYTES];
	size_t chain_len = read_file(chain, "%s/%s.pem", load.issued, name);
	size_t key_len = read_file(key, "%s/%s.key", load.issued, name);
	char error[200];
	struct credential *own =
		credential_read(chain, chain_len, key, key_len, error, sizeof(error));

	if (!own)
		usage(error);
	engine_credential_set(e, tunnel, own);
}

static void set_trust(struct engine *e)
{
	struct trust *trust = trust_new(false);
	static char pem[CERT_FILE_BYTES];
	size_t len = read_file(pem, "%s%s", load.ca, "");
	char error[200];

	if (!trust_add_ca(trust, pem, len, error, sizeof(error)))
		usage(error);
	engine_trust_set(e, trust, clock_now());
}

static void read_remotes(char *text)
{
	for (char *one = strtok(text, ","); one && load.remote_count < 2; one = strtok(NULL, ","))
		if (!addr_parse(one, &load.remotes[load.remote_count++]))
			usage(one);
}

static void read_argument(char *argument)
{
	struct ike_options *o = &load.tunnel.options;
	struct algorithm_set *ike[4] = {
		&o->p1_encryption, &o->p1_prf, &o->p1_integrity, &o->p1_groups};
	struct algorithm_set *esp[4] = {&o->p2_encryption, NULL, &o->p2_integrity, &o->p2_groups};
	char *value = strchr(argument, '=');

	if (!value)
		usage(argument);
	*value++ = '\0';
	if (!strcmp(argument, "issued"))
		load.issued = value;
	else if (!strcmp(argument, "ca"))
		load.ca = value;
	else if (!strcmp(argument, "count"))
		load.count = (uint32_t)atoi(value);
	else if (!strcmp(argument, "seconds"))
		load.seconds = (unsigned int)atoi(value);
	else if (!strcmp(argument, "hold"))
		load.hold = true;
	else if (!strcmp(argument, "local"))
		addr_parse(value, &load.tunnel.local);
	else if (!strcmp(argument, "remote"))
		read_remotes(value);
	else if (!strcmp(argument, "psk"))
		secret_set(&load.psk, value, strlen(value));
	else if (!strcmp(argument, "ike"))
		add_suite(value, ike);
	else if (!strcmp(argument, "esp"))
		add_suite(value, esp);
	else
		usage(argument);
}

/* One socket for every address of ours: the kernel says which one a datagram came to. */
static int open_socket(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1, size = 8 << 20;

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) ||
		bind(fd, (struct sockaddr *)&any, sizeof(any))) {
		perror("ike_load: socket");
		exit(1);
	}
	return fd;
}

union control {
	struct cmsghdr head;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static void send_out(const struct effect_send *s)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->remote.port)};
	struct iovec iov = {s->bytes, s->len};
	union control c = {.head = {.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)),
				   .cmsg_level = IPPROTO_IP,
				   .cmsg_type = IP_PKTINFO}};
	struct in_pktinfo info = {0};
	struct msghdr m = {.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = sizeof(c)};

	memcpy(&to.sin_addr, s->remote.addr.bytes, 4);
	memcpy(&info.ipi_spec_dst, s->local.addr.bytes, 4);
	memcpy(CMSG_DATA(&c.head), &info, sizeof(info));
	load.sent++;
	if (sendmsg(load.fds[s->local.port == IKE_PORT_NAT], &m, 0) < 0 && errno != EAGAIN)
		perror("ike_load: sendmsg");
}

static bool receive(struct engine *e, int index)
{
	uint8_t buffer[65536];
	struct sockaddr_in from;
	struct iovec iov = {buffer, sizeof(buffer)};
	union control c;
	struct msghdr m = {.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &c,
		.msg_controllen = sizeof(c)};
	ssize_t n = recvmsg(load.fds[index], &m, 0);
	struct ip_endpoint local = {.port = index ? IKE_PORT_NAT : IKE_PORT}, remote;
	struct in_pktinfo info;

	if (n < 0 || !CMSG_FIRSTHDR(&m))
		return false;
	memcpy(&info, CMSG_DATA(&c.head), sizeof(info));
	local.addr.family = AF_INET;
	memcpy(local.addr.bytes, &info.ipi_addr, 4);
	if (endpoint_from_sockaddr((struct sockaddr_storage *)&from, &remote))
		engine_datagram(e, &local, &remote, buffer, (size_t)n, clock_now());
	load.received++;
	return true;
}

static void drain(struct engine *e)
{
	struct effect *f;

	while ((f = engine_effect(e))) {
		if (f->type == EFFECT_SEND)
			send_out(&f->send);
		if (f->type == EFFECT_TUNNEL_STATE &&
			load.up[f->tunnel] != (f->state.phase == PHASE_UP)) {
			load.up[f->tunnel] = !load.up[f->tunnel];
			load.up_count += load.up[f->tunnel] ? 1 : -1u;
		}
		if (f->type == EFFECT_NOTE && f->note.warning && ++load.failures <= 5)
			fprintf(stderr, "ike_load: %s %s\n", reason_code(f->note.reason),
				f->note.detail);
		effect_free(f);
	}
}

static void set_identity(struct ike_identity *id, const char *text)
{
	id->type = IKE_ID_FQDN;
	id->len = (uint8_t)strlen(text);
	memcpy(id->bytes, text, id->len);
}

static void env_random(void *context, void *bytes, size_t len)
{
	(void)context;
	random_bytes(bytes, len);
}

static int64_t env_wall(void *context)
{
	(void)context;
	return (int64_t)(clock_wall() / CLOCK_SECOND);
}

static struct ip_addr address_after(const struct ip_addr *first, uint32_t i)
{
	struct ip_addr a = *first;
	uint32_t at = ((uint32_t)a.bytes[2] << 8 | a.bytes[3]) + i;

	a.bytes[2] = (uint8_t)(at >> 8);
	a.bytes[3] = (uint8_t)at;
	return a;
}

static struct engine *make_engine(void)
{
	struct engine_env env = {.random = env_random, .wall = env_wall};
	struct engine_limits limits = engine_limits_default();
	struct engine *e;

	e = engine_new(&env, &limits);
	if (load.issued)
		set_trust(e);
	if (load.issued && load.server)
		set_credential(e, ENGINE_EVERY_TUNNEL, "hub");
	for (uint32_t i = 0; i < load.count; i++) {
		struct engine_tunnel t = load.tunnel;
		char name[24];

		snprintf(name, sizeof(name), "c%u.test", i);
		t.number = i;
		set_identity(load.server ? &t.remote_id : &t.local_id, name);
		set_identity(load.server ? &t.local_id : &t.remote_id, "hub.test");
		if (!load.server) {
			t.local = address_after(&t.local, i);
			t.remote = load.remotes[i % load.remote_count];
			t.options.startup = STARTUP_START;
		}
		t.options.auth = load.issued ? AUTH_CERT : AUTH_PSK;
		engine_tunnel_set(e, &t, &load.psk, clock_now());
		snprintf(name, sizeof(name), "c%u", i);
		if (load.issued && !load.server)
			set_credential(e, i, name);
	}
	engine_start(e, clock_now());
	return e;
}

/* Until all are up, the time is over, or a signal came. */
static void run(struct engine *e, uint64_t until)
{
	uint64_t timer_at = 0;

	while (!stop && clock_now() < until && (load.server || load.up_count < load.count)) {
		struct pollfd p[2] = {{.fd = load.fds[0], .events = POLLIN},
			{.fd = load.fds[1], .events = POLLIN}};
		uint64_t now = clock_now();

		drain(e);
		poll(p, 2, TIMER_MS);
		for (int i = 0; i < 2; i++) {
			for (int n = 0; n < BATCH && p[i].revents && receive(e, i); n++)
				drain(e);
		}
		if (now < timer_at)
			continue;
		engine_timer(e, now);
		timer_at = now + TIMER_MS * CLOCK_MILLISECOND;
	}
	drain(e);
}

int main(int argc, char **argv)
{
	uint64_t start, taken;
	struct engine *e;

	load.tunnel.options = (struct ike_options){.ikev2 = true,
		.p1_lifetime_s = 28800,
		.p2_lifetime_s = 3600,
		.rekey_margin_s = 540,
		.dpd_interval_s = 600,
		.dpd_timeout_s = 3000,
		.replay_window = 64};
	load.server = argc > 1 && !strcmp(argv[1], "server");
	for (int i = 2; i < argc; i++)
		read_argument(argv[i]);
	if (argc < 2 || (!load.server && !load.remote_count) || !load.issued != !load.ca ||
		load.count > IKE_TUNNELS_MAX || !crypto_init())
		usage("list");
	load.tunnel.local_ts = load.tunnel.remote_ts = everything();
	signal(SIGTERM, on_signal);
	load.fds[0] = open_socket(IKE_PORT);
	load.fds[1] = open_socket(IKE_PORT_NAT);
	e = make_engine();
	start = clock_now();
	run(e, start + load.seconds * CLOCK_SECOND);
	taken = clock_now() - start;
	if (!load.hold)
		engine_shutdown(e, clock_now());
	drain(e);
	engine_free(e);
	printf("{\"wanted\":%u,\"up\":%u,\"seconds\":%.3f,\"sent\":%llu,\"received\":%llu}\n",
		load.count, load.up_count, (double)taken / 1e9, (unsigned long long)load.sent,
		(unsigned long long)load.received);
	return load.server || load.up_count == load.count ? 0 : 1;
}
