/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The IKE engine with UDP sockets and nothing else: one tunnel, no data plane. Prints its effects,
 * one a line, and takes commands on standard input: rekey-child, rekey-ike, down, up, reset, quit.
 *
 *   ike_peer local=A remote=A|any id=FQDN peer=FQDN psk=TEXT ike=SUITE esp=SUITE [start=1]
 *            [version=1|2|both] [encap=force] [cookies=1] [p1=S] [p2=S] [margin=S] [dpd=S] [timeout=S]
 *            [own=CHAIN.pem key=KEY.pem ca=CA.pem [crl=CRL.pem]]   certificates instead of the PSK
 *            [wall=S]   what our clock is ahead
 *            [echo=1]   answers pings through the tunnel, ESP in UDP
 */
#include "base/clock.h"
#include "crypto/hash.h"
#include "ike/engine.h"
#include "../selectors.h"
#include "../suites.h"
#include "esp_echo.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_identity(struct ike_identity *id, const char *text)
{
	if (strchr(text, '=') && dn_from_text(text, id))
		return;
	id->type = IKE_ID_FQDN;
	id->len = (uint8_t)strnlen(text, sizeof(id->bytes));
	memcpy(id->bytes, text, id->len);
}

static void usage(const char *what)
{
	fprintf(stderr, "ike_peer: bad argument %s\n", what);
	exit(2);
}

static struct file {
	const char *name;
	char bytes[CERT_FILE_BYTES];
	size_t len;
} files[] = {{.name = "own"}, {.name = "key"}, {.name = "ca"}, {.name = "crl"}};

#define FILES (sizeof(files) / sizeof(files[0]))

static void read_file(const char *path, struct file *to)
{
	FILE *f = fopen(path, "r");

	if (!f)
		usage(path);
	to->len = fread(to->bytes, 1, sizeof(to->bytes), f);
	fclose(f);
}

static int64_t wall_ahead;
static bool echo;

static void set_certificates(struct engine *e)
{
	struct trust *trust = trust_new(false);
	struct credential *own;
	char error[200];

	own = credential_read(
		files[0].bytes, files[0].len, files[1].bytes, files[1].len, error, sizeof(error));
	if (!own || !trust_add_ca(trust, files[2].bytes, files[2].len, error, sizeof(error)) ||
		(files[3].len &&
			!trust_add_crl(trust, files[3].bytes, files[3].len, error, sizeof(error))))
		usage(error);
	engine_credential_set(e, ENGINE_EVERY_TUNNEL, own);
	engine_trust_set(e, trust, clock_now());
}

static void read_argument(
	char *argument, struct engine_tunnel *t, struct secret *psk, struct engine_limits *limits)
{
	struct ike_options *o = &t->options;
	struct algorithm_set *ike[4] = {
		&o->p1_encryption, &o->p1_prf, &o->p1_integrity, &o->p1_groups};
	struct algorithm_set *esp[4] = {&o->p2_encryption, NULL, &o->p2_integrity, &o->p2_groups};
	char *value = strchr(argument, '=');

	if (!value)
		usage(argument);
	*value++ = '\0';
	for (size_t i = 0; i < FILES; i++) {
		if (strcmp(argument, files[i].name))
			continue;
		read_file(value, &files[i]);
		o->auth = AUTH_CERT;
		return;
	}
	if (!strcmp(argument, "local"))
		addr_parse(value, &t->local);
	else if (!strcmp(argument, "remote"))
		addr_parse(value, &t->remote);
	else if (!strcmp(argument, "id"))
		set_identity(&t->local_id, value);
	else if (!strcmp(argument, "peer"))
		set_identity(&t->remote_id, value);
	else if (!strcmp(argument, "psk"))
		secret_set(psk, value, strlen(value));
	else if (!strcmp(argument, "ike"))
		add_suite(value, ike);
	else if (!strcmp(argument, "esp"))
		add_suite(value, esp);
	else if (!strcmp(argument, "version")) {
		o->ikev1 = strcmp(value, "2") != 0;
		o->ikev2 = strcmp(value, "1") != 0;
	} else if (!strcmp(argument, "start"))
		o->startup = STARTUP_START;
	else if (!strcmp(argument, "encap"))
		o->encap = ENCAP_FORCE;
	else if (!strcmp(argument, "wall"))
		wall_ahead = atoll(value);
	else if (!strcmp(argument, "echo"))
		echo = true;
	else if (!strcmp(argument, "cookies"))
		limits->cookie_threshold = 0;
	else if (!strcmp(argument, "p1"))
		o->p1_lifetime_s = (uint32_t)atoi(value);
	else if (!strcmp(argument, "p2"))
		o->p2_lifetime_s = (uint32_t)atoi(value);
	else if (!strcmp(argument, "margin"))
		o->rekey_margin_s = (uint32_t)atoi(value);
	else if (!strcmp(argument, "dpd"))
		o->dpd_interval_s = (uint32_t)atoi(value);
	else if (!strcmp(argument, "timeout"))
		o->dpd_timeout_s = (uint32_t)atoi(value);
	else
		usage(argument);
}

static int open_socket(const struct ip_addr *addr, uint16_t port)
{
	struct ip_endpoint ep = {*addr, port};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&ep, &ss);
	int fd = socket(addr->family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0) {
		perror("bind");
		exit(1);
	}
	return fd;
}

static void env_random(void *context, void *bytes, size_t len)
{
	(void)context;
	random_bytes(bytes, len);
}

static int64_t env_wall(void *context)
{
	(void)context;
	return (int64_t)(clock_wall() / CLOCK_SECOND) + wall_ahead;
}

static void print_keys(const struct effect_sa_add *a)
{
	printf("add in=%08x out=%08x %s%s%s encap=%d\n", a->spi_in, a->spi_out, a->cipher->name,
		a->integ ? "-" : "", a->integ ? a->integ->name : "", a->udp_encap);
}

static void apply(struct engine *e, int fd500, int fd4500)
{
	static const char *const phases[] = {"DOWN", "NEGOTIATING", "UP"};
	struct sockaddr_storage ss;
	char text[ENDPOINT_STR_SIZE];
	struct effect *f;

	while ((f = engine_effect(e))) {
		switch (f->type) {
		case EFFECT_SEND: {
			socklen_t len = endpoint_to_sockaddr(&f->send.remote, &ss);

			if (sendto(f->send.local.port == IKE_PORT ? fd500 : fd4500, f->send.bytes,
				    f->send.len, 0, (struct sockaddr *)&ss, len) < 0)
				printf("send: %s\n", strerror(errno));
			break;
		}
		case EFFECT_SA_ADD:
			print_keys(&f->sa_add);
			if (echo)
				echo_add(&f->sa_add);
			break;
		case EFFECT_SA_USE:
			printf("use in=%08x out=%08x\n", f->sa_ref.spi_in, f->sa_ref.spi_out);
			break;
		case EFFECT_SA_DEL:
			printf("del in=%08x out=%08x\n", f->sa_ref.spi_in, f->sa_ref.spi_out);
			echo_del(f->sa_ref.spi_in);
			break;
		case EFFECT_SA_MOVED:
			printf("moved %s\n", endpoint_format(&f->sa_ref.remote, text));
			break;
		case EFFECT_TUNNEL_STATE:
			printf("state %s %s v%u %s %s\n", phases[f->state.phase],
				reason_code(f->state.reason), f->state.ike_version,
				f->state.ike_proposal, f->state.detail);
			break;
		case EFFECT_NOTE:
			printf("note %s %s\n", reason_code(f->note.reason), f->note.detail);
			break;
		case EFFECT_PEER_CERT:
			printf("cert %s %s\n", f->peer_cert.key, f->peer_cert.subject);
			break;
		case EFFECT_SA_INFO:
			break;
		}
		effect_free(f);
	}
	fflush(stdout);
}

/* False on "quit" and at the end of the input. */
static bool command(struct engine *e)
{
	char line[64];
	uint64_t now = clock_now();

	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	printf("command %s\n", line);
	if (!strcmp(line, "rekey-child"))
		engine_command(e, 0, ENGINE_REKEY_CHILD, now);
	else if (!strcmp(line, "rekey-ike"))
		engine_command(e, 0, ENGINE_REKEY_IKE, now);
	else if (!strcmp(line, "down"))
		engine_command(e, 0, ENGINE_DOWN, now);
	else if (!strcmp(line, "up"))
		engine_command(e, 0, ENGINE_UP, now);
	else if (!strcmp(line, "reset"))
		engine_command(e, 0, ENGINE_RESET, now);
	else
		return strcmp(line, "quit") != 0;
	return true;
}

static void receive(struct engine *e, int fd, const struct ip_addr *local, uint16_t port)
{
	struct ip_endpoint here = {*local, port}, there;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	uint8_t buffer[65536];
	ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&ss, &len);

	if (n > 0 && echo && port == IKE_PORT_NAT) {
		uint8_t *reply;
		uint32_t bytes = echo_answer(buffer, (uint32_t)n, &reply);

		if (bytes && sendto(fd, reply, bytes, 0, (struct sockaddr *)&ss, len) < 0)
			printf("send: %s\n", strerror(errno));
	}
	if (n >= 0 && endpoint_from_sockaddr(&ss, &there))
		engine_datagram(e, &here, &there, buffer, (size_t)n, clock_now());
}

int main(int argc, char **argv)
{
	struct engine_env env = {.random = env_random, .wall = env_wall};
	struct engine_limits limits = engine_limits_default();
	struct engine_tunnel t = {.site = "test"};
	struct secret psk = {0};
	struct engine *e;
	int fd500, fd4500;
	bool go = true;

	t.options = (struct ike_options){.ikev2 = true,
		.p1_lifetime_s = 3600,
		.p2_lifetime_s = 1800,
		.rekey_margin_s = 300,
		.rekey_fuzz_percent = 50,
		.dpd_interval_s = 10,
		.dpd_timeout_s = 30,
		.replay_window = 1024};
	for (int i = 1; i < argc; i++)
		read_argument(argv[i], &t, &psk, &limits);
	t.local_ts = t.remote_ts = everything();
	if (!crypto_init())
		return 1;
	fd500 = open_socket(&t.local, IKE_PORT);
	fd4500 = open_socket(&t.local, IKE_PORT_NAT);
	e = engine_new(&env, &limits);
	if (t.options.auth == AUTH_CERT)
		set_certificates(e);
	engine_tunnel_set(e, &t, &psk, clock_now());
	engine_start(e, clock_now());
	while (go) {
		struct pollfd p[3] = {{.fd = 0, .events = POLLIN}, {.fd = fd500, .events = POLLIN},
			{.fd = fd4500, .events = POLLIN}};
		uint64_t next = engine_next_timer(e), now = clock_now();
		uint64_t wait = next > now ? (next - now) / CLOCK_MILLISECOND + 1 : 0;

		apply(e, fd500, fd4500);
		poll(p, 3, wait > 1000 ? 1000 : (int)wait);
		if (p[0].revents)
			go = command(e);
		if (p[1].revents)
			receive(e, fd500, &t.local, IKE_PORT);
		if (p[2].revents)
			receive(e, fd4500, &t.local, IKE_PORT_NAT);
		engine_timer(e, clock_now());
	}
	engine_shutdown(e, clock_now());
	apply(e, fd500, fd4500);
	engine_free(e);
	return 0;
}
