/* SPDX-License-Identifier: Apache-2.0 */
/* How an answer goes back to the api process, in parts that fit a message. */
#include "hub/api/api.h"

#include "ipc/msg_api.h"
#include "ipc/problem.h"

#include <stdlib.h>
#include <string.h>

#define REPLY_CHUNK (IMSG_MAX_SIZE - 256)

static void send_parts(struct hub *h, struct imsg_api_reply reply, const char *text)
{
	struct process *api = &h->processes[PROCESS_API];
	size_t left = strlen(text);

	do {
		size_t n = left < REPLY_CHUNK ? left : REPLY_CHUNK;

		reply.len = (uint32_t)n;
		reply.last = n == left;
		if (api->channel)
			imsg_send_bytes(
				api->channel, IMSG_API_REPLY, &reply, sizeof(reply), text, n);
		text += n;
		left -= n;
	} while (left);
}

void status_reply_metrics(struct hub *h, uint32_t id, const char *text)
{
	send_parts(h, (struct imsg_api_reply){.id = id, .status = 200, .metrics = true}, text);
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

	unsigned int status = problem_status(own_document);
	char *text = json_dumps(own_document, JSON_COMPACT);

	if (!text)
		status = problems[PROBLEM_FAILED].status;
	send_parts(h, (struct imsg_api_reply){.id = id, .status = status}, text ? text : "{}");
	free(text);
	json_decref(own_document);
}
