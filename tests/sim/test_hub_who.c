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
	assert_int_equal(lines, 5);
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

/* What the one who is not let in reads. */
static void is_turned_away(int fd)
{
	char text[1024];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(strncmp(text, "HTTP/1.1 503 ", 13), 0);
	assert_non_null(strstr(text, "\r\n\r\n{\"type\":"));
	assert_non_null(strstr(text, "\"detail\":\"too many connections to sluiced\""));
	close(fd);
}

/* Connects as somebody else, which only root can do. */
static uint32_t connects_as(uid_t uid, int *fd)
{
	uint32_t number;

	assert_int_equal(seteuid(uid), 0);
	number = world_connect(fd);
	assert_int_equal(seteuid(0), 0);
	return number;
}

static void more_than_so_many_are_not_let_in(void **state)
{
	int fds[API_CLIENTS_MAX], count = 0;

	(void)state;
	while (world_connect(&fds[count]))
		count++;
	is_turned_away(fds[count]);
	/* One was there before. */
	assert_int_equal(count + 1, getuid() ? API_CLIENTS_USER : API_CLIENTS_MAX);
	while (count-- > 0)
		close(fds[count]);
	hears((struct imsg_api_request){.verb = API_APPLY, .tunnel = -1}, "ok", "untouched");
}

static void one_user_leaves_places_to_others(void **state)
{
	int fds[API_CLIENTS_MAX], count = 0;

	(void)state;
	if (getuid())
		skip();
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(world.control, 0666), 0);
	for (uid_t uid = 1000; uid < 1004; uid++) {
		int own = 0;

		while (connects_as(uid, &fds[count])) {
			count++;
			own++;
		}
		is_turned_away(fds[count]);
		assert_int_equal(own, uid < 1003 ? API_CLIENTS_USER : 0);
	}
	assert_int_equal(count, API_CLIENTS_MAX - API_CLIENTS_ROOT);
	assert_true(world_connect(&fds[count]) > 0);
	for (; count >= 0; count--)
		close(fds[count]);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(each_change_is_written_down),
		TEST(what_cannot_be_written_down_is_not_done),
		TEST(a_request_of_nobody_is_refused),
		TEST(more_than_so_many_are_not_let_in),
		TEST(one_user_leaves_places_to_others),
		TEST(one_user_makes_so_many_changes),
		TEST(too_many_changes_are_refused),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_who", tests, NULL, NULL);
}
