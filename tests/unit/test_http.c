/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics over HTTP: what is asked rightly is answered, and whoever does not go on keeps nobody from it. */
#include "proc/api/http.h"

#include "base/clock.h"
#include "ipc/msg_api.h"
#include "proc/api/server.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define REST " HTTP/1.1\r\nHost: hub\r\n\r\n"
#define ASK  "GET /metrics" REST
#define HALF "GET /metrics HTTP/1.1\r\nHost: "
#define BODY "a 1\nb 2\n"

static struct {
	struct event_base *base;
	struct http *http;
	struct sockaddr_in at;
	uint32_t asked; /* the last number */
	bool later;     /* the answer does not come by itself */
} lab;

static uint32_t on_ask(void *context)
{
	(void)context;
	return ++lab.asked;
}

static int setup(void **state)
{
	socklen_t len = sizeof(lab.at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.at = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)&lab.at, sizeof(lab.at)), 0);
	assert_int_equal(listen(fd, 128), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&lab.at, &len), 0);
	lab.base = event_base_new();
	lab.http = http_new(lab.base, on_ask, NULL);
	http_listen(lab.http, fd);
	return lab.http ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	http_free(lab.http);
	event_base_free(lab.base);
	return 0;
}

static void turn(void)
{
	for (int i = 0; i < 3; i++) {
		uint32_t asked = lab.asked;

		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		while (!lab.later && lab.asked > 0 &&
			http_answer(lab.http, lab.asked, BODY, strlen(BODY), true))
			;
		if (asked != lab.asked)
			i = 0;
	}
}

static int connects(const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&lab.at, sizeof(lab.at)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	turn();
	return fd;
}

/* Closes; what was said until the other end closed. */
static const char *said_to(int fd)
{
	static char text[4096];
	size_t n = 0;

	for (int i = 0; i < 1000; i++) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);

		if (!got || (got < 0 && errno != EAGAIN))
			break;
		n += got > 0 ? (size_t)got : 0;
		turn();
		usleep(1000);
	}
	close(fd);
	text[n] = '\0';
	return text;
}

static bool has_ended(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	return !n || (n < 0 && errno != EAGAIN);
}

static void each_request_has_its_answer(void **state)
{
	static const struct {
		const char *request, *answer, *part;
	} rows[] = {
		{ASK, "HTTP/1.1 200 OK\r\n", "\r\nContent-Type: text/plain; version=0.0.4\r\n"},
		{ASK, "HTTP/1.1 200 OK\r\n", "\r\nContent-Length: 8\r\n"},
		{ASK, "HTTP/1.1 200 OK\r\n", "\r\nConnection: close\r\n"},
		{ASK, "HTTP/1.1 200 OK\r\n", "\r\n\r\n" BODY},
		{"GET /metrics?x=1 HTTP/1.0\r\n\r\n", "HTTP/1.", " 200 OK\r\n"},
		{"GET http://hub:9469/metrics" REST, "HTTP/1.1 200 OK\r\n", BODY},
		{"GET http://hub" REST, "HTTP/1.1 404 ", ""},
		{"GET /" REST, "HTTP/1.1 404 Not Found\r\n", "\"code\":\"no-such-path\""},
		{"GET /metricsx" REST, "HTTP/1.1 404 ", ""},
		{"POST /metrics" REST, "HTTP/1.1 405 Method Not Allowed\r\n", "\r\nAllow: GET\r\n"},
		{"HEAD /metrics" REST, "HTTP/1.1 405 ", "\r\nAllow: GET\r\n"},
		{"GET /metrics\r\n\r\n", "HTTP/1.", " 400 "},
		{"GET /metrics SMTP\r\n\r\n", "HTTP/1.", " 400 "},
		{"POST /metrics HTTP/1.1\r\nHost: hub\r\nContent-Length: 5\r\n\r\nabcde",
			"HTTP/1.1 413 ", ""},
		{"POST /metrics HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
			"HTTP/1.1 413 ", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *said = said_to(connects(rows[i].request));

		if (strncmp(said, rows[i].answer, strlen(rows[i].answer)) != 0 ||
			!strstr(said, rows[i].part))
			fail_msg("%s: %s", rows[i].request, said);
	}
	assert_int_equal(lab.asked, 6);
}

static void a_request_may_come_in_pieces_and_be_too_long(void **state)
{
	int fd = connects("GET /metr");
	char big[SERVER_HEADER_MAX + 1];

	(void)state;
	assert_int_equal(lab.asked, 0);
	assert_int_equal(send(fd, "ics HTTP/1.1\r\nHost: hub\r\n\r", 26, 0), 26);
	turn();
	assert_int_equal(lab.asked, 0);
	assert_int_equal(send(fd, "\n", 1, 0), 1);
	turn();
	assert_int_equal(lab.asked, 1);
	assert_non_null(strstr(said_to(fd), "\r\n\r\n" BODY));
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	memcpy(big, "GET /", 5);
	assert_non_null(strstr(said_to(connects(big)), " 414 "));
	memcpy(big, "GET / HTTP/1.1\r\nA: ", 19);
	assert_non_null(strstr(said_to(connects(big)), " 431 "));
	assert_int_equal(lab.asked, 1);
}

static void half_requests_give_way(void **state)
{
	enum { MANY = HTTP_READING_MAX * 2 };
	static int fds[MANY];
	unsigned int ended = 0;

	(void)state;
	for (int i = 0; i < MANY; i++)
		fds[i] = connects(HALF);
	assert_non_null(strstr(said_to(connects(ASK)), "\r\n\r\n" BODY));
	for (int i = 0; i < MANY; i++)
		ended += has_ended(fds[i]);
	assert_int_equal(ended, MANY - HTTP_READING_MAX + 1);
	assert_true(has_ended(fds[0]));
	assert_false(has_ended(fds[MANY - 1]));
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
}

/* A byte now and then is no reason to wait for ever. */
static void a_request_that_drips_ends(void **state)
{
	uint64_t begun = clock_now();
	int fd = connects(HALF);

	(void)state;
	while (!has_ended(fd) && clock_now() - begun < 2 * SERVER_REQUEST_S * CLOCK_SECOND) {
		(void)send(fd, "x", 1, MSG_NOSIGNAL);
		usleep(100000);
		turn();
	}
	assert_true(has_ended(fd));
	assert_in_range((clock_now() - begun) / CLOCK_MILLISECOND, SERVER_REQUEST_S * 1000 - 100,
		SERVER_REQUEST_S * 1000 + 3000);
	close(fd);
}

static void so_many_are_asked_for_at_a_time(void **state)
{
	int fds[API_HTTP_MAX];

	(void)state;
	lab.later = true;
	for (int i = 0; i < API_HTTP_MAX; i++)
		fds[i] = connects(ASK);
	assert_int_equal(lab.asked, API_HTTP_MAX);
	assert_non_null(strstr(said_to(connects(ASK)), " 503 "));
	assert_int_equal(lab.asked, API_HTTP_MAX);
	assert_false(http_answer(lab.http, 77, BODY, 1, true));
	for (uint32_t i = 0; i < API_HTTP_MAX; i++) {
		assert_true(http_answer(lab.http, i + 1, BODY, 4, false));
		assert_true(http_answer(lab.http, i + 1, &BODY[4], 4, true));
		assert_non_null(strstr(said_to(fds[i]), "\r\n\r\n" BODY));
	}
	assert_false(http_answer(lab.http, 1, BODY, 1, true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_request_has_its_answer),
		TEST(a_request_may_come_in_pieces_and_be_too_long),
		TEST(half_requests_give_way),
		TEST(a_request_that_drips_ends),
		TEST(so_many_are_asked_for_at_a_time),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
