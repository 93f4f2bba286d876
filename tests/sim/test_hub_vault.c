/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that hub keeps sealed: over the socket that is hub's own, and what api may know of them, which is their names. */
#include "api_world.h"

#include "hub/api/secret_overlap.h"
#include "hub/api/secret_socket.h"
#include "hub/secret/secret.h"
#include "hub/secret/rotation.h"
#include "ipc/descriptor.h"
#include "ipc/msg_secret.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define SEALED                                                                                     \
	"  - name: sealed\n    asn: 65004\n    tunnels:\n"                                         \
	"      - { identity: s.example.net, inside: 169.254.104.0/30, psk: 'secret:store' }\n"
#define ACCESS                                                                                     \
	"  access:\n"                                                                              \
	"    - { group: daemon, role: viewer }\n"                                                  \
	"    - { group: bin, role: operator }\n"                                                   \
	"    - { group: sys, role: secret-reader }\n"                                              \
	"    - { group: adm, role: admin }\n"                                                      \
	"    - { group: lp, role: admin, scope: north }\n"
#define KEY "a.sealed_secret.of.tests"

static char path[64];

/* ---- a host without descriptors ---- */

static bool no_room;
static unsigned int tried; /* meanwhile */

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	if (!no_room)
		return (int)syscall(SYS_accept4, fd, addr, len, flags);
	tried++;
	errno = EMFILE;
	return -1;
}

static int begin(void **state)
{
	(void)state;
	world_directory();
	snprintf(path, sizeof(path), "%s/secret", world.dir);
	world_configure(ACCESS, WORLD_SITE("one", "1", "") SEALED);
	world_run();
	client.number = world_connect(&client.fd);
	world.hub->secrets = secret_socket_open(world.hub, path);
	return client.number && world.hub->secrets ? 0 : -1;
}

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, begin, teardown)

/* ---- a client of the socket ---- */

static struct secret_answer answer;
static uid_t as; /* who connects; 0: who this is */

static int memfd_of(const char *text, unsigned int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SEALS (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

static int connected(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (as)
		assert_int_equal(seteuid(as), 0);
	assert_int_equal(connect(s, (struct sockaddr *)&un, sizeof(un)), 0);
	if (as)
		assert_int_equal(seteuid(0), 0);
	return s;
}

/* Sends so many bytes of a request with a descriptor; what comes back, or -1. False: no answer. */
static bool asks_socket(const void *request, size_t len, int own_fd, int *out)
{
	int s = connected();
	bool whole;
	ssize_t n;

	assert_int_equal(descriptor_send(s, request, len, own_fd, 0), len);
	if (own_fd >= 0)
		close(own_fd);
	world_turn();
	n = descriptor_receive(s, &answer, sizeof(answer), MSG_DONTWAIT, out, &whole);
	close(s);
	return n == sizeof(answer) && whole;
}

/* Why not; "": it was done. */
static const char *sets(const char *name, int own_fd)
{
	struct secret_request r = {.verb = SECRET_SET};
	int out;

	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_true(asks_socket(&r, sizeof(r), own_fd, &out));
	assert_int_equal(out, -1);
	return answer.refused ? answer.text : "";
}

static const char *reveals(const char *name, char text[80])
{
	struct secret_request r = {.verb = SECRET_REVEAL};
	int out;

	memset(text, 0, 80);
	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_true(asks_socket(&r, sizeof(r), -1, &out));
	assert_int_equal(answer.refused, out < 0);
	if (out >= 0) {
		assert_true(read(out, text, 79) > 0);
		close(out);
	}
	return answer.text;
}

static void heard(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not \"%s\" but \"%s\"", part, text);
}

/* ---- tests ---- */

static void what_is_set_is_used_and_shown(void **state)
{
	char text[80];
	json_t *entries;

	(void)state;
	assert_true(world_state(2)->no_secret);
	heard(world_state(2)->ike.detail, "there is no secret of that name");
	assert_string_equal(sets("store", memfd_of(KEY "\n", SEALS)), "");
	for (int i = 0; i < 5; i++)
		world_second();
	assert_false(world_state(2)->no_secret);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_string_equal(reveals("store", text), "");
	assert_string_equal(text, KEY);
	heard(reveals("none", text), "there is no secret of that name");
	/* Each is in the audit log, and the secret is not. */
	entries = world_entries();
	for (size_t i = 0, asked = 0; i < json_array_size(entries); i++) {
		char *line = json_dumps(json_array_get(entries, i), 0);

		assert_null(strstr(line, KEY));
		asked += strstr(line, "\"secret-s") != NULL;
		if (i + 1 == json_array_size(entries))
			assert_int_equal(asked, 3);
		free(line);
	}
	json_decref(entries);
}

static void what_is_no_secret_is_refused(void **state)
{
	char longest[200] = "";

	(void)state;
	for (const char *const *key = (const char *const[]){"short", "", "with\ttab.in.it",
		     "with\nline.in.it",
		     "0123456789012345678901234567890123456789012345678901234567890123456",
		     "a2345678901234567890123456789012345678901234567890123456789012345", NULL};
		*key; key++) {
		const char *why = sets("store", memfd_of(*key, SEALS));

		assert_string_not_equal(why, "");
		if (**key && strstr(why, *key))
			fail_msg("the reason tells the key: %s", why);
		assert_false(vault_has("store"));
	}
	heard(sets("store", -1), "no secret came with it");
	memset(longest, '\n', sizeof(longest) - 1);
	memcpy(longest, KEY, strlen(KEY));
	/* The first 80 bytes would do, and what memory has had before is not looked at. */
	heard(sets("store", memfd_of(longest, SEALS)), "more has come than a secret can be");
	heard(sets("../x", memfd_of(KEY, SEALS)), "no secret can be called that");
}

/* Hub reads nothing that may make it wait, or that somebody changes meanwhile. */
static void only_sealed_memory_is_read(void **state)
{
	char file[64];
	int pipe_fds[2];

	(void)state;
	heard(sets("store", memfd_of(KEY, 0)), "sealed memfd");
	heard(sets("store", memfd_of(KEY, F_SEAL_WRITE)), "sealed memfd");
	assert_int_equal(pipe(pipe_fds), 0);
	heard(sets("store", pipe_fds[0]), "sealed memfd");
	close(pipe_fds[1]);
	snprintf(file, sizeof(file), "%s/psk", world.dir);
	heard(sets("store", open(file, O_RDONLY | O_CLOEXEC)), "sealed memfd");
	assert_false(vault_has("store"));
}

static void what_is_no_request_is_refused(void **state)
{
	struct secret_request r = {.verb = 99};
	uint8_t long_one[sizeof(r) + 1] = {SECRET_REVEAL};
	int out;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	assert_true(asks_socket(&r, sizeof(r), -1, &out));
	heard(answer.text, "not understood");
	assert_true(asks_socket(&r, 3, -1, &out));
	heard(answer.text, "not understood");
	assert_int_equal(out, -1);
	assert_true(asks_socket(long_one, sizeof(long_one), -1, &out));
	heard(answer.text, "not understood");
	/* A name without an end. */
	r.verb = SECRET_REVEAL;
	memset(r.name, 'x', sizeof(r.name));
	assert_true(asks_socket(&r, sizeof(r), -1, &out));
	assert_true(answer.refused);
}

static void roles_hold_there_too(void **state)
{
	static const struct {
		const char *group;
		bool set, reveal;
	} rows[] = {{"daemon", false, false}, {"bin", false, false}, {"sys", false, true},
		{"adm", true, true}, {"lp", false, false}, {NULL, false, false}};

	(void)state;
	if (getuid())
		skip();
	assert_true(vault_set("store", KEY, strlen(KEY)));
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct group *g = rows[i].group ? getgrnam(rows[i].group) : NULL;
		gid_t gid = g ? g->gr_gid : 65534;
		char text[80];
		bool revealed, set;

		assert_true(!rows[i].group || g);
		assert_int_equal(setgroups(1, &gid), 0);
		assert_int_equal(setegid(65534), 0);
		as = 4711;
		revealed = !reveals("store", text)[0];
		set = !sets("other", memfd_of(KEY, SEALS))[0];
		as = 0;
		assert_int_equal(setegid(0), 0);
		assert_int_equal(setgroups(0, NULL), 0);
		if (revealed != rows[i].reveal || set != rows[i].set)
			fail_msg("%s: reveal %d, set %d: %s",
				rows[i].group ? rows[i].group : "nobody", revealed, set,
				answer.text);
	}
}

static void what_cannot_be_written_down_is_not_shown(void **state)
{
	char text[80];

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	hub_audit_free(world.hub->audit);
	world.hub->audit = hub_audit_new("/nonexistent/sluice/audit");
	heard(reveals("store", text), "audit log");
	assert_string_equal(text, "");
	heard(sets("other", memfd_of(KEY, SEALS)), "audit log");
	assert_false(vault_has("other"));
}

/* The threads of hub have files open for a moment: those are not counted. */
static unsigned int open_descriptors(void)
{
	unsigned int least = UINT_MAX;

	for (int i = 0; i < 30; i++) {
		DIR *d = opendir("/proc/self/fd");
		unsigned int n = 0;

		assert_non_null(d);
		while (readdir(d))
			n++;
		closedir(d);
		least = n < least ? n : least;
		usleep(1000);
	}
	return least;
}

/* Hub keeps none of them, and does not do what came with more than one. */
static void descriptors_that_nobody_asked_for_are_closed(void **state)
{
	struct secret_request r = {.verb = SECRET_SET, .name = "store"};

	(void)state;
	for (size_t count = 1; count <= 3; count++) {
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(3 * sizeof(int))];
		} control = {0};
		int fds[3], s = connected();
		struct iovec bytes = {&r, sizeof(r)};
		struct msghdr m = {.msg_iov = &bytes,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = CMSG_SPACE(count * sizeof(int))};
		unsigned int before;

		world_turn();
		before = open_descriptors();
		for (size_t i = 0; i < count; i++)
			fds[i] = memfd_of(KEY, SEALS);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
		assert_int_equal(sendmsg(s, &m, MSG_NOSIGNAL), sizeof(r));
		for (size_t i = 0; i < count; i++)
			close(fds[i]);
		world_turn();
		assert_int_equal(open_descriptors(), before - 1); /* the connection is over */
		close(s);
		assert_int_equal(vault_has("store"), count == 1);
		if (count == 1)
			assert_true(vault_delete("store"));
	}
}

static void without_descriptors_hub_waits(void **state)
{
	char text[80];
	int s;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	no_room = true;
	tried = 0;
	s = connected();
	for (int i = 0; i < 5; i++)
		world_turn();
	assert_int_equal(tried, 1);
	no_room = false;
	usleep(1100 * 1000);
	world_turn();
	assert_string_equal(reveals("store", text), "");
	close(s);
}

/* Whether hub still waits for a request of the connection; it is closed in either case. */
static bool is_waited_for(int s)
{
	struct secret_request r = {.verb = 99};
	bool waited;

	(void)send(s, &r, sizeof(r), MSG_NOSIGNAL);
	world_turn();
	waited = recv(s, &answer, sizeof(answer), MSG_DONTWAIT) == sizeof(answer);
	close(s);
	return waited;
}

static void nobody_takes_the_place_of_another(void **state)
{
	int own[32], first, root;

	(void)state;
	if (getuid())
		skip();
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	as = 4711;
	first = connected();
	world_turn();
	as = 4712;
	for (int i = 0; i < 32; i++) {
		own[i] = connected();
		world_turn();
	}
	as = 0;
	assert_true(is_waited_for(first));
	/* Its own oldest ones have made room. */
	assert_false(is_waited_for(own[0]));
	assert_true(is_waited_for(own[31]));
	for (int i = 1; i < 31; i++)
		close(own[i]);
	world_turn();
	/* However many users come, there is a place for root. */
	for (int i = 0; i < 32; i++) {
		as = (uid_t)(5000 + i);
		own[i] = connected();
		world_turn();
	}
	as = 0;
	root = connected();
	world_turn();
	assert_true(is_waited_for(own[0]));
	assert_false(is_waited_for(own[31]));
	assert_true(is_waited_for(root));
	for (int i = 1; i < 31; i++)
		close(own[i]);
	world_turn();
}

/* ---- by the API ---- */

static json_t *asks_for(enum api_verb verb, const char *name, bool force)
{
	struct imsg_api_request r = {.verb = verb, .tunnel = -1, .force = force};

	snprintf(r.secret, sizeof(r.secret), "%s", name);
	return asked(r);
}

static bool holds(const char *name, const char *text)
{
	struct secret s = {0};
	bool same = vault_get(name, &s) && s.len == strlen(text) && !memcmp(s.bytes, text, s.len);

	secret_clear(&s);
	return same;
}

/* What stands in the list of a name: of its first user, or of itself. */
static json_t *listed(const char *name)
{
	json_t *all = asked((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	json_t *o, *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(all, "secrets"), i, o) {
		if (!strcmp(json_string_value(json_object_get(o, "name")), name))
			found = json_incref(o);
	}
	json_decref(all);
	return found;
}

static void user_of(const char *name, const char *member, const char *expected)
{
	json_t *o = listed(name);
	json_t *user = json_array_get(json_object_get(o, "used_by"), 0);

	assert_string_equal(json_string_value(json_object_get(user, member)), expected);
	json_decref(o);
}

static void a_rotation_waits_for_apply(void **state)
{
	struct secret now = {0};
	json_t *o;
	char *text;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	o = asks_for(API_SECRET_ROTATE, "store", false);
	assert_int_equal(client.status, 200);
	heard(json_string_value(json_object_get(o, "ok")), "it waits as store.next");
	heard(json_string_value(json_object_get(o, "ok")), "devices may then use the present one");
	json_decref(o);
	o = listed("store.next");
	assert_true(json_is_true(json_object_get(o, "waits")));
	json_decref(o);
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	assert_int_equal(client.status, 409);
	/* Nobody uses it before, whatever else is applied, and whoever is started again. */
	world_forget();
	world_apply_order(
		(struct apply_order){.documents = documents_copy(revision_documents(world.hub))});
	assert_true(holds("store", KEY));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	world_apply();
	assert_true(world.applied.ok);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	assert_true(vault_get("store", &now) && holds("store.previous", KEY));
	assert_int_equal(now.len, VAULT_MADE_LEN);
	assert_false(vault_has("store.next"));
	/* No answer has any of them. */
	text = asks((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	assert_non_null(strstr(text, "\"store.previous\""));
	assert_null(memmem(text, strlen(text), now.bytes, now.len));
	assert_null(strstr(text, KEY));
	free(text);
	secret_clear(&now);
	for (const char *const *name = (const char *const[]){"../../etc/x", "", "x.next",
		     "a23456789012345678901234567", NULL};
		*name; name++) {
		json_decref(asks_for(API_SECRET_ROTATE, *name, false));
		assert_int_equal(client.status, 400);
	}
	json_decref(asks_for(API_SECRET_ROTATE, "fresh", false));
	assert_int_equal(client.status, 200);
	assert_true(vault_has("fresh") && !vault_has("fresh.next"));
}

static void what_is_set_over_another_waits_too(void **state)
{
	char text[80];

	(void)state;
	assert_string_equal(sets("store", memfd_of(KEY, SEALS)), "");
	heard(answer.text, "the secret store is there");
	assert_string_equal(sets("store", memfd_of("the.next-secret", SEALS)), "");
	heard(answer.text, "it waits as store.next");
	heard(answer.text, "a new tunnel is refused with it: a character is no letter");
	assert_string_equal(reveals("store", text), "");
	assert_string_equal(text, KEY);
	assert_string_equal(reveals("store.next", text), "");
	assert_string_equal(text, "the.next-secret");
	/* Whoever has mistyped it types it again. */
	assert_string_equal(sets("store", memfd_of("the.next_secret", SEALS)), "");
	assert_null(strstr(answer.text, "refused"));
	world_apply();
	assert_true(holds("store", "the.next_secret") && holds("store.previous", KEY));
	heard(sets("store", memfd_of("the.last_secret", SEALS)),
		"devices may still use store.previous");
	heard(sets("store.next", memfd_of(KEY, SEALS)), "given by sluiced");
}

/* Which uses have no second key is said by their names. */
static void what_knows_no_second_key_is_told(void **state)
{
	json_t *o;

	(void)state;
	assert_true(vault_set("md5", KEY, strlen(KEY)));
	world_configure(ACCESS, WORLD_SITE("one", "1", "    bgp_password: 'secret:md5'\n"));
	world_apply();
	assert_true(world.applied.ok);
	o = asks_for(API_SECRET_ROTATE, "md5", false);
	heard(json_string_value(json_object_get(o, "ok")),
		"as bgp_password (site 'one') there is no overlap");
	assert_null(strstr(json_string_value(json_object_get(o, "ok")), "as psk"));
	json_decref(o);
	user_of("md5", "as", "bgp_password");
}

static void an_overlap_ends_by_itself(void **state)
{
	const int64_t now = (int64_t)(clock_wall() / CLOCK_SECOND);
	json_t *entries;
	char *line;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	world_shows(2, TUNNEL_KEY_PRESENT);
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_apply();
	world_shows(2, TUNNEL_KEY_PREVIOUS);
	user_of("store.previous", "shown", "previous");
	/* A device that has the old one, or has not been heard of, needs it. */
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	assert_true(vault_has("store.previous"));
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", false));
	assert_int_equal(client.status, 409);
	world_tunnel(2, TUNNEL_DOWN);
	user_of("store.previous", "shown", "none");
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	assert_true(vault_has("store.previous"));
	/* Nor is it over at once: the one that it was put back from may come back. */
	world_shows(2, TUNNEL_KEY_PRESENT);
	user_of("store.previous", "shown", "present");
	secret_overlaps_look(world.hub, now + SECRET_OVERLAP_S / 2);
	assert_true(vault_has("store.previous"));
	world_forget();
	secret_overlaps_look(world.hub, now + 2 * SECRET_OVERLAP_S);
	world_turn();
	assert_false(vault_has("store.previous"));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	entries = world_entries();
	line = json_dumps(json_array_get(entries, json_array_size(entries) - 1), 0);
	assert_non_null(strstr(line, "store.previous"));
	free(line);
	json_decref(entries);
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	assert_int_equal(client.status, 200);
}

static void a_person_ends_an_overlap(void **state)
{
	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	world_apply();
	world_forget();
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", true));
	assert_int_equal(client.status, 200);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", true));
	assert_int_equal(client.status, 404);
}

static void deleted(const char *name, bool force, unsigned int status, const char *detail)
{
	json_t *o = asks_for(API_SECRET_DELETE, name, force);

	assert_int_equal(client.status, status);
	heard(json_string_value(json_object_get(o, status == 200 ? "ok" : "detail")), detail);
	json_decref(o);
}

/* Also by a configuration that is not in force now. */
static void what_is_needed_is_not_deleted(void **state)
{
	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	deleted("store", false, 409,
		"site 'sealed' tunnel 0 has it as psk in the configuration in force");
	/* It goes back, if nobody confirms. */
	world_configure(ACCESS, WORLD_SITE("one", "1", ""));
	world_apply_order((struct apply_order){.confirm_s = 600});
	assert_true(world.applied.ok);
	deleted("store", false, 409, "that comes back if nobody confirms, revision 1");
	world_apply_order((struct apply_order){.back_to = revision_before(world.hub),
		.documents = documents_copy(revision_documents(world.hub))});
	assert_true(world.applied.ok);
	/* The next start has it. */
	world_configure(ACCESS, WORLD_SITE("one", "1", "") SEALED);
	world_apply_order((struct apply_order){.next_start = true});
	assert_true(world.applied.ok);
	deleted("store", false, 409, "of the next start, revision");
	deleted("store", true, 200, "deleted");
	deleted("store", true, 404, "no secret is named 'store'");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST(what_is_set_is_used_and_shown),
		HUB_TEST(what_is_no_secret_is_refused),
		HUB_TEST(only_sealed_memory_is_read),
		HUB_TEST(what_is_no_request_is_refused),
		HUB_TEST(roles_hold_there_too),
		HUB_TEST(what_cannot_be_written_down_is_not_shown),
		HUB_TEST(descriptors_that_nobody_asked_for_are_closed),
		HUB_TEST(without_descriptors_hub_waits),
		HUB_TEST(nobody_takes_the_place_of_another),
		HUB_TEST(a_rotation_waits_for_apply),
		HUB_TEST(what_is_set_over_another_waits_too),
		HUB_TEST(what_knows_no_second_key_is_told),
		HUB_TEST(an_overlap_ends_by_itself),
		HUB_TEST(a_person_ends_an_overlap),
		HUB_TEST(what_is_needed_is_not_deleted),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_vault", tests, NULL, NULL);
}
