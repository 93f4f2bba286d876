/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The api process, with the system calls that it has left, and this test as its hub: what clients send comes as a
 * request, what hub answers goes out as HTTP, and none of them keeps it from the others. Needs root.
 */
#include "base/clock.h"
#include "ipc/imsg.h"
#include "ipc/msg_api.h"
#include "ipc/problem.h"
#include "ipc/privsep.h"
#include "proc/api/http.h"
#include "proc/api/server.h"
#include "proc/roles.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define CRLF      "\r\n"
#define HOST      " HTTP/1.1" CRLF "Host: localhost" CRLF
#define GET(path) "GET " path HOST CRLF
#define DOCUMENT  "{\"sites\":[]}"

static struct {
	struct event_base *base;
	struct imsg_channel *api;
	pid_t pid;
	struct sockaddr_in metrics;
	bool ready, ended;
	unsigned int requests, gone;
	struct imsg_api_request last;
	uint32_t number, last_gone, asker;
} lab;

static void on_message(void *context, const struct imsg *m)
{
	(void)context;
	if (m->type == IMSG_READY)
		lab.ready = true;
	if (m->type == IMSG_API_REQUEST) {
		assert_int_equal(m->len, sizeof(lab.last));
		memcpy(&lab.last, m->payload, sizeof(lab.last));
		lab.requests++;
	}
	if (m->type == IMSG_API_GONE) {
		lab.last_gone = ((const struct imsg_api_client *)m->payload)->number;
		lab.gone++;
	}
}

static void on_end(void *context)
{
	(void)context;
	lab.ended = true;
}

static bool turn_until(const bool *what, unsigned int least, const unsigned int *count)
{
	uint64_t begun = clock_now();

	while (clock_now() - begun < 20 * CLOCK_SECOND && !lab.ended) {
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		if (what ? *what : *count >= least)
			return true;
		usleep(2000);
	}
	return false;
}

/* An empty root, as hub makes one; nobody else sees it. */
static void be_api(int fd)
{
	if (unshare(CLONE_NEWNS) || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("tmpfs", "/run", "tmpfs", 0, NULL) || mkdir("/run/sluice", 0755) ||
		mkdir("/run/sluice/empty", 0755))
		_exit(71);
	_exit(proc_api_run(fd));
}

static int setup(void **state)
{
	int pair[2], listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(lab.metrics);

	(void)state;
	memset(&lab, 0, sizeof(lab));
	lab.metrics = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(listener, (struct sockaddr *)&lab.metrics, len), 0);
	assert_int_equal(listen(listener, 16), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&lab.metrics, &len), 0);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	lab.pid = fork();
	if (!lab.pid) {
		close(pair[0]);
		close(listener);
		be_api(pair[1]);
	}
	close(pair[1]);
	lab.base = event_base_new();
	lab.api = imsg_channel_new(lab.base, pair[0], on_message, on_end, NULL);
	imsg_send(lab.api, IMSG_API_HTTP, listener, NULL, 0);
	imsg_send(lab.api, IMSG_START, -1, NULL, 0);
	return turn_until(&lab.ready, 0, NULL) ? 0 : -1;
}

/* It is still there, and ends when it is told to. */
static int teardown(void **state)
{
	int status = -1;

	(void)state;
	imsg_send(lab.api, IMSG_SHUTDOWN, -1, NULL, 0);
	(void)turn_until(&lab.ended, 0, NULL);
	assert_int_equal(waitpid(lab.pid, &status, 0), lab.pid);
	imsg_channel_free(lab.api);
	event_base_free(lab.base);
	if (status)
		print_error("api ended with status %#x\n", (unsigned int)status);
	return status ? -1 : 0;
}

static int connects(const char *request, size_t len)
{
	const struct imsg_api_client m = {.number = ++lab.number, .asker = lab.asker};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	imsg_send(lab.api, IMSG_API_CLIENT, pair[1], &m, sizeof(m));
	event_base_loop(lab.base, EVLOOP_NONBLOCK);
	assert_int_equal(send(pair[0], request, len, MSG_NOSIGNAL), len);
	return pair[0];
}

static void answers(unsigned int status, const char *text)
{
	const struct imsg_api_reply reply = {.id = lab.last.id,
		.len = (uint32_t)strlen(text),
		.status = status,
		.metrics = lab.last.verb == API_METRICS,
		.last = true};

	imsg_send_bytes(lab.api, IMSG_API_REPLY, &reply, sizeof(reply), text, strlen(text));
}

/* Closes; what was said until the other end closed. */
static const char *said_to(int fd)
{
	static char text[8192];
	size_t n = 0;

	for (int i = 0; i < 5000; i++) {
		ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, MSG_DONTWAIT);

		if (!got || (got < 0 && errno != EAGAIN))
			break;
		n += got > 0 ? (size_t)got : 0;
		event_base_loop(lab.base, EVLOOP_NONBLOCK);
		usleep(2000);
	}
	close(fd);
	text[n] = '\0';
	return text;
}

static void says(const char *said, const char *status, const char *part)
{
	if (strncmp(said, status, strlen(status)) || !strstr(said, part))
		fail_msg("not \"%s\" and \"%s\" but \"%s\"", status, part, said);
}

static void a_request_is_asked_and_answered(void **state)
{
	static const char post[] = "POST /v1/sites/a/tunnels/1/rekey" HOST
				   "Content-Length: 12" CRLF CRLF "{\"ike\":true}";
	int fd = connects(GET("/v1/sites?site=a"), strlen(GET("/v1/sites?site=a")));
	const char *said;

	(void)state;
	assert_true(turn_until(NULL, 1, &lab.requests));
	assert_int_equal(lab.last.verb, API_SHOW_SITES);
	assert_int_equal(lab.last.client, 1);
	assert_string_equal(lab.last.site, "a");
	answers(200, DOCUMENT);
	said = said_to(fd);
	says(said, "HTTP/1.1 200 OK", "\r\nContent-Type: application/json\r\n");
	says(said, "HTTP/1.1 200 OK", "\r\n\r\n" DOCUMENT);
	assert_true(turn_until(NULL, 1, &lab.gone));
	assert_int_equal(lab.last_gone, 1);

	fd = connects(post, strlen(post));
	assert_true(turn_until(NULL, 2, &lab.requests));
	assert_int_equal(lab.last.verb, API_REKEY);
	assert_int_equal(lab.last.tunnel, 1);
	assert_true(lab.last.ike);
	answers(409, "{\"code\":\"refused\"}");
	said = said_to(fd);
	says(said, "HTTP/1.1 409 Conflict", "\r\nContent-Type: application/problem+json\r\n");

	fd = connects(GET("/v1/metrics"), strlen(GET("/v1/metrics")));
	assert_true(turn_until(NULL, 3, &lab.requests));
	assert_int_equal(lab.last.client, 3);
	answers(200, "a 1\n");
	says(said_to(fd), "HTTP/1.1 200 OK", "\r\nContent-Type: " HTTP_METRICS "\r\n");
}

static void what_is_not_understood_is_refused(void **state)
{
	static const struct {
		const char *request, *status, *part;
	} rows[] = {
		{GET("/v1/nonsense"), "HTTP/1.1 404 Not Found", "\"code\":\"no-such-path\""},
		{GET("/v1/apply"), "HTTP/1.1 405 Method Not Allowed", "\r\nAllow: POST\r\n"},
		{GET("/v1/sites?x=1"), "HTTP/1.1 400 Bad Request", "application/problem+json"},
		{"POST /v1/apply" HOST "Content-Length: 2" CRLF CRLF "[]", "HTTP/1.1 400 ", "JSON"},
		{"POST /v1/apply" HOST "Content-Length: 262145" CRLF CRLF, "HTTP/1.1 413 ",
			"too-long"},
		{"GET /v1/sites SMTP" CRLF CRLF, "HTTP/1.", " 400 "},
		{"DELETE /v1/sites/a" HOST "If-Match: \"3\"" CRLF "If-Match: \"4\"" CRLF CRLF,
			"HTTP/1.1 400 ", "application/problem+json"},
		{"DELETE /v1/sites/a" HOST "if-match: *" CRLF "If-match: *" CRLF CRLF,
			"HTTP/1.1 400 ", "If-Match may be there once"},
		{"GET /v1/sites" HOST "Authorization: Bearer x" CRLF
		 "Authorization: Bearer y" CRLF CRLF,
			"HTTP/1.1 400 ", "Authorization"},
		{"DELETE /v1/sites/a" HOST "If-Match: W/\"3\"" CRLF CRLF, "HTTP/1.1 412 ",
			"\"code\":\"changed\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		says(said_to(connects(rows[i].request, strlen(rows[i].request))), rows[i].status,
			rows[i].part);
	assert_int_equal(lab.requests, 0);
}

/* 256 KiB are read, and one byte more is not, also where the head does not say how many come. */
static void a_body_has_its_limit(void **state)
{
	static const char head[] = "POST /v1/apply" HOST "Transfer-Encoding: chunked" CRLF CRLF;

	(void)state;
	for (unsigned int over = 0; over < 2; over++) {
		char *request = malloc(sizeof(head) + API_BODY_MAX + 64);
		size_t n = (size_t)sprintf(request, "%s%x" CRLF, head, API_BODY_MAX + over);

		memset(request + n, ' ', API_BODY_MAX + over);
		memcpy(request + n, "{}", 2);
		n += API_BODY_MAX + over;
		n += (size_t)sprintf(request + n, CRLF "0" CRLF CRLF);

		int fd = connects(request, n);

		if (!over) {
			assert_true(turn_until(NULL, 1, &lab.requests));
			assert_int_equal(lab.last.verb, API_APPLY);
			answers(200, "{\"ok\":\"done\"}");
		}
		says(said_to(fd), over ? "HTTP/1.1 413 " : "HTTP/1.1 200 ", "");
		free(request);
	}
}

/* Many sites are more than that, and one such request of each user is read at a time. */
static void an_import_may_be_long(void **state)
{
	enum {
		LEN = 600 << 10
	}; /* so much does not fit into sockets: who has sent it is being read */
	static const char head[] = "POST /v1/import" HOST "Content-Length: %u" CRLF CRLF;
	char *request = malloc(LEN + sizeof(head) + 16);
	size_t n = (size_t)sprintf(request, head, LEN);
	int fd, other, idle, more[API_IMPORTS_MAX];

	(void)state;
	memset(request + n, ' ', LEN);
	memcpy(request + n, "{\"sites\":[{\"site\":\"a\"}]}", 24);
	/* A head, and as much as is of any request, keep nobody from it. */
	idle = connects(request, n + 1000);
	/* Without its last byte it is not whole. */
	fd = connects(request, n + LEN - 1);
	other = connects(request, n);
	says(said_to(other), "HTTP/1.1 503 ", "try again");
	/* Another user has a place of its own; the last one is for root. */
	for (lab.asker = 1; lab.asker < API_IMPORTS_MAX; lab.asker++)
		more[lab.asker] = connects(request, n + LEN - 1);
	says(said_to(connects(request, n)), "HTTP/1.1 503 ", "try again");
	lab.asker = 0;
	close(idle);
	assert_int_equal(write(fd, " ", 1), 1);
	assert_true(turn_until(NULL, 1, &lab.requests));
	assert_int_equal(lab.last.verb, API_SITE_IMPORT);
	answers(200, "{\"ok\":\"done\"}");
	says(said_to(fd), "HTTP/1.1 200 ", "");
	n = (size_t)sprintf(request, head, API_IMPORT_MAX + 1);
	says(said_to(connects(request, n)), "HTTP/1.1 413 ", "");
	for (int i = 1; i < API_IMPORTS_MAX; i++)
		close(more[i]);
	free(request);
}

/* Its answer comes when it is gone: that ends nothing but it. */
static void a_client_may_leave(void **state)
{
	int fd = connects(GET("/v1/sites"), strlen(GET("/v1/sites")));

	(void)state;
	assert_true(turn_until(NULL, 1, &lab.requests));
	close(fd);
	answers(200, DOCUMENT);
	assert_true(turn_until(NULL, 1, &lab.gone));
	fd = connects("GET /v1/si", 10);
	close(fd);
	assert_true(turn_until(NULL, 2, &lab.gone));
	answers(200, DOCUMENT); /* to nobody */
	fd = connects(GET("/v1/sites"), strlen(GET("/v1/sites")));
	assert_true(turn_until(NULL, 2, &lab.requests));
	answers(200, DOCUMENT);
	says(said_to(fd), "HTTP/1.1 200 OK", DOCUMENT);
}

/* A byte now and then is no reason to wait for ever; meanwhile others are served. */
static void a_request_that_drips_ends(void **state)
{
	uint64_t begun = clock_now();
	int fd = connects("GET /v1/", 8), other;

	(void)state;
	other = connects(GET("/v1/sites"), strlen(GET("/v1/sites")));
	assert_true(turn_until(NULL, 1, &lab.requests));
	answers(200, DOCUMENT);
	says(said_to(other), "HTTP/1.1 200 OK", DOCUMENT);
	while (send(fd, "x", 1, MSG_NOSIGNAL) == 1 && clock_now() - begun < 15 * CLOCK_SECOND)
		usleep(100000);
	/* The loop's clock is that of its turn, which began before. */
	assert_in_range(
		(clock_now() - begun) / CLOCK_SECOND, SERVER_REQUEST_S - 1, SERVER_REQUEST_S + 3);
	close(fd);
}

static void metrics_have_a_port(void **state)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	static const char get[] = GET("/metrics");

	(void)state;
	assert_int_equal(connect(fd, (struct sockaddr *)&lab.metrics, sizeof(lab.metrics)), 0);
	assert_int_equal(send(fd, get, strlen(get), MSG_NOSIGNAL), strlen(get));
	assert_true(turn_until(NULL, 1, &lab.requests));
	assert_int_equal(lab.last.verb, API_METRICS);
	assert_int_equal(lab.last.client, 0);
	answers(200, "a 1\n");
	says(said_to(fd), "HTTP/1.1 200 OK", "\r\n\r\na 1\n");
}

static int listens(struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

/* While it runs, another port, and then none. */
static void metrics_get_another_port(void **state)
{
	struct sockaddr_in before = lab.metrics;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	imsg_send(lab.api, IMSG_API_HTTP, listens(&lab.metrics), NULL, 0);
	metrics_have_a_port(state);
	assert_int_equal(connect(fd, (struct sockaddr *)&before, sizeof(before)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	imsg_send(lab.api, IMSG_API_HTTP, -1, NULL, 0);
	/* One that is under way when the port is closed is reset. */
	for (int i = 0; i < 100 && (!connect(fd, (struct sockaddr *)&lab.metrics, sizeof(before)) ||
					   errno == ECONNRESET);
		i++) {
		close(fd);
		usleep(20000);
		(void)event_base_loop(lab.base, EVLOOP_NONBLOCK);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_asked_and_answered),
		TEST(what_is_not_understood_is_refused),
		TEST(a_body_has_its_limit),
		TEST(an_import_may_be_long),
		TEST(a_client_may_leave),
		TEST(a_request_that_drips_ends),
		TEST(metrics_have_a_port),
		TEST(metrics_get_another_port),
	};
	char missing[32];

	if (geteuid() || !privsep_users_exist(missing)) {
		puts("the api process gives up rights that only root has");
		return 77;
	}
	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
