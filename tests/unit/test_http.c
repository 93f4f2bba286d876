/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics over HTTP: what is asked rightly is answered, and whoever does not go on keeps nobody from it. */
#include "proc/api/http.h"

#include "base/clock.h"
#include "ipc/msg_api.h"
#include "proc/api/server.h"

#include <arpa/inet.h>
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

static const struct server_answer ok = {.status = 200, .type = HTTP_METRICS};

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
		if (!lab.later && lab.asked > 0)
			(void)http_answer(lab.http, lab.asked, BODY, strlen(BODY), &ok);
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
	/* Those who ask soon after another get what he got. */
	assert_int_equal(lab.asked, 1);
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

/* Hub is asked once for all who wait, and again when what it has said is old. */
static void they_are_asked_for_once(void **state)
{
	int fds[HTTP_ASKED_MAX];
	uint64_t begun;

	(void)state;
	lab.later = true;
	for (int i = 0; i < HTTP_ASKED_MAX; i++)
		fds[i] = connects(ASK);
	assert_int_equal(lab.asked, 1);
	assert_false(http_answer(lab.http, 77, BODY, 1, &ok));
	assert_true(http_answer(lab.http, 1, BODY, 4, NULL));
	assert_true(http_answer(lab.http, 1, &BODY[4], 4, &ok));
	begun = clock_now();
	/* Of those of one address who do not read, the first have given way to the last. */
	for (int i = 0; i < HTTP_ASKED_MAX; i++) {
		const char *said = said_to(fds[i]);

		if (i >= HTTP_ASKED_MAX - HTTP_SENDING_MAX)
			assert_non_null(strstr(said, "\r\n\r\n" BODY));
	}
	assert_false(http_answer(lab.http, 1, BODY, 1, &ok));
	if (clock_now() - begun < HTTP_YOUNG_MS * CLOCK_MILLISECOND / 2) {
		assert_non_null(strstr(said_to(connects(ASK)), "\r\n\r\n" BODY));
		assert_int_equal(lab.asked, 1);
	}
	usleep((HTTP_YOUNG_MS + 100) * 1000);
	close(connects(ASK));
	assert_int_equal(lab.asked, 2);
}

/* What hub answers instead is no metrics, for those who wait and for nobody after them. */
static void a_refusal_is_a_refusal(void **state)
{
	static const char problem[] = "{\"code\":\"forbidden\"}";
	static const struct server_answer no = {.status = 403, .type = "application/problem+json"};
	const char *said;
	int fd;

	(void)state;
	lab.later = true;
	fd = connects(ASK);
	assert_true(http_answer(lab.http, 1, problem, strlen(problem), &no));
	said = said_to(fd);
	assert_int_equal(strncmp(said, "HTTP/1.1 403 ", 13), 0);
	assert_non_null(strstr(said, "\r\nContent-Type: application/problem+json\r\n"));
	fd = connects(ASK);
	assert_int_equal(lab.asked, 2);
	assert_true(http_answer(lab.http, 2, BODY, strlen(BODY), &ok));
	assert_non_null(strstr(said_to(fd), "HTTP/1.1 200 OK\r\n"));
}

static int connects_from(const char *address, const char *request)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &from.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&lab.at, sizeof(lab.at)), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	turn();
	return fd;
}

/* Whoever takes all places takes them from himself. */
static void one_address_leaves_places_to_others(void **state)
{
	enum { MANY = HTTP_ASKED_MAX * 2 };
	int fds[MANY], other;

	(void)state;
	lab.later = true;
	other = connects_from("127.0.0.2", ASK);
	for (int i = 0; i < MANY; i++)
		fds[i] = connects(ASK);
	assert_false(has_ended(other));
	assert_true(has_ended(fds[0]));
	assert_true(http_answer(lab.http, 1, BODY, strlen(BODY), &ok));
	assert_non_null(strstr(said_to(other), "\r\n\r\n" BODY));
	for (int i = 0; i < MANY; i++)
		close(fds[i]);
}

static void one_is_let_in_at_a_time(void **state)
{
	int fds[20];
	unsigned int ended = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&lab.at, sizeof(lab.at)), 0);
		assert_int_equal(send(fds[i], "x\r\n\r\n", 5, 0), 5);
	}
	/* The library answers each of those that it has with an error. */
	event_base_loop(lab.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	event_base_loop(lab.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	for (int i = 0; i < 20; i++)
		ended += has_ended(fds[i]) || recv(fds[i], (char[1]){0}, 1, MSG_DONTWAIT) > 0;
	assert_in_range(ended, 0, 2);
	turn();
	for (int i = 0; i < 20; i++)
		close(fds[i]);
}

/* The kernel has connected them already when the socket goes. */
static void who_waits_when_the_port_moves_is_answered(void **state)
{
	int fds[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&lab.at, sizeof(lab.at)), 0);
		assert_int_equal(send(fds[i], ASK, strlen(ASK), 0), strlen(ASK));
	}
	http_listen(lab.http, -1);
	for (int i = 0; i < 20; i++)
		assert_non_null(strstr(said_to(fds[i]), "\r\n\r\n" BODY));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_request_has_its_answer),
		TEST(a_request_may_come_in_pieces_and_be_too_long),
		TEST(half_requests_give_way),
		TEST(a_request_that_drips_ends),
		TEST(they_are_asked_for_once),
		TEST(a_refusal_is_a_refusal),
		TEST(one_address_leaves_places_to_others),
		TEST(one_is_let_in_at_a_time),
		TEST(who_waits_when_the_port_moves_is_answered),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
