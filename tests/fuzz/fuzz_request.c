/* SPDX-License-Identifier: Apache-2.0 */
/* A request of the control socket: "METHOD TARGET", a line feed, and the body. What is taken is within its limits. */
#include "ipc/verbs.h"
#include "proc/api/request.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct imsg_api_request *r)
{
	const struct verb_row *verb = &verbs[r->verb];

	if (r->verb == API_INVALID || r->verb >= API_VERBS || r->id || r->client)
		abort();
	if (!memchr(r->site, '\0', sizeof(r->site)) || r->tunnel < -1 || r->tunnel > 1)
		abort();
	if (r->since_s > API_SINCE_MAX_S || r->confirm_s > API_CONFIRM_MAX_S ||
		r->prefix.len > addr_bits(&r->prefix.addr))
		abort();
	if ((verb->object == OBJECT_TUNNELS || verb->object == OBJECT_TUNNEL) && !r->site[0])
		abort();
	if (verb->object == OBJECT_REVISION && !r->revisions[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = memchr(data, '\n', size);
	size_t len = end ? (size_t)(end - data) : size;
	char *head = calloc(1, len + 1), *target, *body = malloc(size - len + 1);
	struct imsg_api_request request;
	struct request_refusal why;
	struct rows rows;

	if (!head || !body)
		abort();
	memcpy(head, data, len);
	len += end != NULL;
	/* Of exactly its size: what reads beyond it is seen. */
	memcpy(body, data + len, size - len);
	target = strchr(head, ' ');
	if (target)
		*target++ = '\0';
	if (request_read(head, target ? target : "", body, size - len, &request, &rows, &why))
		check(&request);
	else if (why.problem == PROBLEM_NONE || why.problem >= PROBLEMS || !why.detail[0])
		abort();
	free(rows.many);
	free(body);
	free(head);
	return 0;
}
