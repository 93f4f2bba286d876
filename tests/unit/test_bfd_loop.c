/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BFD thread on sockets of the loopback. A session that ends is told of for a while; what comes to its socket
 * meanwhile is for the next one, which has the same.
 */
#include "base/clock.h"
#include "bgp/bfd/packet.h"
#include "ipc/imsg.h"
#include "ipc/msg_bgp.h"
#include "proc/bgp/bfd_loop.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define TUNNEL  5
#define LOCAL   "127.0.9.1"
#define PACKETS 100 /* in one burst: fewer than a session takes for a flood */
#define FLOOD   250 /* what is left of it is fewer, too */

static struct {
	struct event_base *base;
	struct imsg_channel *thread;
	int rx; /* what hub keeps, and gives to each session */
	struct ip_endpoint at;
	struct imsg_bfd_state state; /* as it was told last */
	unsigned int absent;         /* how often there was none */
} lab;

static void on_message(void *context, const struct imsg *m)
{
	(void)context;
	assert_int_equal(m->type, IMSG_BFD_STATE);
	assert_int_equal(m->len, sizeof(lab.state));
	memcpy(&lab.state, m->payload, sizeof(lab.state));
	lab.absent += !lab.state.present;
}

static void on_gone(void *context)
{
	(void)context;
	fail_msg("the thread has ended");
}

/* As time passes. */
static void wait_ms(unsigned int ms)
{
	uint64_t until = clock_now() + ms * CLOCK_MILLISECOND;

	while (clock_now() < until) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
}

/* Counts are told with a packet of the hub, after a second at least. */
static void wait_for_packets(void)
{
	for (int i = 0; i < 500 && lab.state.packets_in < PACKETS; i++)
		wait_ms(10);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	assert_true(addr_parse(text, &a));
	return a;
}

static int bound_to(const char *text, struct ip_endpoint *at)
{
	struct sockaddr_storage ss;
	struct ip_endpoint e = {.addr = address(text)};
	socklen_t len = endpoint_to_sockaddr(&e, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, ttl = BFD_TTL;

	assert_true(fd >= 0 && !bind(fd, (struct sockaddr *)&ss, len));
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	len = sizeof(ss);
	if (at)
		assert_true(!getsockname(fd, (struct sockaddr *)&ss, &len) &&
			    endpoint_from_sockaddr(&ss, at));
	return fd;
}

static int setup(void **state)
{
	struct imsg_bgp_tunnel up = {.tunnel = TUNNEL, .up = true};
	int unhurried, fd = bfd_loop_start(&unhurried);

	(void)state;
	memset(&lab.state, 0, sizeof(lab.state));
	lab.base = event_base_new();
	lab.thread = imsg_channel_new(lab.base, fd, on_message, on_gone, NULL);
	lab.rx = bound_to(LOCAL, &lab.at);
	imsg_send(lab.thread, IMSG_BGP_TUNNEL, -1, &up, sizeof(up));
	return fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	imsg_channel_free(lab.thread);
	bfd_loop_join();
	close(lab.rx);
	event_base_free(lab.base);
	return 0;
}

/* A session with that peer, in place of the one before. */
static void session_with(const char *peer)
{
	struct imsg_bfd_session m = {.tunnel = TUNNEL,
		.local = address(LOCAL),
		.peer = address(peer),
		.interval_us = 500000,
		.multiplier = 3};

	imsg_send(lab.thread, IMSG_BFD_SESSION, fcntl(lab.rx, F_DUPFD_CLOEXEC, 0), &m, sizeof(m));
	wait_ms(20);
	assert_true(lab.state.present);
	lab.absent = 0;
}

/*
 * By a process that stops this one meanwhile: all of it is there when the thread looks, so whoever hears the socket
 * takes some of it.
 */
static void send_from(const char *peer, unsigned int count)
{
	struct bfd_packet p = {.state = BFD_DOWN,
		.multiplier = 3,
		.mine = 77,
		.desired_tx_us = 1000000,
		.required_rx_us = 1000000};
	int fd = bound_to(peer, NULL);
	uint8_t bytes[BFD_PACKET_SIZE];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&lab.at, &ss);
	struct iovec iov = {.iov_base = bytes, .iov_len = BFD_PACKET_SIZE};
	struct mmsghdr all[FLOOD];
	int status, sent;
	pid_t sender;

	assert_true(count <= FLOOD);
	bfd_packet_encode(&p, &w);
	for (unsigned int i = 0; i < count; i++)
		all[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &ss,
						  .msg_namelen = len,
						  .msg_iov = &iov,
						  .msg_iovlen = 1}};
	sender = fork();
	assert_true(sender >= 0);
	if (!sender) {
		kill(getppid(), SIGSTOP);
		usleep(30000);
		sent = sendmmsg(fd, all, count, 0);
		kill(getppid(), SIGCONT);
		_exit(sent != (int)count);
	}
	assert_int_equal(waitpid(sender, &status, 0), sender);
	assert_int_equal(status, 0);
	close(fd);
}

static void the_next_session_gets_what_comes(void **state)
{
	(void)state;
	session_with("127.0.9.2");
	session_with("127.0.9.3"); /* the one before says AdminDown for three seconds */
	send_from("127.0.9.3", PACKETS);
	wait_for_packets();
	assert_int_equal(lab.state.packets_in, PACKETS);
	assert_int_equal(lab.state.packets_refused, 0);
	wait_ms(2100);
	assert_int_equal(
		lab.absent, 0); /* so the one before would say for as long as it is told of */
}

/* One that was flooded is not heard until its window ends; then it has ended. */
static void a_flooded_session_does_so_too(void **state)
{
	(void)state;
	session_with("127.0.9.2");
	send_from("127.0.9.2", FLOOD);
	wait_ms(10);
	session_with("127.0.9.3");
	wait_ms(150);
	send_from("127.0.9.3", PACKETS);
	wait_for_packets();
	assert_int_equal(lab.state.packets_in, PACKETS);
	assert_true(lab.state.packets_refused <= FLOOD); /* what was left in the socket */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_next_session_gets_what_comes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flooded_session_does_so_too, setup, teardown),
	};

	return cmocka_run_group_tests_name("bfd_loop", tests, NULL, NULL);
}
