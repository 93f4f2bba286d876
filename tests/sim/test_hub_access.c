/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, as hub judges it: each verb by each role, sites that are none of the asker's business, tokens. What api
 * says is the test's to say: it is taken for somebody's whom a client has taken it over for.
 */
#include "api_world.h"

#include "bgp/decide.h"
#include "hub/api/events.h"
#include "hub/api/access_internal.h"
#include "ipc/msg_watch.h"
#include "ipc/verbs.h"

#include <dlfcn.h>
#include <grp.h>
#include <stdatomic.h>
#include <stdlib.h>

#define ACCESS                                                                                     \
	"  access:\n"                                                                              \
	"    - { group: daemon, role: viewer }\n"                                                  \
	"    - { group: bin, role: operator }\n"                                                   \
	"    - { group: sys, role: secret-reader }\n"                                              \
	"    - { group: adm, role: admin }\n"                                                      \
	"    - { group: tty, role: viewer, scope: north }\n"                                       \
	"    - { group: disk, role: operator, scope: north }\n"                                    \
	"    - { group: lp, role: admin, scope: north }\n"                                         \
	"    - { group: no-such-group, role: admin }\n"
#define NORTH_SOUTH                                                                                \
	WORLD_SITE("one", "1", "    group: north\n")                                               \
	WORLD_SITE("two", "2", "    group: south\n")                                               \
	WORLD_SITE("three", "3", "")

/* Groups that every Debian has, as ACCESS has them. */
static const struct {
	const char *group, *may; /* in the table of rights */
} users[] = {
	{"daemon", "viewer"},
	{"bin", "operator"},
	{"sys", "secret-reader"},
	{"adm", "admin"},
	{"tty", "viewer of north"},
	{"disk", "operator of north"},
	{"lp", "admin of north"},
	{NULL, "nobody"},
};

#define USERS (sizeof(users) / sizeof(users[0]))

static int begin(void **state)
{
	(void)state;
	world_begin(ACCESS, NORTH_SOUTH);
	client.number = world_connect(&client.fd);
	return client.number ? 0 : -1;
}

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

/* From now on a user asks who is in nothing but that group; NULL: root does. */
static void is_of(const char *group)
{
	struct ucred *who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());
	const struct user_grant *g = world.hub->config->concentrator.access.grants;

	assert_non_null(who);
	who->uid = 4711;
	who->gid = 4711;
	for (uint32_t i = 0; group && i < world.hub->config->concentrator.access.count; i++) {
		if (!strcmp(g[i].group, group))
			who->gid = world.hub->access->groups[i];
	}
	assert_true(!group || who->gid != 4711);
}

static void is_root(void)
{
	struct ucred *who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());

	who->uid = 0;
	who->gid = 0;
}

/* A request that lacks nothing but, perhaps, the right. */
static struct imsg_api_request request_of(int verb)
{
	struct imsg_api_request r = {.verb = (uint32_t)verb, .tunnel = -1};

	if (verbs[verb].object == OBJECT_TUNNEL || verbs[verb].object == OBJECT_TUNNELS)
		strcpy(r.site, "one");
	if (verbs[verb].object == OBJECT_TUNNEL)
		r.tunnel = 0;
	if (verbs[verb].object == OBJECT_ALARM) {
		strcpy(r.rule, "site_down");
		strcpy(r.site, "one");
	}
	if (verbs[verb].object == OBJECT_PREFIX)
		assert_true(prefix_parse("10.1.0.0/24", &r.prefix));
	if (verbs[verb].object == OBJECT_REVISION)
		r.revisions[0] = 99;
	if (verbs[verb].object == OBJECT_SECRET)
		strcpy(r.secret, "none");
	if (verbs[verb].object == OBJECT_TOKEN)
		strcpy(r.token, "00000000");
	/* Past policy.yaml only root may go, whatever its role. */
	if (verbs[verb].options & VERB_FORCE && verb != API_APPLY)
		r.force = true;
	return r;
}

static char may(int verb)
{
	char *text = asks(request_of(verb));
	bool no;

	world_written(); /* an answer that comes later means that it was begun */
	no = text && client.status == 403;
	if (no)
		assert_non_null(strstr(text, "you may not do that"));
	free(text);
	return no ? '-' : 'x';
}

/* tests/golden/rights is written by asking; SLUICE_GOLDEN=renew writes it anew. */
static void each_verb_by_each_role(void **state)
{
	char *table, kept[1 << 14] = "";
	size_t size;
	FILE *out = open_memstream(&table, &size), *f;

	(void)state;
	for (size_t u = 0; u < USERS; u++)
		fprintf(out, "%zu: %s\n", u, users[u].may);
	for (int v = 1; v < API_VERBS; v++) {
		if (!verbs[v].may || verbs[v].reach == REACH_NOTHING)
			fail_msg("verb %d: its row does not say who may", v);
		fprintf(out, "%-18s", verbs[v].words ? verbs[v].words : "metrics");
		for (size_t u = 0; u < USERS; u++) {
			is_of(users[u].group);
			fprintf(out, " %c", may(v));
		}
		fprintf(out, "\n");
	}
	fclose(out);
	f = fopen("tests/golden/rights", getenv("SLUICE_GOLDEN") ? "we" : "re");
	assert_non_null(f);
	if (getenv("SLUICE_GOLDEN"))
		fputs(table, f);
	else
		assert_true(fread(kept, 1, sizeof(kept) - 1, f) > 0);
	fclose(f);
	if (!getenv("SLUICE_GOLDEN"))
		assert_string_equal(table, kept);
	free(table);
}

/* ---- what is of others ---- */

/* Whether any text of a document has that part. */
static bool has(const char *text, const char *part)
{
	return text && strstr(text, part);
}

/* A sum of some sites is not told as that of all. */
static void sums_of_all_are_for_who_may_see_all(void **state)
{
	char *text;

	(void)state;
	is_of("tty");
	text = asks(request_of(API_METRICS));
	assert_true(has(text, "sluice_site_state{") && !has(text, "sluice_concentrator_"));
	free(text);
	is_root();
	text = asks(request_of(API_METRICS));
	assert_true(has(text, "sluice_concentrator_bandwidth_bps{"));
	free(text);
}

/* Watch is asked for what a site had in its group, unless all is for whoever asks. */
static void a_site_had_other_groups_before(void **state)
{
	const struct imsg_api_request r = {.verb = API_REPORT, .since_s = 30 * 86400, .tunnel = -1};
	const struct imsg_watch_sum_query *q;
	const struct watch_site *sites;

	(void)state;
	is_of("tty");
	assert_null(asks(r));
	q = world_told(PROCESS_WATCH, IMSG_WATCH_SUM_QUERY, -1);
	assert_non_null(q);
	sites = (const void *)(q + 1);
	assert_true(q->of_group);
	assert_int_equal(q->sites, 1);
	assert_string_equal(sites[0].name, "one");
	assert_string_equal(sites[0].group, "north");
	is_root();
	assert_null(asks(r));
	q = world_told(PROCESS_WATCH, IMSG_WATCH_SUM_QUERY, -1);
	assert_non_null(q);
	assert_false(q->of_group);
	assert_int_equal(q->sites, 3);
}

static void all_sites_are_down_says_watch(void)
{
	static const char *const sites[] = {"one", "two", "three"};
	const struct imsg_watch_open opened = {0};

	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_OPEN, -1, &opened, sizeof(opened));
	for (size_t i = 0; i < 3; i++) {
		struct imsg_alarm m = {
			.key = {.rule = "site_down", .tunnel = -1}, .state = ALARM_ALARM};

		strcpy(m.key.site, sites[i]);
		imsg_send(world.children[PROCESS_WATCH], IMSG_ALARM, -1, &m, sizeof(m));
	}
	world_turn();
}

static void no_other_site_is_seen(void **state)
{
	struct imsg_bgp_event event = {.tunnel = 0, .event.status = BGP_EVENT_UP};

	(void)state;
	snprintf(event.event.details, sizeof(event.event.details),
		"it is quarantined: it was announced first by site 'two'");
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &event, sizeof(event));
	/* Also of one that is gone. */
	snprintf(event.event.details, sizeof(event.event.details),
		"it is quarantined: it was announced first by site 'three.b', which has no session "
		"now");
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &event, sizeof(event));
	snprintf(event.event.details, sizeof(event.event.details), "it belongs to site 'one'");
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_EVENT, -1, &event, sizeof(event));
	for (uint32_t t = 0; t < 6; t++) {
		struct imsg_sa_info sa = {.tunnel = t, .spi_in = 9, .in_use = true};

		imsg_send(world.children[PROCESS_IKE], IMSG_SA_INFO, -1, &sa, sizeof(sa));
		world_tunnel(t, TUNNEL_UP);
	}
	world_route(0, "10.1.0.0/24");
	world_route(2, "10.2.0.0/24");
	world_route(4, "10.3.0.0/24");
	all_sites_are_down_says_watch();
	for (int v = 1; v < API_VERBS; v++) {
		struct imsg_api_request r = request_of(v);
		char *text;

		if (verbs[v].right != RIGHT_READ || verbs[v].reach != REACH_SITES ||
			verbs[v].object == OBJECT_SITE || v == API_SHOW_BGP ||
			v == API_SHOW_ROUTE || v == API_EVENTS || v == API_TIMELINE ||
			v == API_GRAPH)
			continue;
		is_of("daemon");
		text = asks(r);
		if (verbs[v].object == OBJECT_SITES && v != API_SHOW_CLOSED && v != API_SHOW_LOG &&
			v != API_SHOW_BGP_LOG && !has(text, "two"))
			fail_msg("%s: who may see all does not", verbs[v].words);
		free(text);
		is_of("tty");
		text = asks(r);
		if (!text || client.status != 200 || has(text, "two") || has(text, "three") ||
			has(text, "10.2.0.0") || has(text, "169.254.102"))
			fail_msg("verb %d tells who may see the north only: %.600s", v,
				text ? text : "-");
		if (verbs[v].object == OBJECT_SITES && v != API_SHOW_CLOSED && v != API_SHOW_LOG &&
			!has(text, "one"))
			fail_msg("verb %d: its own site is not there", v);
		if (v == API_SHOW_BGP_LOG && !has(text, "it belongs to site 'one'"))
			fail_msg("what is of its own site is hidden: %.600s", text);
		free(text);
		if (verbs[v].object != OBJECT_SITES)
			continue;
		strcpy(r.site, "two");
		free(asks(r));
		assert_int_equal(client.status, 404);
		strcpy(r.site, "one");
		free(asks(r));
		assert_int_equal(client.status, 200);
	}
	is_of("tty");
	hears((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1, .site = "two"},
		"detail", "no site is named 'two'");
	hears((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "one"}, "detail",
		"it needs the role operator");
	is_of("disk");
	hears((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "one"}, "ok", "");
	hears((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "two"}, "detail",
		"no site is named 'two'");
	hears((struct imsg_api_request){.verb = API_APPLY, .tunnel = -1}, "detail",
		"about the whole hub, and needs the role admin without a scope");
}

/* Documents are, as all else is, those of his own sites; and what an outage of one would do. */
static void documents_of_his_own_sites(void **state)
{
	struct imsg_api_request r = {.verb = API_SITE_SHOW, .tunnel = -1, .site = "one"};
	json_t *document;

	(void)state;
	is_of("disk");
	hears(r, "site", "one");
	strcpy(r.site, "two");
	hears(r, "detail", "no site is named 'two'");
	document = asked((struct imsg_api_request){.verb = API_SITE_LIST, .tunnel = -1});
	assert_int_equal(json_array_size(json_object_get(document, "sites")), 1);
	json_decref(document);
	document = asked((struct imsg_api_request){.verb = API_SITE_EXPORT, .tunnel = -1});
	assert_int_equal(json_array_size(json_object_get(document, "sites")), 1);
	json_decref(document);
	hears((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1, .fail = "site:one"},
		"fails", "one");
	hears((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1, .fail = "tunnel:one/0"},
		"fails", "one");
	hears((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1, .fail = "site:two"},
		"detail", "no site is named 'two'");
	hears((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1, .fail = "endpoint:0"},
		"detail", "without a scope");
	hears((struct imsg_api_request){.verb = API_PLAN, .tunnel = -1}, "detail",
		"without a scope");
}

/* What bgp tells later is for who has asked, wherever that one is then. */
static void paths_of_others_are_left_out(void **state)
{
	struct imsg_api_request r = {.verb = API_SHOW_ROUTE, .tunnel = -1};
	struct imsg_bgp_answer answer = {.path = {.owner = 2, .fate = PATH_QUARANTINED}};
	const struct imsg_bgp_query *query;
	json_t *document, *paths;
	char *text = NULL;

	(void)state;
	assert_true(prefix_parse("10.1.0.0/24", &r.prefix));
	assert_true(prefix_parse("10.1.0.0/24", &answer.path.prefix));
	assert_true(prefix_parse("10.1.0.0/16", &answer.path.rival));
	is_of("tty");
	assert_null(asks(r));
	query = world_told(PROCESS_BGP, IMSG_BGP_QUERY, -1);
	assert_non_null(query);
	answer.id = query->id;
	is_root();
	for (uint32_t t = 0; t < 6; t += 2) {
		answer.path.tunnel = t;
		imsg_send(
			world.children[PROCESS_BGP], IMSG_BGP_ANSWER, -1, &answer, sizeof(answer));
	}
	answer.last = true;
	world_forget();
	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_ANSWER, -1, &answer, sizeof(answer));
	world_turn();
	for (size_t i = 0; i < world.heard_count; i++) {
		if (world.heard[i].type == IMSG_API_REPLY)
			text = strndup(
				(char *)world.heard[i].payload + sizeof(struct imsg_api_reply),
				world.heard[i].len - sizeof(struct imsg_api_reply));
	}
	assert_non_null(text);
	document = json_loads(text, 0, NULL);
	paths = json_object_get(document, "paths");
	assert_int_equal(json_array_size(paths), 1);
	assert_false(has(text, "two"));
	assert_false(has(text, "10.1.0.0/16"));
	json_decref(document);
	free(text);
}

static void watch_answers(uint32_t query, const char *site, const char *group, uint64_t number)
{
	struct imsg_watch_event said = {
		.query = query, .event = {.number = number, .kind = BUS_BGP}};

	strcpy(said.event.site, site);
	strcpy(said.event.group, group);
	snprintf(said.event.detail, sizeof(said.event.detail), "%s, as site 'two' does", site);
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_EVENT, -1, &said, sizeof(said));
}

/* The answer to the last question, when watch has given it. */
static json_t *watch_ends(uint32_t query)
{
	const struct imsg_watch_end end = {.query = query, .more = true};
	const struct imsg_api_reply *reply;

	world_forget();
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_END, -1, &end, sizeof(end));
	world_turn();
	reply = world_told(PROCESS_API, IMSG_API_REPLY, -1);
	return reply ? json_loadb((const char *)(reply + 1), reply->len, 0, NULL) : NULL;
}

static const struct imsg_watch_query *asks_for_events(struct imsg_api_request r)
{
	char *text = asks(r);

	if (text)
		fail_msg("%s", text);
	return world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1);
}

/* Watch is asked for no other, and what it answers all the same, of whatever site, is not told. */
static void what_happened_to_others_is_left_out(void **state)
{
	struct imsg_api_request r = {.verb = API_EVENTS, .tunnel = -1};
	const struct imsg_watch_query *query;
	json_t *document, *events;
	uint32_t id;

	(void)state;
	is_of("tty");
	query = asks_for_events(r);
	assert_non_null(query);
	assert_int_equal(query->sites, 1);
	assert_string_equal((const char *)(query + 1), "one");
	assert_false(query->hub);
	id = query->id;
	is_root();
	watch_answers(id, "one", "north", 5);
	watch_answers(id, "two", "south", 6);
	watch_answers(id, "two", "north", 7);
	watch_answers(id, "one", "south", 8); /* another one had that name then */
	watch_answers(id, "", "", 9);         /* of the hub */
	watch_answers(id, "gone", "north", 10);
	watch_answers(id + 1, "one", "north", 11); /* nobody has asked that */
	document = watch_ends(id);
	events = json_object_get(document, "events");
	assert_int_equal(json_array_size(events), 1);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(events, 0), "number")), 5);
	assert_string_equal(json_string_value(json_object_get(json_array_get(events, 0), "detail")),
		"it is about a site that you may not see");
	/* It goes on behind all that was looked at. */
	assert_int_equal(json_integer_value(json_object_get(document, "cursor")), 10);
	json_decref(document);
	assert_null(watch_ends(id));
	/* Who may see all does. */
	query = asks_for_events(r);
	assert_int_equal(query->sites, 0);
	id = query->id;
	watch_answers(id, "gone", "north", 5);
	watch_answers(id, "", "", 9);
	watch_answers(id, "two", "south", UINT64_MAX); /* which cannot be */
	document = watch_ends(id);
	assert_int_equal(json_array_size(json_object_get(document, "events")), 2);
	json_decref(document);
}

static void a_timeline_is_of_what_may_be_seen(void **state)
{
	struct imsg_api_request r = {.verb = API_TIMELINE,
		.tunnel = -1,
		.site = "one",
		.from_ns = 1000000 * CLOCK_SECOND};
	struct imsg_watch_event said = {
		.event = {.number = 7, .severity = BUS_WARNING, .site = "two"}};
	const struct imsg_watch_query *query;
	json_t *document, *others;
	uint32_t id;

	(void)state;
	is_of("tty");
	query = asks_for_events(r);
	assert_string_equal((const char *)(query + 1), "one");
	assert_false(query->hub);
	assert_int_equal(query->from_ns, (1000000 - API_WITHIN_USUAL_S) * CLOCK_SECOND);
	assert_int_equal(query->to_ns, (1000000 + API_WITHIN_USUAL_S) * CLOCK_SECOND);
	watch_answers(query->id, "one", "north", 5);
	assert_null(watch_ends(query->id));
	/* Then who else: of those that may be seen. */
	query = world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1);
	assert_int_equal(query->sites, 1);
	id = query->id;
	document = watch_ends(id);
	assert_int_equal(json_array_size(json_object_get(document, "events")), 1);
	assert_int_equal(json_array_size(json_object_get(document, "others")), 0);
	json_decref(document);
	is_root();
	query = asks_for_events(r);
	assert_true(query->hub);
	assert_null(watch_ends(query->id));
	query = world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1);
	assert_int_equal(query->sites, 0);
	said.query = id = query->id;
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_EVENT, -1, &said, sizeof(said));
	strcpy(said.event.site, "one"); /* it is itself */
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_EVENT, -1, &said, sizeof(said));
	document = watch_ends(id);
	others = json_object_get(document, "others");
	assert_int_equal(json_array_size(others), 1);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(others, 0), "site")), "two");
	json_decref(document);
}

/* Watch ends, or does not answer. */
static void who_waits_for_watch_is_told(void **state)
{
	struct imsg_watch_end failed = {.failed = true};

	(void)state;
	is_root();
	assert_null(asks((struct imsg_api_request){.verb = API_EVENTS, .tunnel = -1}));
	world_end(PROCESS_WATCH, 10 * CLOCK_SECOND);
	assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), 1);
	is_root();
	hears((struct imsg_api_request){.verb = API_EVENTS, .tunnel = -1}, "code", "starting");
	world_start(PROCESS_WATCH);
	is_root();
	assert_null(asks((struct imsg_api_request){.verb = API_EVENTS, .tunnel = -1}));
	failed.query =
		((const struct imsg_watch_query *)world_told(PROCESS_WATCH, IMSG_WATCH_QUERY, -1))
			->id;
	imsg_send(world.children[PROCESS_WATCH], IMSG_WATCH_END, -1, &failed, sizeof(failed));
	world_turn();
	assert_int_equal(
		((const struct imsg_api_reply *)world_told(PROCESS_API, IMSG_API_REPLY, -1))
			->status,
		500);
	for (int i = 0; i < 8; i++) {
		is_root();
		assert_null(asks((struct imsg_api_request){.verb = API_EVENTS, .tunnel = -1}));
	}
	is_root();
	hears((struct imsg_api_request){.verb = API_EVENTS, .tunnel = -1}, "code", "too-many");
	world_forget();
	hub_events_expire(world.hub, 0);
	world_turn();
	assert_int_equal(world_count(PROCESS_API, IMSG_API_REPLY), 8);
}

/* ---- users ---- */

static void a_stranger_may_nothing(void **state)
{
	(void)state;
	is_of(NULL);
	for (int v = 1; v < API_VERBS; v++)
		assert_int_equal(may(v), '-');
}

/* Today's way: who is in the group that owns the socket may all. */
static void the_sockets_group_may_all(void **state)
{
	struct ucred *who;
	struct stat st;

	(void)state;
	is_of(NULL);
	who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());
	assert_int_equal(stat(world.control, &st), 0);
	who->gid = st.st_gid;
	hears((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "two"}, "ok", "");
	free(asks((struct imsg_api_request){.verb = API_TOKEN_LIST, .tunnel = -1}));
	assert_int_equal(client.status, 200);
}

/* What the kernel says of a process that connects, with groups beside its own. */
static void groups_are_the_kernels(void **state)
{
	gid_t more[] = {world.hub->access->groups[1], world.hub->access->groups[4]};
	struct asker asker;
	uint32_t number;
	int fd;

	(void)state;
	if (getuid())
		skip();
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(world.control, 0666), 0);
	assert_int_equal(setgroups(2, more), 0);
	assert_int_equal(setegid(65534), 0);
	assert_int_equal(seteuid(4711), 0);
	number = world_connect(&fd);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(0, NULL), 0);
	assert_true(hub_client_asks(world.hub, number, clock_now(), &asker));
	assert_int_equal(asker.who.uid, 4711);
	assert_int_equal(asker.count, 2);
	assert_int_equal(asker.grants[0].role, ROLE_OPERATOR);
	assert_string_equal(asker.grants[1].scope, "north");
	assert_false(asker_may(&asker, MAY_ADMINISTER, ""));
	close(fd);
}

/* A change of the configuration holds for those who are connected already. */
static void what_is_in_force_holds(void **state)
{
	(void)state;
	is_of("bin");
	assert_int_equal(may(API_REKEY), 'x');
	world_configure("", NORTH_SOUTH);
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(may(API_REKEY), '-');
	assert_int_equal(may(API_SHOW_SITES), '-');
}

/* ---- whoever knows the groups of the host ---- */

static atomic_bool silent;

int getgrnam_r(const char *name, struct group *group, char *room, size_t size, struct group **found)
{
	int (*real)(const char *, struct group *, char *, size_t, struct group **);

	while (atomic_load(&silent))
		usleep(1000);
	*(void **)&real = dlsym(RTLD_NEXT, "getgrnam_r");
	return real(name, group, room, size, found);
}

static bool group_may(const char *name, enum may right)
{
	const struct group *g = getgrnam(name);
	struct ucred who = {.uid = 4711, .gid = g ? g->gr_gid : 4711};
	struct asker asker;

	access_of_user(world.hub, &who, NULL, 0, &asker);
	return asker_may(&asker, right, "");
}

/* Hub goes on with what it knows, and learns the rest when somebody answers. */
static void an_answer_that_does_not_come_keeps_nobody_waiting(void **state)
{
	struct apply_order order = {.why = "test", .done = world_applied, .of = WORLD_APPLIES};

	(void)state;
	atomic_store(&silent, true);
	world_configure(
		"  access: [{ group: bin, role: operator }, { group: games, role: admin }]\n",
		NORTH_SOUTH);
	world.applied.calls = 0;
	hub_apply(world.hub, &order);
	for (int i = 0; i < 3000 && !world.applied.calls; i++) {
		usleep(1000);
		world_turn();
	}
	assert_true(world.applied.ok);
	assert_true(group_may("bin", MAY_OPERATE));
	assert_false(group_may("games", MAY_ADMINISTER));
	atomic_store(&silent, false);
	world_written();
	assert_true(group_may("bin", MAY_OPERATE));
	assert_true(group_may("games", MAY_ADMINISTER));
}

/* ---- tokens ---- */

static json_t *makes(enum role role, const char *scope, uint32_t days, const char *bearer)
{
	struct imsg_api_request r = {.verb = API_TOKEN_CREATE, .tunnel = -1, .role = (uint8_t)role};

	r.days = days;
	snprintf(r.scope, sizeof(r.scope), "%s", scope);
	snprintf(r.bearer, sizeof(r.bearer), "%s", bearer);
	return asked(r);
}

/* Its text. */
/* What could do nothing is not made. */
static void no_token_is_worth_nothing(void **state)
{
	static const struct {
		enum role role;
		const char *scope, *why;
	} rows[] = {
		{ROLE_OPERATOR, "nosuch", "no site has the group 'nosuch'"},
		{ROLE_SECRET_READER, "north", "secret-reader with a scope may read none"},
	};

	(void)state;
	is_of("adm");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *o = makes(rows[i].role, rows[i].scope, 0, "");
		const char *detail = json_string_value(json_object_get(o, "detail"));

		assert_null(json_object_get(o, "token"));
		if (!detail || !strstr(detail, rows[i].why))
			fail_msg("%s: %s", rows[i].scope, detail ? detail : "-");
		json_decref(o);
	}
}

static void has_token(enum role role, const char *scope, char bearer[API_TOKEN_SIZE])
{
	json_t *o = makes(role, scope, 0, "");
	const char *text = json_string_value(json_object_get(o, "token"));

	assert_non_null(text);
	snprintf(bearer, API_TOKEN_SIZE, "%s", text);
	json_decref(o);
}

static unsigned int status_of(enum api_verb verb, const char *bearer)
{
	struct imsg_api_request r = request_of(verb);

	snprintf(r.bearer, sizeof(r.bearer), "%s", bearer);
	free(asks(r));
	world_written();
	return client.status;
}

/* A token takes away from what its user may. */
static void a_token_is_less_than_its_user(void **state)
{
	static const enum api_verb some[] = {
		API_SHOW_SITES, API_REKEY, API_SHOW_DATAPLANE, API_TOKEN_LIST};
	static const struct {
		enum role role;
		const char *scope, *user; /* NULL: root */
		const char *may;          /* which of those */
	} rows[] = {
		{ROLE_ADMIN, "", NULL, "xxxx"},
		{ROLE_OPERATOR, "", NULL, "xxx-"},
		{ROLE_VIEWER, "", NULL, "x-x-"},
		{ROLE_SECRET_READER, "", NULL, "x-x-"},
		{ROLE_OPERATOR, "north", NULL, "xx--"},
		{ROLE_OPERATOR, "south", NULL, "x---"}, /* 404: site one is not there for it */
		{ROLE_ADMIN, "", "daemon", "x-x-"},
		{ROLE_ADMIN, "", "tty", "x---"},
		{ROLE_VIEWER, "north", "disk", "x---"},
		{ROLE_OPERATOR, "south", "disk", "----"},
		{ROLE_ADMIN, "", "nobody", "----"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char bearer[API_TOKEN_SIZE];

		is_root();
		has_token(rows[i].role, rows[i].scope, bearer);
		if (rows[i].user)
			is_of(strcmp(rows[i].user, "nobody") ? rows[i].user : NULL);
		for (size_t v = 0; v < 4; v++) {
			bool ok = status_of(some[v], bearer) == 200;

			if (ok != (rows[i].may[v] == 'x'))
				fail_msg("row %zu: %s: %u", i, verbs[some[v]].words, client.status);
		}
	}
}

static void no_token_makes_one_that_may_more(void **state)
{
	char admin[API_TOKEN_SIZE], north[API_TOKEN_SIZE];
	json_t *o = makes(ROLE_ADMIN, "", 10, "");

	(void)state;
	snprintf(admin, sizeof(admin), "%s", json_string_value(json_object_get(o, "token")));
	json_decref(o);
	has_token(ROLE_ADMIN, "north", north);
	json_decref(makes(ROLE_VIEWER, "north", 1, north));
	assert_int_equal(client.status, 403);
	json_decref(makes(ROLE_ADMIN, "", 11, admin));
	assert_int_equal(client.status, 403);
	json_decref(makes(ROLE_ADMIN, "", 9, admin)); /* seconds may have passed */
	assert_int_equal(client.status, 200);
	json_decref(makes(ROLE_VIEWER, "", API_TOKEN_DAYS_MAX + 1, ""));
	assert_int_equal(client.status, 400);
	/* What it has made is shown to nobody again, and stands in no log. */
	o = asked((struct imsg_api_request){.verb = API_TOKEN_LIST, .tunnel = -1});
	assert_int_equal(json_array_size(json_object_get(o, "tokens")), 3);
	json_decref(o);
	o = world_entries();
	for (size_t i = 0; i < json_array_size(o); i++) {
		char *line = json_dumps(json_array_get(o, i), 0);

		assert_false(has(line, "sluice_"));
		free(line);
	}
	json_decref(o);
}

static void a_token_ends(void **state)
{
	char bearer[API_TOKEN_SIZE];
	struct imsg_api_request r = {.verb = API_TOKEN_REVOKE, .tunnel = -1};

	(void)state;
	has_token(ROLE_OPERATOR, "", bearer);
	assert_int_equal(status_of(API_SHOW_SITES, bearer), 200);
	memcpy(r.token, bearer + 7, sizeof(r.token) - 1);
	hears(r, "ok", "worth nothing");
	assert_int_equal(status_of(API_SHOW_SITES, bearer), 401);
	hears(r, "detail", "no token has that id");
}

/* No verb takes a file that it cannot read for one without tokens. */
static void a_broken_file_is_told(void **state)
{
	struct imsg_api_request revoke = {.verb = API_TOKEN_REVOKE, .tunnel = -1},
				list = {.verb = API_TOKEN_LIST, .tunnel = -1};
	char file[96];

	(void)state;
	world_write("tokens.json", "[{}]");
	access_free(world.hub->access);
	world.hub->access = access_new(world.dir, world.hub);
	strcpy(revoke.token, "0badcafe");
	hears(list, "detail", "it is not understood; no token is valid");
	assert_int_equal(client.status, 500);
	hears(revoke, "detail", "it is not understood");
	assert_int_equal(client.status, 500);
	json_decref(makes(ROLE_VIEWER, "", 1, ""));
	assert_int_equal(client.status, 500);
	snprintf(file, sizeof(file), "%s/tokens.json", world.dir);
	assert_int_equal(remove(file), 0);
	free(asks(list));
	assert_int_equal(client.status, 200);
	hears(revoke, "detail", "no token has that id");
}

/* Whoever shows wrong ones is not listened to for long, and does not fill the log. */
static void wrong_tokens_are_counted(void **state)
{
	char bearer[API_TOKEN_SIZE];
	json_t *entries;
	size_t before;

	(void)state;
	has_token(ROLE_VIEWER, "", bearer);
	bearer[70] = bearer[70] == 'a' ? 'b' : 'a';
	is_of("adm");
	entries = world_entries();
	before = json_array_size(entries);
	json_decref(entries);
	for (int i = 0; i < ACCESS_WRONG_BURST; i++)
		assert_int_equal(status_of(API_SHOW_SITES, bearer), 401);
	for (int i = 0; i < 50; i++)
		assert_int_equal(status_of(API_SHOW_SITES, bearer), 429);
	entries = world_entries();
	assert_int_equal(json_array_size(entries), before + ACCESS_WRONG_BURST);
	json_decref(entries);
	/* Without a token it is who it was; others are not concerned. */
	free(asks((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1}));
	assert_int_equal(client.status, 200);
	is_root();
	assert_int_equal(status_of(API_SHOW_SITES, "?"), 401);
	assert_false(access_tired(world.hub, 0, clock_now()));
	assert_true(access_tired(world.hub, 4711, clock_now()));
	assert_false(access_tired(world.hub, 4711, clock_now() + 11 * CLOCK_SECOND));
}

static void the_audit_log_names_the_token(void **state)
{
	char bearer[API_TOKEN_SIZE];
	json_t *entries;
	const json_t *who;

	(void)state;
	has_token(ROLE_OPERATOR, "", bearer);
	assert_int_equal(status_of(API_REKEY, bearer), 200);
	entries = world_entries();
	who = json_object_get(json_array_get(entries, json_array_size(entries) - 2), "who");
	assert_int_equal(json_string_length(json_object_get(who, "token")), 8);
	assert_int_equal(
		strncmp(json_string_value(json_object_get(who, "token")), bearer + 7, 8), 0);
	json_decref(entries);
}

/* Api says that nobody asks, which is right at the port for metrics only, and only where there is one. */
static void metrics_without_a_port_are_for_who_may(void **state)
{
	(void)state;
	client.number = 0;
	free(asks((struct imsg_api_request){.verb = API_METRICS, .tunnel = -1}));
	assert_int_equal(client.status, 403);
	assert_true(addr_parse("127.0.0.1", &world.hub->config->concentrator.metrics.addr));
	free(asks((struct imsg_api_request){.verb = API_METRICS, .tunnel = -1}));
	assert_int_equal(client.status, 200);
	free(asks((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1}));
	assert_int_equal(client.status, 403);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST(each_verb_by_each_role),
		HUB_TEST(a_site_had_other_groups_before),
		HUB_TEST(sums_of_all_are_for_who_may_see_all),
		HUB_TEST(no_other_site_is_seen),
		HUB_TEST(no_token_is_worth_nothing),
		HUB_TEST(documents_of_his_own_sites),
		HUB_TEST(paths_of_others_are_left_out),
		HUB_TEST(what_happened_to_others_is_left_out),
		HUB_TEST(a_timeline_is_of_what_may_be_seen),
		HUB_TEST(who_waits_for_watch_is_told),
		HUB_TEST(a_stranger_may_nothing),
		HUB_TEST(the_sockets_group_may_all),
		HUB_TEST(groups_are_the_kernels),
		HUB_TEST(what_is_in_force_holds),
		HUB_TEST(an_answer_that_does_not_come_keeps_nobody_waiting),
		HUB_TEST(a_token_is_less_than_its_user),
		HUB_TEST(no_token_makes_one_that_may_more),
		HUB_TEST(a_token_ends),
		HUB_TEST(a_broken_file_is_told),
		HUB_TEST(wrong_tokens_are_counted),
		HUB_TEST(the_audit_log_names_the_token),
		HUB_TEST(metrics_without_a_port_are_for_who_may),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_access", tests, NULL, NULL);
}
