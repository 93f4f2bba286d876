/* SPDX-License-Identifier: Apache-2.0 */
/* Channels between the processes: in order, whole, and no descriptor that nobody has asked for stays open. */
#include "ipc/imsg.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define MANY 500 /* messages of the largest size: more than sockets take */

static struct {
	struct event_base *base;
	struct imsg_channel *channel;
	int other; /* the end of somebody who may send anything */
	unsigned int heard, gone, descriptors;
	struct imsg_channel **freed; /* by the handler; NULL: none */
	uint32_t type, next;         /* of the last message; what the next one must begin with */
	unsigned int answers;        /* large messages, to each one that comes */
} lab;

static void on_message(void *context, const struct imsg *m)
{
	(void)context;
	lab.heard++;
	lab.type = m->type;
	if (m->len >= sizeof(lab.next))
		assert_int_equal(*(const uint32_t *)m->payload, lab.next++);
	if (m->fd >= 0) {
		lab.descriptors++;
		close(m->fd);
	}
	for (unsigned int i = 0; i < lab.answers; i++) {
		static const uint8_t body[IMSG_MAX_SIZE - 64];

		imsg_send(lab.channel, IMSG_API_REPLY, -1, body, sizeof(body));
	}
	if (lab.freed) {
		imsg_channel_free(*lab.freed);
		*lab.freed = NULL;
	}
}

static void on_gone(void *context)
{
	(void)context;
	lab.gone++;
}

static int setup(void **state)
{
	int pair[2];

	(void)state;
	memset(&lab, 0, sizeof(lab));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	lab.base = event_base_new();
	lab.other = pair[0];
	lab.channel = imsg_channel_new(lab.base, pair[1], on_message, on_gone, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	imsg_channel_free(lab.channel);
	event_base_free(lab.base);
	if (lab.other >= 0)
		close(lab.other);
	return 0;
}

static void turn(void)
{
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
}

/* A datagram as it is, with descriptors. */
static void send_raw(const void *bytes, size_t len, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count) {
		struct cmsghdr *c;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(lab.other, &msg, MSG_NOSIGNAL), len);
	turn();
}

/* Whether nobody has the other end of the pipe. */
static bool is_closed(int reader)
{
	char byte;
	ssize_t n = read(reader, &byte, 1);

	close(reader);
	return n == 0;
}

/* Sends so many ends of pipes with these bytes, and looks whether they are open somewhere afterwards. */
static void assert_none_left(const void *bytes, size_t len, size_t count)
{
	int readers[2] = {0}, writers[2] = {0};

	for (size_t i = 0; i < count; i++) {
		int fds[2];

		assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
		readers[i] = fds[0];
		writers[i] = fds[1];
	}
	send_raw(bytes, len, writers, count);
	for (size_t i = 0; i < count; i++)
		close(writers[i]);
	for (size_t i = 0; i < count; i++)
		assert_true(is_closed(readers[i]));
}

static void no_descriptor_stays_open(void **state)
{
	const uint32_t start[] = {IMSG_START, 0}, odd[] = {IMSG_TYPES, 0}, ping[] = {IMSG_PING, 0};

	(void)state;
	assert_none_left(start, sizeof(start), 1); /* which its handler closes */
	assert_none_left(start, sizeof(start), 2);
	assert_int_equal(lab.heard, 2);
	assert_none_left(odd, sizeof(odd), 2);
	imsg_channel_answer(lab.channel);
	assert_none_left(ping, sizeof(ping), 1);
	assert_int_equal(lab.heard, 2);
}

static void what_is_malformed_is_dropped(void **state)
{
	const uint32_t odd_type[] = {IMSG_TYPES, 0}, long_by_4[] = {IMSG_START, 0, 0},
		       short_by_4[] = {IMSG_START, 8, 0}, good[] = {IMSG_START, 0};

	(void)state;
	send_raw(odd_type, sizeof(odd_type), NULL, 0);
	send_raw(long_by_4, sizeof(long_by_4), NULL, 0);
	send_raw(short_by_4, sizeof(short_by_4), NULL, 0);
	send_raw(good, 4, NULL, 0);
	assert_int_equal(lab.heard, 0);
	send_raw(good, sizeof(good), NULL, 0);
	assert_int_equal(lab.heard, 1);
	assert_int_equal(lab.type, IMSG_START);
	assert_int_equal(lab.gone, 0);
}

/* Asked by hub, the channel answers for a process whose loop turns. */
static void a_ping_is_answered(void **state)
{
	const uint32_t ping[] = {IMSG_PING, 0};
	uint32_t answer[2] = {0};

	(void)state;
	send_raw(ping, sizeof(ping), NULL, 0);
	assert_int_equal(lab.heard, 1); /* hub itself is not asked */
	imsg_channel_answer(lab.channel);
	send_raw(ping, sizeof(ping), NULL, 0);
	assert_int_equal(lab.heard, 1);
	assert_int_equal(recv(lab.other, answer, sizeof(answer), MSG_DONTWAIT), sizeof(answer));
	assert_int_equal(answer[0], IMSG_PONG);
}

/* What the socket does not take now waits, and none is lost, or goes before another. */
static void a_slow_reader_gets_all_in_order(void **state)
{
	static uint8_t body[IMSG_MAX_SIZE - 64];
	struct imsg_channel *reader =
		imsg_channel_new(lab.base, lab.other, on_message, on_gone, NULL);

	(void)state;
	lab.other = -1;
	for (uint32_t i = 0; i < MANY; i++) {
		memcpy(body, &i, sizeof(i));
		imsg_send(lab.channel, IMSG_ROUTES,
			i % 100 ? -1 : open("/dev/null", O_RDONLY | O_CLOEXEC), body, sizeof(body));
	}
	assert_true(imsg_queued(lab.channel) > 0);
	for (int i = 0; i < 10 * MANY && lab.heard < MANY; i++)
		turn();
	assert_int_equal(lab.heard, MANY);
	assert_int_equal(lab.descriptors, MANY / 100);
	assert_int_equal(imsg_queued(lab.channel), 0);
	imsg_channel_free(reader);
}

/* What a message says may end its channel: what came behind it is not heard. */
static void a_handler_may_free_the_channel(void **state)
{
	const uint32_t start[] = {IMSG_START, 0};

	(void)state;
	lab.freed = &lab.channel;
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(lab.other, start, sizeof(start), 0), sizeof(start));
	turn();
	assert_int_equal(lab.heard, 1);
}

static void who_never_reads_is_given_up(void **state)
{
	static uint8_t body[IMSG_MAX_SIZE - 64];

	(void)state;
	for (unsigned int i = 0; i < 2 * IMSG_QUEUE_MAX / sizeof(body) && !lab.gone; i++) {
		imsg_send(lab.channel, IMSG_ROUTES, -1, body, sizeof(body));
		assert_true(imsg_queued(lab.channel) <= IMSG_QUEUE_MAX + IMSG_MAX_SIZE);
		turn();
	}
	assert_int_equal(lab.gone, 1);
	imsg_send(lab.channel, IMSG_ROUTES, -1, body, sizeof(body)); /* dropped */
}

/* Who asks for much and does not read is not listened to until it does. */
static void who_does_not_read_is_not_heard(void **state)
{
	enum { ASKED = 30, ANSWERS = 50, PACE = 2 << 20 };
	const uint32_t start[] = {IMSG_START, 0};
	static uint8_t body[IMSG_MAX_SIZE];
	unsigned int got = 0;

	(void)state;
	imsg_channel_pace(lab.channel, PACE);
	lab.answers = ANSWERS;
	for (int i = 0; i < ASKED; i++)
		assert_int_equal(send(lab.other, start, sizeof(start), 0), sizeof(start));
	event_base_loop(lab.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(lab.heard, 1);
	turn();
	assert_in_range(imsg_queued(lab.channel), PACE, PACE + ANSWERS * IMSG_MAX_SIZE);
	assert_in_range(lab.heard, 2, 5);
	for (int i = 0; i < 5 * ASKED * ANSWERS && got < ASKED * ANSWERS; i++) {
		got += recv(lab.other, body, sizeof(body), MSG_DONTWAIT) > 0;
		turn();
		assert_true(imsg_queued(lab.channel) <= PACE + ANSWERS * IMSG_MAX_SIZE);
	}
	assert_int_equal(got, ASKED * ANSWERS);
	assert_int_equal(lab.heard, ASKED);
	assert_int_equal(lab.gone, 0);
	close(lab.other);
	lab.other = -1;
	turn();
	assert_int_equal(lab.gone, 1);
}

/* What it has queued already ends it also where it is not listened to. */
static void who_is_not_heard_is_given_up(void **state)
{
	imsg_channel_pace(lab.channel, 1);
	who_never_reads_is_given_up(state);
	turn();
	assert_int_equal(lab.gone, 1);
}

static void the_end_is_told_once(void **state)
{
	(void)state;
	close(lab.other);
	lab.other = -1;
	turn();
	turn();
	assert_int_equal(lab.gone, 1);
	imsg_send(lab.channel, IMSG_START, -1, NULL, 0); /* harmless */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_descriptor_stays_open),
		TEST(what_is_malformed_is_dropped),
		TEST(a_ping_is_answered),
		TEST(a_slow_reader_gets_all_in_order),
		TEST(a_handler_may_free_the_channel),
		TEST(who_never_reads_is_given_up),
		TEST(who_does_not_read_is_not_heard),
		TEST(who_is_not_heard_is_given_up),
		TEST(the_end_is_told_once),
	};

	return cmocka_run_group_tests_name("imsg", tests, NULL, NULL);
}
