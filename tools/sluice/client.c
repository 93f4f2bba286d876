/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_WITHIN_S = 30 };

static enum client_status no_daemon(const char *path, int error)
{
	if (error == EACCES || error == EPERM)
		fprintf(stderr,
			"sluice: %s: you may not ask sluiced; root may, and who is in the "
			"group that owns the socket\n",
			path);
	else
		fprintf(stderr, "sluice: sluiced is not running (%s: %s)\n", path, strerror(error));
	return CLIENT_NO_DAEMON;
}

static int open_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval timeout = {.tv_sec = ANSWER_WITHIN_S};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	return fd;
}

static bool send_request(int fd, const struct client_request *request)
{
	json_t *o = json_pack("{s:s}", "verb", request->verb);
	char *line;
	size_t len, sent = 0;

	if (request->prefix)
		json_object_set_new(o, "prefix", json_string(request->prefix));
	if (request->site)
		json_object_set_new(o, "site", json_string(request->site));
	if (request->tunnel >= 0)
		json_object_set_new(o, "tunnel", json_integer(request->tunnel));
	if (request->since_s)
		json_object_set_new(o, "since_s", json_integer(request->since_s));
	if (request->revisions[0]) {
		json_t *list = json_array();

		for (int i = 0; i < 2 && request->revisions[i]; i++)
			json_array_append_new(list, json_integer(request->revisions[i]));
		json_object_set_new(o, "revisions", list);
	}
	if (request->confirm_s)
		json_object_set_new(o, "confirm_s", json_integer(request->confirm_s));
	if (request->ike)
		json_object_set_new(o, "ike", json_true());
	if (request->next_start)
		json_object_set_new(o, "next_start", json_true());
	if (request->force)
		json_object_set_new(o, "force", json_true());
	line = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	if (!line)
		return false;
	len = strlen(line);
	line[len++] = '\n'; /* in place of the NUL: it is not a string any more */
	while (sent < len) {
		ssize_t n = send(fd, line + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	free(line);
	return sent == len;
}

/* Everything up to the end of the stream, malloc'ed; NULL with errno set. */
static char *read_reply(int fd, size_t *len)
{
	size_t size = 65536;
	char *text = malloc(size);

	*len = 0;
	while (text) {
		ssize_t n = recv(fd, text + *len, size - *len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return text;
		if (n < 0)
			break;
		*len += (size_t)n;
		if (*len < size)
			continue;
		if (size >= CLIENT_REPLY_MAX) {
			errno = EFBIG;
			break;
		}

		char *bigger = realloc(text, size *= 2);

		if (!bigger)
			break;
		text = bigger;
	}
	free(text);
	return NULL;
}

/* What the daemon has warned of while it did what was asked, or refused it. */
static void print_warnings(const json_t *o)
{
	const json_t *text;
	size_t i;

	if (!json_object_get(o, "ok") && !json_object_get(o, "error"))
		return; /* a document that has them for itself */
	json_array_foreach(json_object_get(o, "warnings"), i, text)
		fprintf(stderr, "sluice: warning: %s\n", json_string_value(text));
}

static enum client_status understand(const char *text, size_t len, json_t **reply)
{
	json_error_t error;
	json_t *o = json_loadb(text, len, 0, &error);
	const char *refusal = json_string_value(json_object_get(o, "error"));

	if (!len) {
		fprintf(stderr, "sluice: sluiced does not answer; its log may say why\n");
		return CLIENT_NO_DAEMON;
	}
	if (!json_is_object(o)) {
		fprintf(stderr, "sluice: the answer of sluiced is not understood: %s\n",
			error.text);
		json_decref(o);
		return CLIENT_REFUSED;
	}
	print_warnings(o);
	if (refusal) {
		fprintf(stderr, "sluice: %s\n", refusal);
		json_decref(o);
		return CLIENT_REFUSED;
	}
	*reply = o;
	return CLIENT_OK;
}

enum client_status client_ask(
	const char *socket_path, const struct client_request *request, json_t **reply)
{
	int fd = open_socket(socket_path);
	enum client_status status;
	char *text = NULL;
	size_t len = 0;

	*reply = NULL;
	if (fd < 0)
		return no_daemon(socket_path, errno);
	if (send_request(fd, request))
		text = read_reply(fd, &len);
	if (text) {
		status = understand(text, len, reply);
	} else {
		fprintf(stderr, "sluice: no answer from sluiced: %s\n", strerror(errno));
		status = CLIENT_NO_DAEMON;
	}
	free(text);
	close(fd);
	return status;
}
