/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks at the control socket: how many may come, what they may do, and what is written down of it. */
#include "api_world.h"

static json_t *entries;

static const json_t *entry(size_t from_the_end)
{
	json_decref(entries);
	entries = world_entries();
	return json_array_get(entries, json_array_size(entries) - 1 - from_the_end);
}

static const char *text_of(const json_t *e, const char *key)
{
	const char *text = json_string_value(json_object_get(e, key));

	return text ? text : "";
}

static void each_change_is_written_down(void **state)
{
	struct imsg_api_request drain = {.verb = API_TUNNEL_DRAIN, .tunnel = 1, .site = "two"};
	char why[AUDIT_WHY_SIZE];
	const json_t *who;
	uint64_t first, lines;

	(void)state;
	assert_string_equal(text_of(entry(0), "verb"), "start");
	world_tunnel(3, TUNNEL_UP);
	world_session(3, BGP_ESTABLISHED);
	hears(drain, "detail", "");
	assert_string_equal(text_of(entry(1), "verb"), "tunnel-drain");
	assert_string_equal(text_of(entry(1), "site"), "two");
	assert_int_equal(json_integer_value(json_object_get(entry(1), "tunnel")), 1);
	who = json_object_get(entry(1), "who");
	assert_int_equal(json_integer_value(json_object_get(who, "pid")), getpid());
	assert_int_equal(json_integer_value(json_object_get(who, "uid")), getuid());
	assert_string_equal(text_of(entry(0), "outcome"), "refused");
	assert_int_equal(json_integer_value(json_object_get(entry(0), "of")),
		json_integer_value(json_object_get(entry(1), "n")));
	/* What comes of it later. */
	world_write("sluice.yaml", "concentrator: {\n");
	hears((struct imsg_api_request){.verb = API_APPLY, .tunnel = -1}, "detail", "not YAML");
	assert_string_equal(text_of(entry(1), "verb"), "apply");
	assert_non_null(strstr(text_of(entry(0), "detail"), "not YAML"));
	/* Reading is not written down. */
	json_decref(asked((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1}));
	assert_string_equal(text_of(entry(1), "verb"), "apply");
	if (!audit_verify(world.audit, &first, &lines, why))
		fail_msg("%s", why);
	assert_int_equal(lines, 6); /* and one of the key that was read */
	json_decref(entries);
	entries = NULL;
}

static void what_cannot_be_written_down_is_not_done(void **state)
{
	struct imsg_api_request down = {
		.verb = API_TUNNEL_DOWN, .tunnel = 0, .site = "one", .force = true};

	(void)state;
	hub_audit_free(world.hub->audit);
	world.hub->audit = hub_audit_new("/nonexistent/sluice/audit");
	hears(down, "detail", "nothing was changed, because the audit log cannot be written");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 0);
	json_decref(asked((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1}));
}

/* api is in the hands of a client: it has no more rights than those who are connected. */
static void a_request_of_nobody_is_refused(void **state)
{
	struct imsg_api_request r = {
		.verb = API_TUNNEL_DOWN, .tunnel = 0, .site = "one", .force = true};
	const struct imsg_api_client gone = {.number = client.number};
	uint32_t number = client.number, next;
	int fd;

	(void)state;
	client.number = number + 1;
	hears(r, "detail", "not connected");
	client.number = 0;
	hears(r, "detail", "not connected");
	client.number = number;
	imsg_send(world.children[PROCESS_API], IMSG_API_GONE, -1, &gone, sizeof(gone));
	world_turn();
	hears(r, "detail", "not connected");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 0);
	next = world_connect(&fd);
	assert_true(next && next != number);
	client.number = next;
	hears(r, "ok", "");
	close(fd);
	/* A new api process knows nobody. */
	world_end(PROCESS_API, 10 * CLOCK_SECOND);
	world_start(PROCESS_API);
	world_turn();
	hears(r, "detail", "not connected");
}

static void sends_by(uint32_t number)
{
	struct imsg_api_request r = {
		.id = 78, .client = number, .verb = API_SHOW_SITES, .tunnel = -1};

	imsg_send(world.children[PROCESS_API], IMSG_API_REQUEST, -1, &r, sizeof(r));
	world_turn();
}

/* Api is in the hands of a client: those whose answer is on its way have said what they want. */
static void a_number_is_good_for_one_request(void **state)
{
	struct imsg_api_request r = {
		.verb = API_TUNNEL_DOWN, .tunnel = 0, .site = "one", .force = true};

	(void)state;
	sends_by(client.number);
	hears(r, "detail", "not connected");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 0);
}

/* ---- how many may come ---- */

#define REST_MS 25 /* hub rests after one that was too many, for a tick of the clock */

/* What the one who is not let in reads, also if he sends what he wants only then. */
static void is_turned_away(int fd)
{
	static const char request[] = "GET /v1/sites HTTP/1.1\r\n\r\n";
	char text[1024];
	ssize_t n;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	world_turn();
	n = recv(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(strncmp(text, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(text, "\r\n\r\n{\"type\":"));
	assert_non_null(strstr(text, "\"detail\":\"too many connections to sluiced\""));
	assert_int_equal(recv(fd, text, sizeof(text), 0), 0);
	close(fd);
}

/* Connects as somebody, which is somebody else only for root; 0: it is not let in. */
static uint32_t connects_as(uid_t uid, int *fd)
{
	uint32_t number;

	world_wait(REST_MS);
	assert_int_equal(seteuid(uid), 0);
	number = world_connect(fd);
	assert_int_equal(seteuid(0), 0);
	return number;
}

static void one_is_let_in_at_a_time(void **state)
{
	int fds[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct sockaddr_un un = world_control();

		fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(fds[i], (struct sockaddr *)&un, sizeof(un)), 0);
	}
	for (uint32_t i = 1; i <= 8; i++) {
		event_base_loop(world.hub->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
		assert_non_null(hub_client_who(world.hub, client.number + i, clock_now()));
		assert_null(hub_client_who(world.hub, client.number + i + 1, clock_now()));
	}
	for (int i = 0; i < 20; i++)
		close(fds[i]);
}

static void more_than_so_many_are_not_let_in(void **state)
{
	int fds[API_CLIENTS_MAX], count = 0, most = getuid() ? API_CLIENTS_USER : API_CLIENTS_MAX;
	uint32_t number;

	(void)state;
	/* One was there before. */
	while (count < most - 1 && (number = world_connect(&fds[count]))) {
		sends_by(number);
		count++;
	}
	assert_int_equal(count + 1, most);
	/* That one has not asked, and gives way. */
	number = world_connect(&fds[count]);
	assert_true(number > 0);
	assert_null(hub_client_who(world.hub, client.number, clock_now()));
	sends_by(number);
	for (int i = 0; i < 20; i++) {
		int fd;

		world_wait(REST_MS);
		assert_int_equal(world_connect(&fd), 0);
		is_turned_away(fd);
	}
	for (; count >= 0; count--)
		close(fds[count]);
}

/* Of users who have not asked yet, the one who has most loses his oldest place. */
static void one_user_leaves_places_to_others(void **state)
{
	enum { USERS = 3 };
	static uint32_t numbers[USERS][API_CLIENTS_USER];
	static int fds[USERS + 2][API_CLIENTS_USER];
	uint32_t more;
	int fd, roots[API_CLIENTS_ROOT];

	(void)state;
	if (getuid())
		skip();
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(world.control, 0666), 0);
	/* Root has as many as each of them, and the oldest: they are no business of others. */
	for (int i = 1; i < API_CLIENTS_ROOT; i++)
		assert_true(world_connect(&roots[i]) > 0);
	for (uid_t u = 0; u < USERS; u++) {
		for (int i = 0; i < API_CLIENTS_USER; i++) {
			numbers[u][i] = connects_as(1000 + u, &fds[u][i]);
			assert_true(numbers[u][i] > 0);
		}
	}
	/* One of his own goes for his next one. */
	more = connects_as(1001, &fd);
	assert_true(more > 0);
	assert_null(hub_client_who(world.hub, numbers[1][0], clock_now()));
	assert_non_null(hub_client_who(world.hub, numbers[0][0], clock_now()));
	assert_int_equal(
		((const struct imsg_api_client *)world_told(PROCESS_API, IMSG_API_GONE, -1))
			->number,
		numbers[1][0]);
	close(fd);
	/* A fourth user is let in until he has as many as the others. */
	for (int i = 0; i < API_CLIENTS_USER - 4; i++)
		assert_true(connects_as(1003, &fds[USERS][i]) > 0);
	assert_null(hub_client_who(world.hub, numbers[0][0], clock_now()));
	assert_non_null(hub_client_who(world.hub, more, clock_now()));
	assert_non_null(hub_client_who(world.hub, client.number, clock_now()));
	/* Those who have asked keep their places. */
	for (int i = 1; i < API_CLIENTS_USER; i++)
		sends_by(numbers[0][i]);
	assert_true(connects_as(0, &fd) > 0);
	close(fd);
	for (int i = 1; i < API_CLIENTS_ROOT; i++)
		close(roots[i]);
	for (int u = 0; u < USERS; u++) {
		for (int i = 0; i < API_CLIENTS_USER; i++)
			close(fds[u][i]);
	}
	for (int i = 0; i < API_CLIENTS_USER - 4; i++)
		close(fds[USERS][i]);
}

/* Of one who has all his requests on their way. */
static void who_has_asked_keeps_his_place(void **state)
{
	uint32_t numbers[API_CLIENTS_USER];
	int fds[API_CLIENTS_USER], fd;

	(void)state;
	if (getuid())
		skip();
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(world.control, 0666), 0);
	for (int i = 0; i < API_CLIENTS_USER; i++) {
		numbers[i] = connects_as(1000, &fds[i]);
		sends_by(numbers[i]);
	}
	assert_int_equal(connects_as(1000, &fd), 0);
	is_turned_away(fd);
	assert_true(connects_as(1001, &fd) > 0);
	close(fd);
	for (int i = 0; i < API_CLIENTS_USER; i++)
		close(fds[i]);
}

/* A user who may change can neither fill the log nor put out of it what others did. */
static void one_user_makes_so_many_changes(void **state)
{
	uint64_t now = clock_now();

	(void)state;
	for (int i = 0; i < AUDIT_BURST; i++)
		assert_true(hub_audit_allows(world.hub, 1000, now));
	assert_false(hub_audit_allows(world.hub, 1000, now));
	assert_false(hub_audit_allows(world.hub, 1000, now + 9 * CLOCK_SECOND));
	assert_true(hub_audit_allows(world.hub, 1000, now + 10 * CLOCK_SECOND));
	assert_false(hub_audit_allows(world.hub, 1000, now + 10 * CLOCK_SECOND));
	assert_true(hub_audit_allows(world.hub, 1001, now));
	for (int i = 0; i < 2 * AUDIT_BURST; i++)
		assert_true(hub_audit_allows(world.hub, 0, now));
	/* Others who come take the places of who was quiet. */
	for (uid_t uid = 2000; uid < 2200; uid++)
		assert_true(hub_audit_allows(world.hub, uid, now));
	assert_false(hub_audit_allows(world.hub, 1000, now + 10 * CLOCK_SECOND));
}

static void too_many_changes_are_refused(void **state)
{
	struct imsg_api_request r = {.verb = API_REKEY, .tunnel = 0, .site = "one"};
	struct ucred *who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());

	(void)state;
	assert_non_null(who);
	who->uid = 1000;
	while (hub_audit_allows(world.hub, 1000, clock_now()))
		;
	hears(r, "detail", "nothing was changed: you have made too many changes");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 0);
	json_decref(asked((struct imsg_api_request){.verb = API_SHOW_SITES, .tunnel = -1}));
	who->uid = 0;
	hears(r, "ok", "");
}

/* Anybody may plan, but not keep hub busy with it: each a number of them, changes that are tried among them. */
static void one_user_makes_so_many_plans(void **state)
{
	struct imsg_api_request r = {.verb = API_PLAN, .tunnel = -1};
	struct asker a = {.who = {.uid = 1000}}, other = {.who = {.uid = 1001}}, root = {0};
	struct asker far = {.remote = true};
	uint64_t now = clock_now(), each = ACCESS_PLANS_EACH_MS * CLOCK_MILLISECOND;

	(void)state;
	for (int i = 0; i < ACCESS_PLANS_BURST; i++) {
		assert_true(access_may_plan(world.hub, &a, now));
		assert_true(access_may_plan(world.hub, &far, now));
	}
	assert_false(access_may_plan(world.hub, &a, now));
	assert_false(access_may_plan(world.hub, &far, now));
	assert_true(access_may_plan(world.hub, &a, now + each));
	assert_false(access_may_plan(world.hub, &a, now + each));
	assert_true(access_may_plan(world.hub, &other, now));
	for (int i = 0; i < 2 * ACCESS_PLANS_BURST; i++)
		assert_true(access_may_plan(world.hub, &root, now));
	((struct ucred *)hub_client_who(world.hub, client.number, clock_now()))->uid = 1000;
	while (access_may_plan(world.hub, &a, clock_now()))
		;
	hears(r, "code", "too-many-plans");
	r = (struct imsg_api_request){
		.verb = API_SITE_DELETE, .tunnel = -1, .site = "one", .dry_run = true};
	hears(r, "code", "too-many-plans");
}

/* Hub's bit says of which process a number is: after all of them it begins anew, and never has it. */
static void numbers_of_connections_begin_anew(void **state)
{
	(void)state;
	assert_int_equal(hub_client_number(0), 1);
	assert_int_equal(hub_client_number(API_OF_REMOTE - 2), API_OF_REMOTE - 1);
	assert_int_equal(hub_client_number(API_OF_REMOTE - 1), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(each_change_is_written_down),
		TEST(what_cannot_be_written_down_is_not_done),
		TEST(a_request_of_nobody_is_refused),
		TEST(a_number_is_good_for_one_request),
		TEST(one_is_let_in_at_a_time),
		TEST(more_than_so_many_are_not_let_in),
		TEST(one_user_leaves_places_to_others),
		TEST(who_has_asked_keeps_his_place),
		TEST(one_user_makes_so_many_changes),
		TEST(too_many_changes_are_refused),
		TEST(one_user_makes_so_many_plans),
		TEST(numbers_of_connections_begin_anew),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_who", tests, NULL, NULL);
}
