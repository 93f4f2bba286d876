/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who comes over TCP, as hub judges it. What the remote process says is the test's to say: it is taken for one that a
 * client has taken over, which claims certificates, numbers and requests as it likes.
 */
#include "api_world.h"

#include "hub/api/access_internal.h"
#include "hub/api/remote.h"
#include "hub/event/event.h"
#include "hub/event/eventlog.h"
#include "hub/live.h"
#include "ipc/rows.h"
#include "ipc/verbs.h"

#include <arpa/inet.h>

#define NOC "O=Lab, CN=noc"
#define API                                                                                        \
	"  api: 127.0.0.1:%u\n"                                                                    \
	"  api_role: %s\n"                                                                         \
	"  api_certificate: file:DIR/api.pem\n"                                                    \
	"  api_private_key: file:DIR/api.key\n"                                                    \
	"  access:\n"                                                                              \
	"    - { certificate: '" NOC "', role: admin }\n"                                          \
	"    - { certificate: 'CN=north', role: operator, scope: north }\n"
#define NORTH_SOUTH                                                                                \
	WORLD_SITE("one", "1", "    group: north\n") WORLD_SITE("two", "2", "    group: south\n")

static struct {
	struct sockaddr_in at;
	int fd; /* of who is connected */
	uint32_t number;
	unsigned int status;
} remote;

static uint16_t free_port(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	close(fd);
	remote.at = at;
	return ntohs(at.sin_port);
}

static void begins(const char *role)
{
	char text[1024];

	snprintf(text, sizeof(text), API, free_port(), role);
	world_begin(text, NORTH_SOUTH);
	client.number = world_connect(&client.fd);
	remote.fd = -1;
	hub_live_look(world.hub);
	assert_true(remote_listens(world.hub));
}

static int viewer(void **state)
{
	(void)state;
	begins("viewer");
	return 0;
}

static int admin(void **state)
{
	(void)state;
	begins("admin");
	return 0;
}

static int end(void **state)
{
	if (remote.fd >= 0)
		close(remote.fd);
	return teardown(state);
}

/* The number by which the remote process is told of it; 0: it is not. */
static uint32_t comes(int *fd)
{
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*fd, (struct sockaddr *)&remote.at, sizeof(remote.at)), 0);
	world_forget();
	world_wait(5);
	for (size_t i = 0; i < world.heard_count; i++) {
		const struct imsg_api_client *m = world.heard[i].payload;

		if (world.heard[i].role == PROCESS_REMOTE &&
			world.heard[i].type == IMSG_API_CLIENT && world.heard[i].fd) {
			assert_int_equal(m->from.family, AF_INET);
			return m->number;
		}
	}
	return 0;
}

/* Somebody else comes, who shows a certificate; NULL: none. */
static void shows(const char *subject)
{
	struct imsg_api_certificate m = {.fingerprint = "f1f2"};
	const struct imsg_api_client gone = {.number = remote.number};

	if (remote.fd >= 0)
		close(remote.fd);
	imsg_send(world.children[PROCESS_REMOTE], IMSG_API_GONE, -1, &gone, sizeof(gone));
	remote.number = comes(&remote.fd);
	assert_true(remote.number);
	m.client = remote.number;
	if (subject)
		snprintf(m.subject, sizeof(m.subject), "%s", subject);
	if (subject)
		imsg_send(world.children[PROCESS_REMOTE], IMSG_API_CERTIFICATE, -1, &m, sizeof(m));
	world_turn();
}

/* The answer to what the remote process asks for that number; NULL: there is none. */
static json_t *answer(struct imsg_api_request r, uint32_t number)
{
	json_t *document = NULL;

	world_forget();
	r.id = 99;
	r.client = number;
	imsg_send(world.children[PROCESS_REMOTE], IMSG_API_REQUEST, -1, &r, sizeof(r));
	world_turn();
	world_written();
	for (size_t i = 0; i < world.heard_count; i++) {
		const struct imsg_api_reply *reply = world.heard[i].payload;

		if (world.heard[i].type != IMSG_API_REPLY)
			continue;
		assert_int_equal(world.heard[i].role, PROCESS_REMOTE);
		assert_int_equal(reply->id, 99);
		remote.status = reply->status;
		if (reply->last && !document)
			document = json_loadb((const char *)(reply + 1), reply->len,
				JSON_DISABLE_EOF_CHECK, NULL);
	}
	return document;
}

static unsigned int status_of(struct imsg_api_request r)
{
	remote.status = 0;
	json_decref(answer(r, remote.number));
	return remote.status;
}

/* Of whoever has just come. */
static void is_told(struct imsg_api_request r, unsigned int status, const char *part)
{
	json_t *document = answer(r, remote.number);
	const char *detail = json_string_value(json_object_get(document, "detail"));

	if (remote.status != status || (part && (!detail || !strstr(detail, part))))
		fail_msg("not %u \"%s\" but %u \"%s\"", status, part, remote.status,
			detail ? detail : "-");
	json_decref(document);
}

static const struct imsg_api_request sites = {.verb = API_SHOW_SITES, .tunnel = -1};
static const struct imsg_api_request rekey = {.verb = API_REKEY, .tunnel = 0, .site = "one"};
static const struct imsg_api_request rekey_two = {.verb = API_REKEY, .tunnel = 0, .site = "two"};

static struct imsg_api_request with_token(struct imsg_api_request r, enum role role)
{
	char text[TOKEN_TEXT_SIZE];

	assert_true(tokens_make(access_tokens(world.hub), (struct grant){.role = (uint8_t)role}, 0,
		INT64_MAX / 2, text));
	snprintf(r.bearer, sizeof(r.bearer), "%s", text);
	return r;
}

static void nobody_sees_anything_who_does_not_sign_in(void **state)
{
	struct imsg_api_request r = {.tunnel = -1};

	(void)state;
	for (r.verb = 1; r.verb < API_VERBS; r.verb++) {
		shows(NULL);
		is_told(r, 401, "a token or a certificate is needed");
	}
	shows("CN=stranger");
	is_told(sites, 403, "`access` has nothing for the certificate CN=stranger");
}

static void look_for_refused(void *context, const struct bus_event *e)
{
	struct bus_event *found = context;

	if (e->kind == BUS_AUDIT)
		*found = *e;
}

/* Who shows nothing that is good has named a site for nothing. */
static void what_a_stranger_names_is_not_told(void **state)
{
	struct imsg_api_request r = rekey;
	struct bus_event e = {0};

	(void)state;
	memset(r.bearer, 'x', TOKEN_TEXT_SIZE - 1);
	shows(NULL);
	is_told(r, 401, "the token is wrong");
	bus_each(eventlog_bus(world.hub->events), look_for_refused, &e);
	assert_string_equal(e.reason, "wrong-token");
	assert_string_equal(e.site, "");
	assert_true(e.outside);
	shows(NOC);
	is_told(rekey, 403, "it needs the role operator");
	bus_each(eventlog_bus(world.hub->events), look_for_refused, &e);
	assert_string_equal(e.site, "one");
	assert_false(e.outside);
}

/* Whatever the process claims: a viewer. */
static void the_cap_bounds_what_is_claimed(void **state)
{
	(void)state;
	shows(NOC);
	is_told(sites, 200, NULL);
	shows(NOC);
	is_told(rekey, 403, "it needs the role operator");
	shows(NULL);
	is_told(with_token(sites, ROLE_ADMIN), 200, NULL);
	shows(NULL);
	is_told(with_token(rekey, ROLE_ADMIN), 403, "it needs the role operator");
	assert_int_equal(world_count(PROCESS_IKE, IMSG_IKE_COMMAND), 0);
}

static void within_the_cap_each_has_its_role(void **state)
{
	(void)state;
	shows("cn=NORTH"); /* names are compared as names (RFC 5280 7.1) */
	is_told(rekey, 200, NULL);
	shows("CN=north");
	is_told(rekey_two, 404, "no site is named 'two'");
	shows(NOC);
	is_told(rekey_two, 200, NULL);
	shows(NULL);
	is_told(with_token(rekey, ROLE_VIEWER), 403, "it needs the role operator");
	shows(NOC); /* a token takes away from a certificate */
	is_told(with_token(rekey, ROLE_VIEWER), 403, "it needs the role operator");
	shows("CN=stranger"); /* and adds nothing to it */
	is_told(with_token(rekey, ROLE_ADMIN), 403, "`access` has nothing");
	shows(NULL);
	is_told(with_token(rekey, ROLE_OPERATOR), 200, NULL);
}

/* Not even for an admin. */
static void keys_and_tokens_are_not_for_tcp(void **state)
{
	unsigned int n = 0;

	(void)state;
	for (uint32_t v = 1; v < API_VERBS; v++) {
		struct imsg_api_request r = {.verb = v, .tunnel = -1};

		if (!(verbs[v].options & VERB_LOCAL)) {
			assert_false(
				verbs[v].words && (!strncmp(verbs[v].words, "secret", 6) ||
							  !strncmp(verbs[v].words, "token", 5)));
			continue;
		}
		shows(NOC);
		is_told(r, 403, "at the hub's control socket only");
		shows(NULL);
		is_told(with_token(r, ROLE_ADMIN), 403, "at the hub's control socket only");
		n++;
	}
	assert_int_equal(n, 6);
}

/* Who has the role hears what is in the way, which is not the role. */
static void what_bounds_it_is_said(void **state)
{
	const struct imsg_api_request r = {.verb = API_APPLY, .tunnel = -1};

	(void)state;
	shows(NULL);
	is_told(with_token(r, ROLE_ADMIN), 403,
		"over TCP: it needs the role admin, and api_role permits no more than viewer "
		"there");
	shows("CN=north");
	is_told((struct imsg_api_request){.verb = API_REKEY, .tunnel = -1, .site = "one"}, 403,
		"over TCP: it needs the role operator, and api_role permits no more than viewer");
}

/* An admin over TCP leaves nobody a way in that `api_role` does not bound. */
static void who_may_what_is_not_said_over_tcp(void **state)
{
	static const struct {
		const char *key, *value;
		bool refused;
	} rows[] = {
		{"concentrator.access", "[{group: wheel, role: admin}]", true},
		{"concentrator.access.0.role", "admin", true},
		{"concentrator.api", "127.0.0.1:1", true},
		{"concentrator.api_role", "admin", true},
		{"concentrator.api_ca", NULL, true},
		{"concentrator.api_crl", NULL, true},
		{"concentrator.burst", "300k", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct imsg_api_request r = {.verb = API_HUB_SET, .tunnel = -1, .id = 99};
		struct rows values = {.len = 0};
		char why[ROW_WHY_SIZE];
		json_t *o = rows[i].value ? json_pack("{s:s}", rows[i].key, rows[i].value)
					  : json_pack("{s:n}", rows[i].key);

		assert_true(rows_of_json(o, &values, why));
		json_decref(o);
		shows(NOC);
		world_forget();
		remote.status = 0;
		r.client = remote.number;
		r.rows = (uint32_t)values.len;
		imsg_send_bytes(world.children[PROCESS_REMOTE], IMSG_API_REQUEST, &r, sizeof(r),
			values.bytes, values.len);
		for (int turn = 0; turn < 300 && !remote.status; turn++) {
			world_wait(10);
			for (size_t k = 0; k < world.heard_count; k++) {
				if (world.heard[k].type == IMSG_API_REPLY)
					remote.status =
						((const struct imsg_api_reply *)world.heard[k]
								.payload)
							->status;
			}
		}
		if ((remote.status == 403) != rows[i].refused)
			fail_msg("%s: %u", rows[i].key, remote.status);
	}
}

/* What api says of a stream, with the bit by which hub knows those of remote, is about none of them. */
static void api_speaks_of_no_stream_of_remote(void **state)
{
	struct imsg_api_request r = {.verb = API_EVENTS, .tunnel = -1, .stream = true, .id = 98};
	struct imsg_api_client gone;

	(void)state;
	shows(NOC);
	r.client = remote.number;
	imsg_send(world.children[PROCESS_REMOTE], IMSG_API_REQUEST, -1, &r, sizeof(r));
	world_turn();
	gone.number = remote.number | API_OF_REMOTE;
	imsg_send(world.children[PROCESS_API], IMSG_API_GONE, -1, &gone, sizeof(gone));
	world_turn();
	world_forget();
	hub_publish(
		world.hub, &(struct happening){.kind = BUS_CONFIG, .reason = "X", .tunnel = -1});
	world_turn();
	assert_true(world_count(PROCESS_REMOTE, IMSG_API_REPLY));
	imsg_send(world.children[PROCESS_REMOTE], IMSG_API_GONE, -1,
		&(struct imsg_api_client){.number = remote.number}, sizeof(gone));
	world_turn();
	world_forget();
	hub_publish(
		world.hub, &(struct happening){.kind = BUS_CONFIG, .reason = "Y", .tunnel = -1});
	world_turn();
	assert_false(world_count(PROCESS_REMOTE, IMSG_API_REPLY));
}

static void a_number_is_of_one_process_and_one_request(void **state)
{
	uint32_t number;

	(void)state;
	shows(NOC);
	number = remote.number;
	assert_int_equal(status_of(rekey), 200);
	assert_int_equal(status_of(rekey), 403);
	/* A certificate that comes after the request is nobody's. */
	shows(NULL);
	is_told(sites, 401, NULL);
	/* Who is at the control socket is none of its, though he has the same number, or is root. */
	shows(NOC);
	remote.number = client.number + 1000;
	is_told(sites, 403, "not connected");
	shows(NOC);
	assert_int_equal(remote.number & API_OF_REMOTE, 0);
	remote.number = 0;
	is_told((struct imsg_api_request){.verb = API_METRICS, .tunnel = -1}, 403, "not connected");
	/* Nor the other way round: what has the bit is not hub's to give to api. */
	shows(NOC);
	client.number = remote.number | API_OF_REMOTE;
	assert_null(asked(sites));
	/* A process that starts anew knows nobody. */
	number = remote.number;
	world_end(PROCESS_REMOTE, 10 * CLOCK_SECOND);
	world_start(PROCESS_REMOTE);
	remote.number = number;
	is_told(sites, 403, "not connected");
}

static void the_audit_log_has_whose_certificate(void **state)
{
	const char *from;
	json_t *entries, *who;

	(void)state;
	shows(NOC);
	is_told(rekey, 200, NULL);
	entries = world_entries();
	who = json_object_get(json_array_get(entries, json_array_size(entries) - 2), "who");
	from = json_string_value(json_object_get(who, "from"));
	assert_non_null(from);
	assert_memory_equal(from, "127.0.0.1:", 10);
	assert_string_equal(json_string_value(json_object_get(who, "certificate")), NOC);
	assert_string_equal(json_string_value(json_object_get(who, "fingerprint")), "f1f2");
	assert_null(json_object_get(who, "uid"));
	json_decref(entries);
}

/* Whoever tries tokens over TCP tires himself, and neither fills the log nor takes the changes of others. */
static void wrong_tokens_are_counted(void **state)
{
	struct imsg_api_request wrong = with_token(sites, ROLE_VIEWER);
	size_t before, after;
	json_t *entries = world_entries();

	(void)state;
	before = json_array_size(entries);
	json_decref(entries);
	wrong.bearer[70] = wrong.bearer[70] == 'a' ? 'b' : 'a';
	for (int i = 0; i < ACCESS_WRONG_BURST; i++) {
		shows(NULL);
		is_told(wrong, 401, "the token is wrong");
	}
	shows(NULL);
	is_told(wrong, 429, NULL);
	entries = world_entries();
	after = json_array_size(entries);
	json_decref(entries);
	assert_int_equal(after, before + ACCESS_WRONG_BURST);
	/* From elsewhere they are wrong still, and those of the control socket are not concerned. */
	assert_false(access_tired(world.hub, 0, clock_now()));
	while (hub_audit_allows(world.hub, (uid_t)-2, clock_now()))
		;
	shows(NOC);
	is_told(rekey, 200, NULL);
}

static void one_address_has_so_many_connections(void **state)
{
	int fds[API_REMOTE_NETWORK], more;
	struct imsg_api_client gone;
	char byte;

	(void)state;
	for (int i = 0; i < API_REMOTE_NETWORK; i++) {
		uint32_t number = comes(&fds[i]);

		assert_true(number);
		gone.number = number;
	}
	assert_int_equal(comes(&more), 0);
	assert_int_equal(recv(more, &byte, 1, 0), 0);
	close(more);
	imsg_send(world.children[PROCESS_REMOTE], IMSG_API_GONE, -1, &gone, sizeof(gone));
	world_wait(5);
	assert_true(comes(&more));
	close(more);
	for (int i = 0; i < API_REMOTE_NETWORK; i++)
		close(fds[i]);
}

/* Its certificate comes before all else, in parts; without files it is told so, and the hub runs. */
static void the_process_is_given_its_certificate(void **state)
{
	size_t n = 0;

	(void)state;
	world_write("api.pem", "a certificate\n");
	world_write("api.key", "a key\n");
	world_end(PROCESS_REMOTE, 10 * CLOCK_SECOND);
	world_forget();
	world_start(PROCESS_REMOTE);
	for (size_t i = 0; i < world.heard_count; i++) {
		const struct imsg_api_credential *m = world.heard[i].payload;

		if (world.heard[i].role != PROCESS_REMOTE)
			continue;
		if (world.heard[i].type == IMSG_START)
			break;
		assert_int_equal(world.heard[i].type, IMSG_API_CREDENTIAL);
		assert_true(world.heard[i].fd);
		assert_int_equal(m->part, n ? CREDENTIAL_KEY : CREDENTIAL_CHAIN);
		assert_int_equal(m->left, n ? 0 : 1);
		n++;
	}
	assert_int_equal(n, 2);
}

#define AS(setup, name) cmocka_unit_test_setup_teardown(name, setup, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		AS(admin, nobody_sees_anything_who_does_not_sign_in),
		AS(viewer, what_a_stranger_names_is_not_told),
		AS(viewer, the_cap_bounds_what_is_claimed),
		AS(viewer, what_bounds_it_is_said),
		AS(admin, within_the_cap_each_has_its_role),
		AS(admin, keys_and_tokens_are_not_for_tcp),
		AS(admin, who_may_what_is_not_said_over_tcp),
		AS(admin, api_speaks_of_no_stream_of_remote),
		AS(admin, a_number_is_of_one_process_and_one_request),
		AS(admin, the_audit_log_has_whose_certificate),
		AS(admin, wrong_tokens_are_counted),
		AS(viewer, one_address_has_so_many_connections),
		AS(viewer, the_process_is_given_its_certificate),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
