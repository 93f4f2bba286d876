/* SPDX-License-Identifier: Apache-2.0 */
/* What the headers of a request say. */
#include "proc/api/request_values.h"

#include "ipc/verbs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void request_bearer(const char *authorization, char bearer[API_TOKEN_SIZE])
{
	static const char scheme[] = "Bearer "; /* in any case (RFC 9110 11.1) */
	const char *token = authorization;
	size_t len;

	memset(bearer, 0, API_TOKEN_SIZE);
	if (!authorization)
		return;
	if (!strncasecmp(authorization, scheme, sizeof(scheme) - 1))
		token += sizeof(scheme) - 1;
	len = strlen(token);
	if (token == authorization || !len || len >= API_TOKEN_SIZE)
		strcpy(bearer, "?");
	else
		memcpy(bearer, token, len);
}

bool request_match(
	const char *header, struct imsg_api_request *request, struct request_refusal *why)
{
	size_t len = header ? strlen(header) : 0;
	char number[24];
	const struct value v = {.text = number};

	if (!header)
		return true;
	if (!(verbs[request->verb].options & VERB_MATCH))
		return request_refuse(why, PROBLEM_BAD_REQUEST, "If-Match is not for this request");
	/* RFC 9110 13.1.1: any document; and a weak tag, or one that we have not given, is that of none. */
	if (!strcmp(header, "*")) {
		request->if_match = API_MATCH_ANY;
		return true;
	}
	if (!strncmp(header, "W/\"", 3))
		return request_refuse(
			why, PROBLEM_CHANGED, "If-Match: a weak entity tag matches nothing");
	if (len < 3 || len >= sizeof(number) || header[0] != '"' || header[len - 1] != '"')
		return request_refuse(
			why, PROBLEM_BAD_REQUEST, "If-Match: one entity tag is expected");
	snprintf(number, sizeof(number), "%.*s", (int)len - 2, header + 1);
	if (strchr(number, '"'))
		return request_refuse(
			why, PROBLEM_BAD_REQUEST, "If-Match: one entity tag is expected");
	if (!value_number(&v, 1, INT64_MAX, &request->if_match))
		return request_refuse(
			why, PROBLEM_CHANGED, "If-Match: no document has that entity tag");
	return true;
}
