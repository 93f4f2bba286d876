/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ike processes on the loopback of a network namespace of their own, with this test as hub and
 * data of both: messages, the order of installation and answer, death and checkpoint. Needs root.
 */
#include "../own_network.h"
#include "base/clock.h"
#include "base/log.h"
#include "ipc/descriptor.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_sa.h"
#include "ipc/privsep.h"
#include "proc/roles.h"
#include "ike/engine.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define TUNNEL 6

/* The processes keep their rights here: privsep has its own test. */
void privsep_drop(const char *role)
{
	(void)role;
}

struct side {
	pid_t pid;
	int hub, data; /* our ends */
	int memfd;
	int udp[2];
	struct ip_addr addr, other;
	bool start, confirm;
	unsigned int ready, phase, ups, downs, adds, uses, dels, gone, keeps, keep_ends;
	struct imsg_sa_add last_add;
	struct imsg_sa_ref used;
	struct imsg_sa_info info;
	char reason[REASON_CODE_SIZE];
};

static struct side sides[2];

static void send_message(int fd, enum imsg_type type, int pass, const void *body, size_t len)
{
	struct {
		uint32_t type, len;
		uint8_t body[4096];
	} m = {.type = type, .len = (uint32_t)len};

	if (len)
		memcpy(m.body, body, len);
	assert_true(descriptor_send(fd, &m, 8 + len, pass, 0) > 0);
}

static int bind_udp(const struct ip_addr *a, uint16_t port)
{
	struct ip_endpoint ep = {*a, port};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&ep, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static struct algorithm_set one(uint16_t id, uint16_t bits)
{
	return (struct algorithm_set){.count = 1, .items = {{id, bits}}};
}

static void send_key(
	struct side *s, enum imsg_type type, const char *key, const void *body, size_t len)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_true(write(fds[1], key, strlen(key)) > 0);
	close(fds[1]);
	send_message(s->hub, type, fds[0], body, len);
	close(fds[0]);
}

static void send_tunnel(struct side *s, bool first)
{
	struct imsg_tunnel ahead = {.tunnel = TUNNEL};
	struct imsg_ike_tunnel t = {
		.tunnel = TUNNEL, .site = "branch", .local = s->addr, .remote = s->other};

	t.local_id = (struct ike_identity){IKE_ID_FQDN, 1, {first ? 'a' : 'b'}};
	t.remote_id = (struct ike_identity){IKE_ID_FQDN, 1, {first ? 'b' : 'a'}};
	t.options = (struct ike_options){.ikev2 = true,
		.p1_encryption = one(12, 256),
		.p1_integrity = one(12, 0),
		.p1_groups = one(19, 0),
		.p2_encryption = one(20, 128),
		.p2_groups = one(19, 0),
		.p1_lifetime_s = 3600,
		.p2_lifetime_s = 1800,
		.rekey_margin_s = 60,
		.dpd_interval_s = 10,
		.dpd_timeout_s = 30,
		.replay_window = 1024,
		.startup = s->start ? STARTUP_START : STARTUP_ADD,
		.encap = ENCAP_FORCE};
	t.local_ts.count = t.remote_ts.count = 1;
	t.local_ts.selectors[0].first.family = t.local_ts.selectors[0].last.family = AF_INET;
	memset(t.local_ts.selectors[0].last.bytes, 0xff, 4);
	t.local_ts.selectors[0].last_port = 65535;
	t.remote_ts = t.local_ts;
	/* One end has a line end after the key, the other not, and a new key already. */
	if (!first)
		send_key(s, IMSG_IKE_PSK_PREVIOUS, "secret_key", &ahead, sizeof(ahead));
	send_key(s, IMSG_IKE_TUNNEL, first ? "secret_key\n" : "a_new_key", &t, sizeof(t));
}

static void send_channel(struct side *s)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	if (s->data >= 0)
		close(s->data);
	s->data = pair[0];
	send_message(s->hub, IMSG_CHANNEL, pair[1], NULL, 0);
	close(pair[1]);
}

static void start_process(int me)
{
	struct side *s = &sides[me];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	s->ready = 0;
	s->pid = fork();
	if (s->pid == 0) {
		for (int i = 0; i < 2; i++) {
			close(sides[i].hub);
			close(sides[i].data);
		}
		close(pair[0]);
		log_init(me ? "ike-b" : "ike-a", getenv("VERBOSE") ? LOG_INFO : LOG_ERROR);
		_exit(proc_ike_run(pair[1]));
	}
	close(pair[1]);
	if (s->hub >= 0)
		close(s->hub);
	s->hub = pair[0];
	send_message(s->hub, IMSG_IKE_CHECKPOINT, s->memfd, NULL, 0);
	for (int i = 0; i < 2; i++) {
		struct imsg_socket m = {.local = {s->addr, i ? IKE_PORT_NAT : IKE_PORT}};

		send_message(s->hub, IMSG_IKE_SOCKET, s->udp[i], &m, sizeof(m));
	}
	send_tunnel(s, me == 0);
	send_channel(s);
	send_message(s->hub, IMSG_START, -1, NULL, 0);
}

static void take_hub(struct side *s, const struct imsg *m)
{
	const struct imsg_tunnel_state *state = m->payload;

	switch (m->type) {
	case IMSG_READY:
		s->ready = 1;
		break;
	case IMSG_IKE_HEARD: /* what came by its sockets */
		assert_true(((const struct imsg_ike_heard *)m->payload)->datagrams > 0);
		break;
	case IMSG_TUNNEL_STATE:
		s->phase = state->phase;
		if (state->phase == TUNNEL_UP)
			assert_int_equal(
				state->key, s == sides ? TUNNEL_KEY_PRESENT : TUNNEL_KEY_PREVIOUS);
		s->ups += state->phase == TUNNEL_UP;
		s->downs += state->phase == TUNNEL_DOWN;
		memcpy(s->reason, state->reason, sizeof(s->reason));
		break;
	case IMSG_SA_INFO:
		memcpy(&s->info, m->payload, sizeof(s->info));
		break;
	case IMSG_SA_GONE:
		s->gone++;
		break;
	case IMSG_TUNNEL_EVENT:
		break;
	default:
		fail_msg("message %u to hub", m->type);
	}
}

static void take_data(struct side *s, const struct imsg *m)
{
	struct imsg_sa_ref ref;

	switch (m->type) {
	case IMSG_SA_ADD:
		s->adds++;
		memcpy(&s->last_add, m->payload, sizeof(s->last_add));
		ref = (struct imsg_sa_ref){TUNNEL, s->last_add.spi_in, s->last_add.spi_out};
		if (s->confirm)
			send_message(s->data, IMSG_SA_INSTALLED, -1, &ref, sizeof(ref));
		break;
	case IMSG_SA_USE:
		s->uses++;
		memcpy(&s->used, m->payload, sizeof(s->used));
		break;
	case IMSG_SA_DEL:
		s->dels++;
		break;
	case IMSG_SA_KEEP:
		s->keeps++;
		break;
	case IMSG_SA_KEEP_END:
		s->keep_ends++;
		break;
	default:
		fail_msg("message %u to data", m->type);
	}
}

/* Serves both processes for a while, or until *what reaches `wanted`. */
static bool serve(int ms, const unsigned int *what, unsigned int wanted)
{
	uint64_t end = clock_now() + (uint64_t)ms * CLOCK_MILLISECOND;

	while (clock_now() < end && !(what && *what >= wanted)) {
		struct pollfd p[4] = {{sides[0].hub, POLLIN, 0}, {sides[0].data, POLLIN, 0},
			{sides[1].hub, POLLIN, 0}, {sides[1].data, POLLIN, 0}};

		poll(p, 4, 10);
		for (int i = 0; i < 4; i++) {
			_Alignas(16) uint8_t buffer[IMSG_MAX_SIZE];
			struct imsg m;

			if (!(p[i].revents & POLLIN) ||
				!imsg_receive_blocking(p[i].fd, &m, buffer, sizeof(buffer)))
				continue;
			if (i % 2)
				take_data(&sides[i / 2], &m);
			else
				take_hub(&sides[i / 2], &m);
		}
	}
	return what && *what >= wanted;
}

static int set_up(void **state)
{
	(void)state;
	if (!own_network())
		return -1;
	for (int i = 0; i < 2; i++) {
		sides[i] = (struct side){.hub = -1, .data = -1, .start = i == 1, .confirm = true};
		addr_parse(i ? "127.0.0.2" : "127.0.0.1", &sides[i].addr);
		addr_parse(i ? "127.0.0.1" : "127.0.0.2", &sides[i].other);
		sides[i].memfd = memfd_create("checkpoint", 0);
		sides[i].udp[0] = bind_udp(&sides[i].addr, IKE_PORT);
		sides[i].udp[1] = bind_udp(&sides[i].addr, IKE_PORT_NAT);
	}
	start_process(0);
	serve(100, NULL, 0);
	start_process(1);
	return 0;
}

static int stop(struct side *s)
{
	int status = -1;

	if (s->hub >= 0 && s->pid > 0)
		send_message(s->hub, IMSG_SHUTDOWN, -1, NULL, 0);
	serve(500, NULL, 0);
	waitpid(s->pid, &status, 0);
	s->pid = 0;
	return status;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		if (sides[i].pid > 0)
			kill(sides[i].pid, SIGKILL);
		if (sides[i].pid > 0)
			waitpid(sides[i].pid, NULL, 0);
		close(sides[i].hub);
		close(sides[i].data);
		close(sides[i].memfd);
		close(sides[i].udp[0]);
		close(sides[i].udp[1]);
	}
	return 0;
}

/* Waits until both ends use the pair they added last, which mirror each other. */
static void check_mirrored(void)
{
	const struct imsg_sa_add *a = &sides[0].last_add, *b = &sides[1].last_add;

	for (int i = 0; i < 50; i++) {
		if (sides[0].used.spi_in == a->spi_in && sides[1].used.spi_in == b->spi_in &&
			a->spi_in == b->spi_out)
			break;
		serve(100, NULL, 0);
	}
	assert_int_equal(a->spi_in, b->spi_out);
	assert_int_equal(a->spi_out, b->spi_in);
	assert_int_equal(a->spi_in % 16384 / 8, TUNNEL);
	assert_memory_equal(a->key_in, b->key_out, 16);
	assert_memory_equal(a->salt_in, b->salt_out, 4);
	assert_memory_equal(a->key_out, b->key_in, 16);
	assert_int_equal(sides[0].used.spi_in, a->spi_in);
	assert_int_equal(sides[1].used.spi_in, b->spi_in);
}

static void test_up_and_rekey(void **state)
{
	struct imsg_ike_command rekey = {TUNNEL, IKE_COMMAND_REKEY_CHILD};

	(void)state;
	assert_true(serve(8000, &sides[0].ups, 1));
	assert_true(serve(2000, &sides[1].ups, 1));
	assert_true(sides[0].ready && sides[1].ready);
	check_mirrored();
	assert_true(sides[0].last_add.udp_encap);
	assert_int_equal(sides[0].info.inner_mtu, 1438);
	assert_int_equal(sides[0].keeps, 0); /* nothing to restore: data starts clean */
	assert_int_equal(sides[0].keep_ends, 1);
	send_message(sides[0].hub, IMSG_IKE_COMMAND, -1, &rekey, sizeof(rekey));
	assert_true(serve(3000, &sides[1].uses, 2));
	serve(200, NULL, 0);
	assert_int_equal(sides[0].adds, 2);
	check_mirrored();
}

/* SIGKILL between two rekeys: the next process continues, nobody hears of it. */
static void test_killed(void **state)
{
	struct imsg_ike_command rekey = {TUNNEL, IKE_COMMAND_REKEY_CHILD};
	unsigned int downs;

	(void)state;
	assert_true(serve(8000, &sides[0].ups, 1) && serve(2000, &sides[1].ups, 1));
	for (int i = 0; i < 2; i++) {
		unsigned int adds = sides[0].adds;

		downs = sides[0].downs + sides[1].downs;
		kill(sides[i].pid, SIGKILL);
		waitpid(sides[i].pid, NULL, 0);
		sides[i].keeps = sides[i].keep_ends = 0;
		start_process(i);
		assert_true(serve(5000, &sides[i].ready, 1));
		assert_true(serve(5000, &sides[i].keep_ends, 1));
		assert_int_equal(sides[i].phase, TUNNEL_UP);
		rekey.command = IKE_COMMAND_REKEY_IKE;
		send_message(sides[i].hub, IMSG_IKE_COMMAND, -1, &rekey, sizeof(rekey));
		serve(500, NULL, 0);
		rekey.command = IKE_COMMAND_REKEY_CHILD;
		send_message(sides[i].hub, IMSG_IKE_COMMAND, -1, &rekey, sizeof(rekey));
		assert_true(serve(3000, &sides[0].adds, adds + 1));
		serve(500, NULL, 0);
		check_mirrored();
		assert_true(sides[i].keeps >= 1); /* data is to keep what the checkpoint has */
		assert_int_equal(sides[i].keep_ends, 1);
		assert_int_equal(sides[0].downs + sides[1].downs, downs);
	}
}

/* An answer waits for the installation, but not for ever. */
static void test_silent_data(void **state)
{
	struct imsg_ike_command rekey = {TUNNEL, IKE_COMMAND_REKEY_CHILD};
	uint64_t before;

	(void)state;
	assert_true(serve(8000, &sides[0].ups, 1) && serve(2000, &sides[1].ups, 1));
	sides[0].confirm = false;
	before = clock_now();
	send_message(sides[1].hub, IMSG_IKE_COMMAND, -1, &rekey, sizeof(rekey));
	assert_true(serve(5000, &sides[1].uses, 2));
	assert_true(clock_now() - before > 400 * CLOCK_MILLISECOND);
	serve(200, NULL, 0);
	check_mirrored();
}

static void test_shutdown(void **state)
{
	(void)state;
	assert_true(serve(8000, &sides[0].ups, 1) && serve(2000, &sides[1].ups, 1));
	assert_int_equal(stop(&sides[1]), 0);
	assert_int_equal(sides[0].phase, TUNNEL_DOWN);
	assert_string_equal(sides[0].reason, "PEER_DELETED_IKE");
	assert_true(sides[0].gone >= 1 && sides[0].dels >= 1);
}

static void test_data_restarts(void **state)
{
	struct imsg_ike_command reset = {TUNNEL, IKE_COMMAND_RESET};

	(void)state;
	assert_true(serve(8000, &sides[1].ups, 1));
	send_channel(&sides[1]);
	send_message(sides[1].hub, IMSG_IKE_COMMAND, -1, &reset, sizeof(reset));
	assert_true(serve(8000, &sides[1].ups, 2));
	serve(300, NULL, 0);
	check_mirrored();
	assert_int_equal(sides[0].phase, TUNNEL_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_up_and_rekey, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_killed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_silent_data, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shutdown, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_data_restarts, set_up, tear_down),
	};

	if (geteuid()) {
		print_message("test_ike_process: skipped, not root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
