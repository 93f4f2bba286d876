/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A daemon for tests of the command: listens on a control socket, prints every request, and answers with the
 * documents of tests/golden, which the daemon's own code has made. Reports grow: the one number n has n times the
 * counts of the file, n seconds after the first. Some site names make it answer badly.
 * usage: fake_control SOCKET DIRECTORY
 */
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

static char *answer(const json_t *request)
{
	const char *verb = json_string_value(json_object_get(request, "verb"));
	const char *site = json_string_value(json_object_get(request, "site"));
	json_t *o;
	char *text;

	if (!verb)
		return strdup("{\"error\":\"no verb\"}");
	if (site && !strcmp(site, "nope"))
		return strdup("{\"error\":\"there is no site 'nope'\"}");
	if (site && !strcmp(site, "warned"))
		return strdup("{\"error\":\"no\",\"warnings\":[\"a key can be read by others\"]}");
	if (site && !strcmp(site, "garbage"))
		return strdup("<html>");
	if (site && !strcmp(site, "silent"))
		return strdup("");
	if (!strcmp(verb, "report"))
		o = json_object_get(request, "since_s") ? document_of("report-since") : report();
	else
		o = document_of(verb);
	text = o ? json_dumps(o, JSON_COMPACT) : strdup("{\"ok\":\"asked\"}");
	json_decref(o);
	return text;
}

/* Answers in small pieces: the command must put them together. */
static void serve(int fd)
{
	enum { PIECE = 700 };
	char line[1024];
	size_t len = 0;
	ssize_t n;
	json_t *request;
	char *text;

	while (len < sizeof(line) - 1 && !memchr(line, '\n', len)) {
		n = read(fd, line + len, sizeof(line) - 1 - len);
		if (n <= 0)
			return;
		len += (size_t)n;
	}
	line[len] = '\0';
	printf("%s", line);
	fflush(stdout);
	request = json_loads(line, 0, NULL);
	text = answer(request);
	json_decref(request);
	for (size_t at = 0, left = strlen(text); left; at += (size_t)n, left -= (size_t)n) {
		n = send(fd, text + at, left < PIECE ? left : PIECE, MSG_NOSIGNAL);
		if (n <= 0)
			break;
	}
	free(text);
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
		serve(client);
		close(client);
	}
}
