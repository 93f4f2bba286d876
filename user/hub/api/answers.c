/* SPDX-License-Identifier: Apache-2.0 */
/* How an answer goes back to the api process, in parts that fit a message. */
#include "hub/api/api.h"

#include "base/utf8.h"
#include "config/config.h"
#include "ipc/msg_api.h"
#include "ipc/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_CHUNK (IMSG_MAX_SIZE - 256)

static void send_parts(struct hub *h, struct imsg_api_reply reply, const char *text, bool last)
{
	struct process *api =
		&h->processes[reply.id & API_OF_REMOTE ? PROCESS_REMOTE : PROCESS_API];
	size_t left = strlen(text);

	reply.id &= ~API_OF_REMOTE;

	do {
		size_t n = left < REPLY_CHUNK ? left : REPLY_CHUNK;

		reply.len = (uint32_t)n;
		reply.last = last && n == left;
		if (api->channel)
			imsg_send_bytes(
				api->channel, IMSG_API_REPLY, &reply, sizeof(reply), text, n);
		text += n;
		left -= n;
	} while (left);
}

/* The channel to api takes no more, and api would keep no more. */
static char *shortened(char *own_text, unsigned int *status)
{
	const char *why = own_text ? "the answer is too long; ask for one site"
				   : "the answer cannot be written as JSON";
	json_t *problem;

	if (own_text && strlen(own_text) <= API_ANSWER_MAX)
		return own_text;
	free(own_text);
	problem = problem_json(PROBLEM_FAILED, why);
	*status = problems[PROBLEM_FAILED].status;
	own_text = json_dumps(problem, JSON_COMPACT);
	json_decref(problem);
	return own_text;
}

void status_reply_metrics(struct hub *h, uint32_t id, const char *text)
{
	send_parts(
		h, (struct imsg_api_reply){.id = id, .status = 200, .metrics = true}, text, true);
}

void status_reply_stream(struct hub *h, uint32_t id, const char *text, bool last)
{
	send_parts(h, (struct imsg_api_reply){.id = id, .status = 200, .stream = true}, text, last);
}

/* Whoever reads what a child has said last must know that it says nothing now. */
static void add_silent(const struct hub *h, json_t *document)
{
	json_t *silent = json_object();

	for (int i = 0; i < PROCESS_ROLES; i++) {
		unsigned int s = process_silent_s(&h->processes[i]);

		if (s)
			json_object_set_new(silent, process_names[i], json_integer(s));
	}
	if (json_object_size(silent))
		json_object_set(document, "silent", silent);
	json_decref(silent);
}

void status_reply(struct hub *h, uint32_t id, json_t *own_document)
{
	hub_audit_end(h, id, own_document);
	add_silent(h, own_document);

	uint64_t etag = (uint64_t)json_integer_value(json_object_get(own_document, "etag"));
	unsigned int status = problem_status(own_document);
	char *text = shortened(json_dumps(own_document, JSON_COMPACT), &status);

	send_parts(h,
		(struct imsg_api_reply){
			.id = id, .status = status, .etag = status == 200 ? etag : 0},
		text ? text : "{}", true);
	free(text);
	json_decref(own_document);
}

/* What was cut within a character is told all the same, and its lines stay. */
static void clean_lines(char *text)
{
	for (char *end; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		utf8_clean(text);
		*end = '\n';
	}
	utf8_clean(text);
}

/* "FILE:LINE: WHAT", a line each (config/node.h), for programs. */
static json_t *mistakes(const char *text)
{
	json_t *list = json_array();

	for (const char *next; *text; text = next) {
		int len = (int)strcspn(text, "\n"), file = 0, line = 0, what = 0;

		next = text + len + (text[len] == '\n');
		if (sscanf(text, "%*[^:\n]%n:%d:%n", &file, &line, &what) < 1 || !what ||
			what > len)
			continue;
		what += text[what] == ' ';
		json_array_append_new(
			list, json_pack("{s:s%, s:i, s:s%}", "file", text, (size_t)file, "line",
				      line, "detail", text + what, (size_t)(len - what)));
	}
	return list;
}

json_t *api_refused(enum problem problem, const char *text)
{
	char clean[CONFIG_ERROR_SIZE + 256];
	json_t *document, *list;

	snprintf(clean, sizeof(clean), "%s", text);
	clean_lines(clean);
	document = problem_json(problem, clean);
	if (problem != PROBLEM_INVALID && problem != PROBLEM_POLICY)
		return document;
	list = mistakes(clean);
	if (json_array_size(list))
		json_object_set(document, "errors", list);
	json_decref(list);
	return document;
}
