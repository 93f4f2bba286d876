/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that nobody reads: they take so much memory, and whoever reads gets his. */
#include "proc/api/server.h"

#include <errno.h>
#include <event2/event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define HELD  (6u << 20)
#define LONG  (2u << 20) /* more than sockets take */
#define PARTS 4

static const struct server_answer ok = {.status = 200, .type = "text/plain"};

static struct {
	struct event_base *base;
	struct server *server;
	uint32_t asked;
	unsigned int gone;
	size_t taken; /* bytes of streams */
} lab;

static void take(void *context, struct exchange *e, const struct server_request *request)
{
	(void)context, (void)request;
	exchange_wait(e, ++lab.asked);
}

static void on_gone(void *context, uint32_t client)
{
	(void)context, (void)client;
	lab.gone++;
}

static void on_taken(void *context, uint32_t id, size_t bytes)
{
	(void)context;
	assert_true(id <= lab.asked);
	lab.taken += bytes;
}

static const struct server_kind kind = {.reading = 32,
	.asked = 32,
	.sending = 32,
	.streaming = 4,
	.held = HELD,
	.take = take,
	.gone = on_gone,
	.taken = on_taken};

static int setup(void **state)
{
	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.base = event_base_new();
	lab.server = server_new(lab.base, &kind, NULL, NULL);
	return lab.server ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	server_free(lab.server);
	event_base_free(lab.base);
	return 0;
}

static int connects(uint32_t client, const char *request)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	server_add(lab.server, pair[1], client, 0, NULL);
	assert_int_equal(send(pair[0], request, strlen(request), MSG_NOSIGNAL), strlen(request));
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
	return pair[0];
}

static int asks(uint32_t client)
{
	return connects(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void is_told(uint32_t id, size_t len)
{
	char *part = malloc(len / PARTS);

	assert_non_null(part);
	memset(part, 'a', len / PARTS);
	for (int i = 0; i < PARTS; i++)
		(void)server_answer(lab.server, id, part, len / PARTS, i + 1 == PARTS ? &ok : NULL);
	free(part);
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
}

/* Reads until the end and closes; bytes, and the first of them. */
static size_t reads(int fd, char start[64])
{
	static char buffer[1 << 16];
	size_t all = 0;

	memset(start, 0, 64);
	for (int i = 0; i < 5000; i++) {
		ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

		if (!n || (n < 0 && errno != EAGAIN))
			break;
		if (n < 0) {
			event_base_loop(lab.base, EVLOOP_NONBLOCK);
			usleep(500);
			continue;
		}
		if (all < 63)
			memcpy(start + all, buffer, (size_t)n < 63 - all ? (size_t)n : 63 - all);
		all += (size_t)n;
	}
	close(fd);
	return all;
}

static void the_oldest_that_is_not_read_gives_way(void **state)
{
	char start[64];
	int fds[10];

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		fds[i] = asks(i + 1);
		is_told(i + 1, LONG);
	}
	assert_true(reads(fds[9], start) > LONG);
	assert_memory_equal(start, "HTTP/1.1 200 OK\r\n", 17);
	assert_true(reads(fds[8], start) > LONG);
	for (int i = 0; i < 7; i++)
		assert_true(reads(fds[i], start) < LONG);
	close(fds[7]);
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
	assert_int_equal(lab.gone, 10);
}

static void one_that_has_no_room_at_all_is_refused(void **state)
{
	char start[64];
	int fd = asks(1);

	(void)state;
	is_told(1, HELD + PARTS);
	assert_true(reads(fd, start) < 1024);
	assert_memory_equal(start, "HTTP/1.1 503 ", 13);
	fd = asks(2);
	is_told(2, HELD);
	assert_true(reads(fd, start) > HELD);
}

/* Who has not said what he wants. Whoever has is answered. */
static void one_that_gives_way_ends(void **state)
{
	char start[64];
	int half = connects(1, "GET / HT"), whole = asks(2);

	(void)state;
	server_end(lab.server, 1);
	server_end(lab.server, 2);
	server_end(lab.server, 3);
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
	assert_int_equal(lab.gone, 1);
	assert_int_equal(reads(half, start), 0);
	is_told(1, 1024);
	assert_true(reads(whole, start) > 1024);
}

/* What has come by now. */
static const char *has_come(int fd)
{
	static char text[4096];
	size_t n = 0;

	for (int i = 0; i < 20; i++) {
		ssize_t more = recv(fd, text + n, sizeof(text) - 1 - n, 0);

		n += more > 0 ? (size_t)more : 0;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	}
	text[n] = '\0';
	return text;
}

static const struct server_answer events = {.status = 200, .type = "text/event-stream"};

/* Each part at once; it may last for as long as it likes, and ends when it is said to. */
static void a_stream_goes_as_it_comes(void **state)
{
	int fd = asks(1), other;
	char start[64];

	(void)state;
	assert_true(server_stream(lab.server, 1, "one\n", 4, &events, false));
	assert_non_null(strstr(has_come(fd), "one\n"));
	assert_int_equal(lab.taken, 4);
	assert_string_equal(has_come(fd), "");
	assert_true(server_stream(lab.server, 1, "two\n", 4, &events, false));
	assert_true(server_stream(lab.server, 1, "three\n", 6, &events, false));
	assert_non_null(strstr(has_come(fd), "three\n"));
	assert_int_equal(lab.taken, 14);
	/* It is in nobody's way. */
	other = asks(2);
	is_told(2, LONG);
	assert_true(reads(other, start) > LONG);
	assert_int_equal(lab.gone, 1);
	assert_true(server_stream(lab.server, 1, "end\n", 4, &events, true));
	assert_false(server_stream(lab.server, 1, "more\n", 5, &events, false));
	assert_true(reads(fd, start) > 4);
	assert_int_equal(lab.gone, 2);
}

static void who_reads_a_stream_may_leave(void **state)
{
	int fd = asks(1);

	(void)state;
	assert_true(server_stream(lab.server, 1, "one\n", 4, &events, false));
	has_come(fd);
	close(fd);
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
	(void)server_stream(lab.server, 1, "two\n", 4, &events, false);
	for (int i = 0; i < 10; i++)
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
	assert_int_equal(lab.gone, 1);
	assert_false(server_stream(lab.server, 1, "three\n", 6, &events, false));
	/* One that nobody ends, and one that is not read, end with the server. */
	fd = asks(2);
	assert_true(server_stream(lab.server, 2, "one\n", 4, &events, false));
	close(asks(3));
	has_come(fd);
	close(fd);
}

static void too_many_requests_come_with_a_time(void **state)
{
	static const struct server_answer many = {.status = 429, .type = "text/plain"};
	int fd = asks(1);
	char text[1024] = "";
	ssize_t n;

	(void)state;
	assert_true(server_answer(lab.server, lab.asked, "x", 1, &many));
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
	n = recv(fd, text, sizeof(text) - 1, 0);
	close(fd);
	assert_true(n > 0);
	assert_non_null(strstr(text, "HTTP/1.1 429 "));
	assert_non_null(strstr(text, "\r\nRetry-After: 10\r\n"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_that_is_not_read_gives_way),
		TEST(one_that_has_no_room_at_all_is_refused),
		TEST(one_that_gives_way_ends),
		TEST(a_stream_goes_as_it_comes),
		TEST(who_reads_a_stream_may_leave),
		TEST(too_many_requests_come_with_a_time),
	};

	return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
