/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/problem.h"

#include <stdarg.h>
#include <stdio.h>

#define TYPE "about:blank" /* RFC 9457 4.2.1: the title is that of the status */

const struct problem_row problems[PROBLEMS] = {
	[PROBLEM_BAD_REQUEST] = {400, "Bad Request", "bad-request"},
	[PROBLEM_NO_SUCH_PATH] = {404, "Not Found", "no-such-path"},
	[PROBLEM_WRONG_METHOD] = {405, "Method Not Allowed", "wrong-method"},
	[PROBLEM_TOO_LONG] = {413, "Content Too Large", "too-long"},
	[PROBLEM_NO_SUCH_SITE] = {404, "Not Found", "no-such-site"},
	[PROBLEM_NO_SUCH_TUNNEL] = {404, "Not Found", "no-such-tunnel"},
	[PROBLEM_NO_SUCH_REVISION] = {404, "Not Found", "no-such-revision"},
	[PROBLEM_NOT_CONNECTED] = {403, "Forbidden", "not-connected"},
	[PROBLEM_WRONG_TOKEN] = {401, "Unauthorized", "wrong-token"},
	[PROBLEM_UNKNOWN] = {401, "Unauthorized", "not-signed-in"},
	[PROBLEM_FORBIDDEN] = {403, "Forbidden", "forbidden"},
	[PROBLEM_NO_SUCH_SECRET] = {404, "Not Found", "no-such-secret"},
	[PROBLEM_NO_SUCH_TOKEN] = {404, "Not Found", "no-such-token"},
	[PROBLEM_NO_SUCH_ALARM] = {404, "Not Found", "no-such-alarm"},
	[PROBLEM_WRONG_TOKENS] = {429, "Too Many Requests", "wrong-tokens"},
	[PROBLEM_REFUSED] = {409, "Conflict", "refused"},
	[PROBLEM_BUSY] = {409, "Conflict", "busy"},
	[PROBLEM_EXISTS] = {409, "Conflict", "site-exists"},
	[PROBLEM_IN_MAIN_FILE] = {409, "Conflict", "in-sluice-yaml"},
	[PROBLEM_PENDING] = {409, "Conflict", "pending-edits"},
	[PROBLEM_EXCEEDS] = {409, "Conflict", "exceeds-allowed"},
	[PROBLEM_FOR_ROOT] = {403, "Forbidden", "for-root"},
	[PROBLEM_POLICY] = {403, "Forbidden", "against-policy"},
	[PROBLEM_CHANGED] = {412, "Precondition Failed", "changed"},
	[PROBLEM_INVALID] = {422, "Unprocessable Content", "invalid-configuration"},
	[PROBLEM_TOO_MANY_CHANGES] = {429, "Too Many Requests", "too-many-changes"},
	[PROBLEM_TOO_MANY_PLANS] = {429, "Too Many Requests", "too-many-plans"},
	[PROBLEM_TOO_MANY] = {503, "Service Unavailable", "too-many"},
	[PROBLEM_STARTING] = {503, "Service Unavailable", "starting"},
	[PROBLEM_NO_ANSWER] = {504, "Gateway Timeout", "no-answer"},
	[PROBLEM_FAILED] = {500, "Internal Server Error", "failed"},
};

json_t *problem_json(enum problem problem, const char *detail)
{
	const struct problem_row *row = &problems[problem];

	return json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", TYPE, "title", row->title, "status",
		(int)row->status, "detail", detail, "code", row->code);
}

unsigned int problem_status(const json_t *answer)
{
	const json_t *status = json_object_get(answer, "status");

	if (!json_object_get(answer, "type") || !json_object_get(answer, "code"))
		return 200;
	return (unsigned int)json_integer_value(status);
}

json_t *problem_say(enum problem problem, const char *format, ...)
{
	char text[PROBLEM_TEXT_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return problem_json(problem, text);
}
