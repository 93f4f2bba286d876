/* SPDX-License-Identifier: Apache-2.0 */
/* Requests over HTTP: each path leads to its verb, and what is not understood is refused by what is wrong with it. */
#include "proc/api/request.h"

#include "base/bus_event.h"
#include "ipc/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct imsg_api_request request;
static struct request_refusal why;
static struct rows sent;

static bool reads(const char *method, const char *target, const char *body)
{
	return request_read(method, target, body, strlen(body), &request, &sent, &why);
}

static void each_verb_has_paths_of_its_own(void **state)
{
	(void)state;
	for (int v = 1; v < API_VERBS; v++) {
		bool site = verbs[v].object == OBJECT_TUNNELS || verbs[v].object == OBJECT_TUNNEL;

		assert_non_null(verbs[v].paths[0]);
		for (int p = 0; p < VERB_PATHS && verbs[v].paths[p]; p++) {
			const char *path = verbs[v].paths[p];

			assert_int_equal(strncmp(path, "/v1/", 4), 0);
			if (site && !strstr(path, "{site}"))
				fail_msg("%s names no site", path);
			for (int w = 1; w < v; w++) {
				for (int q = 0; q < VERB_PATHS && verbs[w].paths[q]; q++)
					assert_true(strcmp(path, verbs[w].paths[q]) ||
						    strcmp(verb_method(&verbs[v]),
							    verb_method(&verbs[w])));
			}
		}
	}
}

static void each_path_is_its_verb(void **state)
{
	static const struct {
		const char *target;
		enum api_verb verb;
		const char *site;
		int tunnel;
	} gets[] = {
		{"/v1/sites", API_SHOW_SITES, "", -1},
		{"/v1/sites?", API_SHOW_SITES, "", -1},
		{"http://localhost/v1/sites", API_SHOW_SITES, "", -1},
		{"/v1/sites/store-1", API_SHOW_SITES, "store-1", -1},
		{"/v1/sites?site=store-1", API_SHOW_SITES, "store-1", -1},
		{"/v1/sites/%73tore%2D1", API_SHOW_SITES, "store-1", -1},
		{"/v1/tunnels", API_SHOW_TUNNELS, "", -1},
		{"/v1/sites/a/tunnels", API_SHOW_TUNNELS, "a", -1},
		{"/v1/sites/a/tunnels/1", API_SHOW_TUNNELS, "a", 1},
		{"/v1/bgp?site=a", API_SHOW_BGP, "a", -1},
		{"/v1/routes", API_SHOW_ROUTES, "", -1},
		{"/v1/closed", API_SHOW_CLOSED, "", -1},
		{"/v1/sas", API_SHOW_SA, "", -1},
		{"/v1/endpoints", API_SHOW_ENDPOINTS, "", -1},
		{"/v1/alarms", API_ALARMS, "", -1},
		{"/v1/sites/a/alarms?all=true", API_ALARMS, "a", -1},
		{"/v1/dataplane", API_SHOW_DATAPLANE, "", -1},
		{"/v1/log?site=a", API_SHOW_LOG, "a", -1},
		{"/v1/bgp-log", API_SHOW_BGP_LOG, "", -1},
		{"/v1/certificates", API_SHOW_CERTIFICATES, "", -1},
		{"/v1/unknown", API_SHOW_UNKNOWN, "", -1},
		{"/v1/report", API_REPORT, "", -1},
		{"/v1/plan", API_PLAN, "", -1},
		{"/v1/revisions", API_HISTORY, "", -1},
		{"/v1/diff", API_DIFF, "", -1},
		{"/v1/metrics", API_METRICS, "", -1},
		{"/v1/tokens", API_TOKEN_LIST, "", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(gets) / sizeof(gets[0]); i++) {
		if (!reads("GET", gets[i].target, "") || request.verb != gets[i].verb ||
			request.tunnel != gets[i].tunnel || strcmp(request.site, gets[i].site) != 0)
			fail_msg("%s: verb %u, %s", gets[i].target, request.verb, why.detail);
	}
}

static void what_changes_is_posted(void **state)
{
	static const struct {
		const char *target, *body;
		struct imsg_api_request as;
	} posts[] = {
		{"/v1/apply", "", {.verb = API_APPLY, .tunnel = -1}},
		{"/v1/apply", "{\"confirm_s\":600}",
			{.verb = API_APPLY, .tunnel = -1, .confirm_s = 600}},
		{"/v1/apply", "{\"next_start\":true}",
			{.verb = API_APPLY, .tunnel = -1, .next_start = true}},
		{"/v1/apply", "{\"without_secrets\":true}",
			{.verb = API_APPLY, .tunnel = -1, .without_secrets = true}},
		{"/v1/confirm", "{}", {.verb = API_CONFIRM, .tunnel = -1}},
		{"/v1/revisions/7/rollback", "{\"force\":true,\"confirm_s\":60}",
			{.verb = API_ROLLBACK,
				.tunnel = -1,
				.revisions = {7},
				.force = true,
				.confirm_s = 60}},
		{"/v1/sites/a/rekey", "{\"ike\":true}",
			{.verb = API_REKEY, .tunnel = -1, .site = "a", .ike = true}},
		{"/v1/sites/a/tunnels/0/rekey", "", {.verb = API_REKEY, .tunnel = 0, .site = "a"}},
		{"/v1/sites/a/down", "", {.verb = API_TUNNEL_DOWN, .tunnel = -1, .site = "a"}},
		{"/v1/sites/a/tunnels/1/down", "{\"force\":false}",
			{.verb = API_TUNNEL_DOWN, .tunnel = 1, .site = "a"}},
		{"/v1/sites/a/up", "", {.verb = API_TUNNEL_UP, .tunnel = -1, .site = "a"}},
		{"/v1/sites/a/tunnels/0/up", "", {.verb = API_TUNNEL_UP, .tunnel = 0, .site = "a"}},
		{"/v1/alarms/site_down/acknowledge", "",
			{.verb = API_ALARM_ACKNOWLEDGE, .tunnel = -1, .rule = "site_down"}},
		{"/v1/alarms/tunnel_down/silence", "{\"site\":\"a\",\"tunnel\":1,\"for_s\":7200}",
			{.verb = API_ALARM_SILENCE,
				.tunnel = 1,
				.site = "a",
				.rule = "tunnel_down",
				.for_s = 7200}},
		{"/v1/sites/a/tunnels/1/drain", "",
			{.verb = API_TUNNEL_DRAIN, .tunnel = 1, .site = "a"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(posts) / sizeof(posts[0]); i++) {
		if (!reads("POST", posts[i].target, posts[i].body) ||
			memcmp(&request, &posts[i].as, sizeof(request)) != 0)
			fail_msg("%s %s: %s", posts[i].target, posts[i].body, why.detail);
	}
	assert_true(reads("POST", "/v1/release", "{\"prefix\":\"10.1.0.0/24\"}"));
	assert_int_equal(request.prefix.len, 24);
}

static void what_is_asked_for_may_be_narrowed(void **state)
{
	(void)state;
	assert_true(reads("GET", "/v1/report?since_s=900&site=a", ""));
	assert_int_equal(request.since_s, 900);
	assert_true(reads("GET",
		"/v1/events?kind=bgp,config&since=2026-11-30T02:13:00.5%2B01:00&limit=7&after=99",
		""));
	assert_int_equal(request.kinds, 1 << BUS_BGP | 1 << BUS_CONFIG);
	assert_true(request.from_ns == UINT64_C(1796001180500000000));
	assert_int_equal(request.limit, 7);
	assert_int_equal(request.after, 99);
	assert_true(
		reads("GET", "/v1/sites/a/timeline?around=1970-01-01T00:00:01Z&within_s=60", ""));
	assert_int_equal(request.from_ns, 1000000000);
	assert_int_equal(request.within_s, 60);
	assert_string_equal(request.site, "a");
	assert_true(reads("GET", "/v1/plan?fail=tunnel:store-042%2F0", ""));
	assert_string_equal(request.fail, "tunnel:store-042/0");
	assert_true(reads("GET", "/v1/plan?revision=3", ""));
	assert_int_equal(request.revisions[0], 3);
	assert_true(reads("GET", "/v1/diff?to=4&from=3", ""));
	assert_int_equal(request.revisions[0], 3);
	assert_int_equal(request.revisions[1], 4);
	assert_true(reads("GET", "/v1/route?prefix=2001:db8::%2F32", ""));
	assert_int_equal(request.prefix.len, 32);
	assert_true(reads("GET", "/v1/route?prefix=10.1.0.1", ""));
	assert_int_equal(request.prefix.len, 32);
	assert_true(reads("GET", "/v1/route?prefix=0.0.0.0/0", ""));
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *method, *target, *body;
		enum problem problem;
		const char *part;
	} rows[] = {
		{"GET", "/", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "*", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1//sites", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "v1/sites", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v2/sites", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sitesx", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/site", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/a/b/c/d/e/f/g/h", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/%zz", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/%", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/a%00b", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/%ff", "", PROBLEM_NO_SUCH_PATH, ""},
		{"GET", "/v1/sites/a%0ab", "", PROBLEM_NO_SUCH_PATH, ""},
		{"POST", "/v1/endpoints", "", PROBLEM_WRONG_METHOD, "only GET is"},
		{"POST", "/v1/sites", "", PROBLEM_BAD_REQUEST, "the name of the site"},
		{"POST", "/v1/sites/a", "", PROBLEM_WRONG_METHOD, "GET, PATCH, PUT, DELETE"},
		{"PATCH", "/v1/sites/a", "", PROBLEM_BAD_REQUEST, "values are expected"},
		{"PATCH", "/v1/sites/a", "{\"values\":{}}", PROBLEM_BAD_REQUEST,
			"values are expected"},
		{"PATCH", "/v1/sites/a", "{\"values\":[]}", PROBLEM_BAD_REQUEST, "an object"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a/b\":1}}", PROBLEM_BAD_REQUEST, "no key"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a..b\":1}}", PROBLEM_BAD_REQUEST,
			"no key"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"\":1}}", PROBLEM_BAD_REQUEST, "no key"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a\":1.5}}", PROBLEM_BAD_REQUEST,
			"whole one"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a\":\"x\\ny\"}}", PROBLEM_BAD_REQUEST,
			"printable"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a\":[null]}}", PROBLEM_BAD_REQUEST,
			"no null"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a\":[[[[[[[[1]]]]]]]]}}",
			PROBLEM_BAD_REQUEST, "nested"},
		{"PATCH", "/v1/sites/a", "{\"values\":{\"a\":1},\"allow\":\"A\"}",
			PROBLEM_BAD_REQUEST, "effect"},
		{"DELETE", "/v1/sites/a", "{}", PROBLEM_BAD_REQUEST, "no body"},
		{"DELETE", "/v1/sites/a?values=1", "", PROBLEM_BAD_REQUEST, "'values'"},
		{"DELETE", "/v1/sites/a?dry_run=1", "", PROBLEM_BAD_REQUEST, "true or false"},
		{"GET", "/v1/apply", "", PROBLEM_WRONG_METHOD, "only POST"},
		{"HEAD", "/v1/sites", "", PROBLEM_WRONG_METHOD, "only GET, POST"},
		{"get", "/v1/sites", "", PROBLEM_WRONG_METHOD, "only GET"},
		{"GET", "/v1/sites/a/tunnels/2", "", PROBLEM_NO_SUCH_TUNNEL, "0 or 1"},
		{"GET", "/v1/sites/a/tunnels/-1", "", PROBLEM_NO_SUCH_TUNNEL, "0 or 1"},
		{"GET", "/v1/sites/a2345678901234567890123456789012", "", PROBLEM_NO_SUCH_SITE, ""},
		{"POST", "/v1/revisions/0/rollback", "", PROBLEM_NO_SUCH_REVISION, "from 1 on"},
		{"POST", "/v1/revisions/1x/rollback", "", PROBLEM_NO_SUCH_REVISION, "from 1 on"},
		{"GET", "/v1/sites?nonsense=1", "", PROBLEM_BAD_REQUEST, "'nonsense'"},
		{"GET", "/v1/sites?site", "", PROBLEM_BAD_REQUEST, "query"},
		{"GET", "/v1/sites?site=", "", PROBLEM_BAD_REQUEST, "site"},
		{"GET", "/v1/sites?site=%f", "", PROBLEM_BAD_REQUEST, "query"},
		{"GET", "/v1/sites?site=a&site=b", "", PROBLEM_BAD_REQUEST, "twice"},
		{"GET", "/v1/sites/a?site=b", "", PROBLEM_BAD_REQUEST, "twice"},
		{"GET", "/v1/sites?tunnel=0", "", PROBLEM_BAD_REQUEST, "'tunnel'"},
		{"POST", "/v1/alarms/a/silence", "{\"for_s\":0}", PROBLEM_BAD_REQUEST, "30 days"},
		{"POST", "/v1/alarms/a/silence", "{\"for_s\":2592001}", PROBLEM_BAD_REQUEST,
			"30 days"},
		{"POST", "/v1/alarms/a/test", "{\"for_s\":1}", PROBLEM_BAD_REQUEST, "'for_s'"},
		{"POST", "/v1/alarms/a-name-that-is-longer-than-any-of-them/test", "",
			PROBLEM_NO_SUCH_ALARM, "no rule"},
		{"GET", "/v1/endpoints?site=a", "", PROBLEM_BAD_REQUEST, "'site'"},
		{"GET", "/v1/events?kind=", "", PROBLEM_BAD_REQUEST, "kind: activity, "},
		{"GET", "/v1/events?kind=bgp,", "", PROBLEM_BAD_REQUEST, "kind: "},
		{"GET", "/v1/events?since=2026-11-30", "", PROBLEM_BAD_REQUEST, "since: "},
		{"GET", "/v1/events?limit=1001", "", PROBLEM_BAD_REQUEST, "limit: "},
		{"GET", "/v1/events?after=9007199254740993", "", PROBLEM_BAD_REQUEST, "after: "},
		{"GET", "/v1/events?around=2026-11-30T00:00:00Z", "", PROBLEM_BAD_REQUEST,
			"'around' is not"},
		{"GET", "/v1/sites/a/timeline?within_s=0", "", PROBLEM_BAD_REQUEST, "within_s: "},
		{"GET", "/v1/report?since_s=0", "", PROBLEM_BAD_REQUEST, "since_s: "},
		{"GET", "/v1/report?since_s=39312001", "", PROBLEM_BAD_REQUEST, "since_s: "},
		{"GET", "/v1/report?since_s=+5", "", PROBLEM_BAD_REQUEST, "since_s: "},
		{"GET", "/v1/route", "", PROBLEM_BAD_REQUEST, "a prefix"},
		{"GET", "/v1/route?prefix=x", "", PROBLEM_BAD_REQUEST, "a prefix"},
		{"GET", "/v1/diff?to=3", "", PROBLEM_BAD_REQUEST, "'from'"},
		{"GET", "/v1/diff?revision=3", "", PROBLEM_BAD_REQUEST, "'revision'"},
		{"GET", "/v1/plan?from=3", "", PROBLEM_BAD_REQUEST, "'from'"},
		{"GET", "/v1/plan?fail=a%20b", "", PROBLEM_BAD_REQUEST, "endpoint:0"},
		{"GET", "/v1/apply?fail=hub", "", PROBLEM_WRONG_METHOD, ""},
		{"GET", "/v1/plan?revision=99999999999999999999", "", PROBLEM_BAD_REQUEST, ""},
		{"GET", "/v1/sites", "{}", PROBLEM_BAD_REQUEST, "no body"},
		{"POST", "/v1/apply?confirm_s=5", "", PROBLEM_BAD_REQUEST, "body"},
		{"POST", "/v1/apply", "{", PROBLEM_BAD_REQUEST, "JSON"},
		{"POST", "/v1/apply", "[]", PROBLEM_BAD_REQUEST, "JSON"},
		{"POST", "/v1/apply", "{} {}", PROBLEM_BAD_REQUEST, "JSON"},
		{"POST", "/v1/apply", "{\"confirm_s\":1,\"confirm_s\":2}", PROBLEM_BAD_REQUEST,
			"duplicate"},
		{"POST", "/v1/apply", "{\"\xff\":1}", PROBLEM_BAD_REQUEST, "JSON"},
		{"POST", "/v1/apply", "{\"confirm_s\":\"60\"}", PROBLEM_BAD_REQUEST, "confirm_s: "},
		{"POST", "/v1/apply", "{\"confirm_s\":86401}", PROBLEM_BAD_REQUEST, "confirm_s: "},
		{"POST", "/v1/apply", "{\"next_start\":1}", PROBLEM_BAD_REQUEST, "true or false"},
		{"POST", "/v1/apply", "{\"confirm_s\":60,\"next_start\":true}", PROBLEM_BAD_REQUEST,
			"cannot be confirmed"},
		{"POST", "/v1/confirm", "{\"force\":true}", PROBLEM_BAD_REQUEST, "'force'"},
		{"POST", "/v1/sites/a/rekey", "{\"site\":\"b\"}", PROBLEM_BAD_REQUEST, "twice"},
		{"POST", "/v1/release", "", PROBLEM_BAD_REQUEST, "a prefix"},
		{"POST", "/v1/release", "{\"prefix\":7}", PROBLEM_BAD_REQUEST, "a prefix"},
	};
	static const struct imsg_api_request none;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (reads(rows[i].method, rows[i].target, rows[i].body) ||
			why.problem != rows[i].problem || !strstr(why.detail, rows[i].part))
			fail_msg("%s %s %s: problem %u, %s", rows[i].method, rows[i].target,
				rows[i].body, why.problem, why.detail);
		assert_memory_equal(&request, &none, sizeof(none));
		assert_true(!why.allow[0] == (why.problem != PROBLEM_WRONG_METHOD));
	}
}

/* Each value becomes a row, in the order of the document. */
static void values_become_rows(void **state)
{
	static const char body[] =
		"{\"values\":{\"asn\":65001,\"prefixes\":[\"10.0.0.0/8\"],"
		"\"bfd\":{\"multiplier\":3},\"labels\":{},\"rate\":null,"
		"\"tunnels.0.esn\":false},\"dry_run\":true,\"allow\":\"tunnel\"}";
	static const struct row wanted[] = {{ROW_TEXT, "asn", "65001"}, {ROW_LIST, "prefixes", ""},
		{ROW_TEXT, "prefixes.0", "10.0.0.0/8"}, {ROW_TEXT, "bfd.multiplier", "3"},
		{ROW_MAPPING, "labels", ""}, {ROW_NOTHING, "rate", ""},
		{ROW_TEXT, "tunnels.0.esn", "false"}};
	const char *at = sent.bytes;
	struct row row;

	(void)state;
	assert_true(reads("PATCH", "/v1/sites/a", body));
	assert_int_equal(request.verb, API_SITE_SET);
	assert_int_equal(request.rows, sent.len);
	assert_true(request.dry_run);
	assert_string_equal(request.allow, "tunnel");
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_true(rows_next(&at, sent.bytes + sent.len, &row));
		assert_int_equal(row.kind, wanted[i].kind);
		assert_string_equal(row.path, wanted[i].path);
		assert_string_equal(row.text, wanted[i].text);
	}
	assert_ptr_equal(at, sent.bytes + sent.len);
	assert_true(reads("POST", "/v1/sites", "{\"site\":\"a\"}"));
	assert_int_equal(request.verb, API_SITE_CREATE);
	assert_int_equal(request.rows, 0);
	assert_true(reads("PUT", "/v1/sites/a", "{\"values\":{\"asn\":1}}"));
	assert_int_equal(request.verb, API_SITE_PUT);
	assert_true(reads("DELETE", "/v1/sites/a?dry_run=true&allow=tunnel", ""));
	assert_int_equal(request.verb, API_SITE_DELETE);
	assert_true(reads("GET", "/v1/sites/a/document", ""));
	assert_int_equal(request.verb, API_SITE_SHOW);
}

static void more_than_a_request_can_have(void **state)
{
	char *body = malloc(1 << 16);
	size_t n = 0;

	(void)state;
	n += (size_t)sprintf(body, "{\"values\":{\"a\":[0");
	while (n < 60000)
		n += (size_t)sprintf(body + n, ",1");
	strcpy(body + n, "]}}");
	assert_false(reads("PATCH", "/v1/sites/a", body));
	assert_non_null(strstr(why.detail, "more than a request can have"));
	n = (size_t)sprintf(body, "{\"values\":{\"a\":\"");
	memset(body + n, 'x', 1025);
	strcpy(body + n + 1025, "\"}}");
	assert_false(reads("PATCH", "/v1/sites/a", body));
	assert_non_null(strstr(why.detail, "1024 printable"));
	free(body);
}

static void if_match(void **state)
{
	static const char *const bad[] = {"", "**", "3", "\"3\", \"4\"", "\"3", "\"\""};
	static const char *const never[] = {
		"\"x\"", "W/\"3\"", "\"0\"", "\"99999999999999999999\""};

	(void)state;
	assert_true(reads("DELETE", "/v1/sites/a", ""));
	assert_true(request_match(NULL, &request, &why));
	assert_true(request_match("\"37\"", &request, &why));
	assert_int_equal(request.if_match, 37);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (request_match(bad[i], &request, &why) || why.problem != PROBLEM_BAD_REQUEST)
			fail_msg("%s", bad[i]);
	}
	/* RFC 9110 13.1.1 */
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		if (request_match(never[i], &request, &why) || why.problem != PROBLEM_CHANGED)
			fail_msg("%s", never[i]);
	}
	assert_true(request_match("*", &request, &why));
	assert_true(request.if_match == API_MATCH_ANY);
	assert_true(reads("GET", "/v1/sites", ""));
	assert_false(request_match("\"37\"", &request, &why));
}

static void a_long_target_is_refused(void **state)
{
	char target[4096] = "/v1/sites?site=";

	(void)state;
	memset(target + strlen(target), 'a', sizeof(target) - 1 - strlen(target));
	target[sizeof(target) - 1] = '\0';
	assert_false(reads("GET", target, ""));
	assert_int_equal(why.problem, PROBLEM_NO_SUCH_PATH);
}

/* RFC 9457 3.1: what a problem says of itself. */
static void a_problem_is_told_apart_from_an_answer(void **state)
{
	json_t *document;

	(void)state;
	for (int p = 1; p < PROBLEMS; p++) {
		document = problem_json((enum problem)p, "a sentence");
		assert_int_equal(problem_status(document), problems[p].status);
		assert_in_range(problems[p].status, 400, 599);
		assert_string_equal(
			json_string_value(json_object_get(document, "detail")), "a sentence");
		json_decref(document);
	}
	document = json_pack("{s:s}", "ok", "done");
	assert_int_equal(problem_status(document), 200);
	json_decref(document);
}

static void a_token_is_made_and_revoked(void **state)
{
	(void)state;
	assert_true(reads("POST", "/v1/tokens/create",
		"{\"role\":\"operator\",\"scope\":\"group=north\",\"days\":7}"));
	assert_int_equal(request.role, ROLE_OPERATOR);
	assert_string_equal(request.scope, "north");
	assert_int_equal(request.days, 7);
	assert_true(reads("POST", "/v1/tokens/create", "{\"role\":\"viewer\"}"));
	assert_string_equal(request.scope, "");
	assert_int_equal(request.days, 0);
	for (const char *const *wrong = (const char *const[]){"{}", "{\"scope\":\"group=a\"}",
		     "{\"role\":\"king\"}", "{\"role\":\"viewer\",\"days\":0}",
		     "{\"role\":\"viewer\",\"days\":367}",
		     "{\"role\":\"viewer\",\"scope\":\"north\"}",
		     "{\"role\":\"viewer\",\"scope\":\"group=\"}",
		     "{\"role\":\"viewer\",\"role\":\"admin\"}", NULL};
		*wrong; wrong++) {
		assert_false(reads("POST", "/v1/tokens/create", *wrong));
		assert_int_equal(why.problem, PROBLEM_BAD_REQUEST);
	}
	assert_true(reads("POST", "/v1/tokens/0badcafe/revoke", ""));
	assert_string_equal(request.token, "0badcafe");
	assert_int_equal(request.role, 0);
	assert_false(reads("POST", "/v1/tokens/0badcafe0/revoke", ""));
	assert_int_equal(why.problem, PROBLEM_NO_SUCH_TOKEN);
}

/* What cannot be a token is shown to hub as one that is wrong, and not left out. */
static void a_header_shows_a_token(void **state)
{
	char bearer[API_TOKEN_SIZE], text[200];

	(void)state;
	request_bearer(NULL, bearer);
	assert_string_equal(bearer, "");
	request_bearer("Bearer abc", bearer);
	assert_string_equal(bearer, "abc");
	request_bearer("bEARER abc", bearer);
	assert_string_equal(bearer, "abc");
	for (const char *const *wrong =
			(const char *const[]){"", "Bearer", "Bearer ", "abc", "Basic abc", NULL};
		*wrong; wrong++) {
		request_bearer(*wrong, bearer);
		assert_string_equal(bearer, "?");
	}
	snprintf(text, sizeof(text), "Bearer %095d", 0);
	request_bearer(text, bearer);
	assert_int_equal(strlen(bearer), API_TOKEN_SIZE - 1);
	snprintf(text, sizeof(text), "Bearer %096d", 0);
	request_bearer(text, bearer);
	assert_string_equal(bearer, "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_made_and_revoked),
		cmocka_unit_test(a_header_shows_a_token),
		cmocka_unit_test(each_verb_has_paths_of_its_own),
		cmocka_unit_test(each_path_is_its_verb),
		cmocka_unit_test(what_changes_is_posted),
		cmocka_unit_test(what_is_asked_for_may_be_narrowed),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(values_become_rows),
		cmocka_unit_test(more_than_a_request_can_have),
		cmocka_unit_test(if_match),
		cmocka_unit_test(a_long_target_is_refused),
		cmocka_unit_test(a_problem_is_told_apart_from_an_answer),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
