/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon for tests of the command: listens on a control socket, prints every request, and answers with the
 * documents of tests/golden, which the daemon's own code has made. Reports grow: the one number n has n times the
 * counts of the file, n seconds after the first. Some site names make it answer badly. A stream of events is silent once
 * it has begun, and open for ever, for the site store-2; others fail at once.
 * usage: fake_control SOCKET DIRECTORY
 */
#include "ipc/verbs.h"
#include "proc/api/request.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char *directory;

/* Every count below `o` becomes `turn` times as much. */
static void grow(json_t *o, json_int_t turn)
{
	const char *name;
	json_t *value;
	size_t i;

	json_array_foreach(o, i, value)
		grow(value, turn);
	json_object_foreach(o, name, value) {
		if (json_is_integer(value) && (!strcmp(name, "packets") || !strcmp(name, "bytes")))
			json_integer_set(value, turn * json_integer_value(value));
		else
			grow(value, turn);
	}
}

/* The document of a file, or NULL. */
static json_t *document_of(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.json", directory, name);
	return json_load_file(path, 0, NULL);
}

static json_t *report(void)
{
	static json_int_t turn;
	json_t *o = document_of("report");

	turn++;
	grow(o, turn);
	json_object_set_new(o, "timestamp_ns", json_integer(turn * 1000000000LL));
	return o;
}

struct answer {
	unsigned int status;
	char *text; /* NULL: nothing is said at all */
};

static struct answer refusal(enum problem problem, const char *why, const char *warning)
{
	json_t *o = problem_json(problem, why);
	struct answer a = {.status = problems[problem].status};

	if (warning)
		json_object_set_new(o, "warnings", json_pack("[s]", warning));
	a.text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return a;
}

static struct answer answer_to(const struct imsg_api_request *r)
{
	struct answer a = {.status = 200};
	char name[VERB_NAME_SIZE];
	json_t *o;

	if (!strcmp(r->site, "nope"))
		return refusal(PROBLEM_NO_SUCH_SITE, "there is no site 'nope'", NULL);
	if (!strcmp(r->site, "warned"))
		return refusal(PROBLEM_REFUSED, "no", "a key can be read by others");
	if (!strcmp(r->site, "garbage"))
		return (struct answer){500, strdup("<html>")};
	if (!strcmp(r->site, "silent"))
		return (struct answer){0};
	if (r->verb == API_METRICS)
		return (struct answer){200, strdup("a 1\n")};
	if (r->verb == API_REPORT)
		o = r->since_s ? document_of("report-since") : report();
	else if (r->fail[0])
		o = document_of(strcmp(r->fail, "hub") ? "plan-fail" : "plan-fail-hub");
	else
		o = document_of(verb_name(&verbs[r->verb], name));
	a.text = o ? json_dumps(o, JSON_COMPACT) : strdup("{\"ok\":\"asked\"}");
	json_decref(o);
	return a;
}

/* "GET /v1/sites HTTP/1.1": prints method, target and body, and answers as the daemon's own parser understands them. */
static struct answer answer(char *head, const char *body)
{
	char *target = strchr(head, ' '), *end = target ? strchr(target + 1, ' ') : NULL;
	struct imsg_api_request request;
	struct request_refusal why;
	struct rows rows;

	if (!end)
		return refusal(PROBLEM_BAD_REQUEST, "that is no HTTP", NULL);
	*target++ = *end = '\0';
	printf("%s %s%s%s\n", head, target, *body ? " " : "", body);
	fflush(stdout);
	if (!request_read(head, target, body, strlen(body), &request, &rows, &why))
		return refusal(why.problem, why.detail, NULL);
	return answer_to(&request);
}

/* Bytes of the body that the head says there is. */
static size_t body_len(const char *head)
{
	const char *length = strcasestr(head, "\r\nContent-Length:");

	return length ? strtoul(length + 17, NULL, 10) : 0;
}

/* False: it ends. */
static bool stream(int fd, char *head)
{
	bool silent = strstr(head, "/store-2/");

	printf("stream of %s\n", silent ? "store-2" : "all");
	fflush(stdout);
	head = silent ? "HTTP/1.1 200 -\r\n\r\n:\n\n"
		      : "HTTP/1.1 200 -\r\n\r\nevent: failed\n"
			"data: {\"detail\":\"events cannot be read\"}\n\n";
	(void)send(fd, head, strlen(head), MSG_NOSIGNAL);
	return silent;
}

/* Answers in small pieces: the command must put them together. False: it is over. */
static bool serve(int fd)
{
	enum { PIECE = 700 };
	char request[4096], head[128];
	const char *body = NULL;
	size_t len = 0, left;
	struct answer a;
	ssize_t n;

	while (!body || strlen(body) < body_len(request)) {
		n = read(fd, request + len, sizeof(request) - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		request[len] = '\0';
		body = strstr(request, "\r\n\r\n");
		body = body ? body + 4 : NULL;
	}
	if (strstr(request, "text/event-stream"))
		return stream(fd, request);
	a = answer(request, body);
	if (!a.text)
		return false;
	left = strlen(a.text);
	snprintf(
		head, sizeof(head), "HTTP/1.1 %u -\r\nContent-Length: %zu\r\n\r\n", a.status, left);
	(void)send(fd, head, strlen(head), MSG_NOSIGNAL);
	for (size_t at = 0; left; at += (size_t)n, left -= (size_t)n) {
		n = send(fd, a.text + at, left < PIECE ? left : PIECE, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	free(a.text);
	return false;
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	directory = argv[2];
	strcpy(address.sun_path, argv[1]);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8)) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			return 1;
		if (!serve(client))
			close(client);
	}
}
