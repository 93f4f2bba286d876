/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that hub keeps sealed, over the socket that is hub's own. */
#include "vault_world.h"

#include <dirent.h>
#include <grp.h>
#include <limits.h>
#include <sys/syscall.h>

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

	json_t *entries;
	char *lines;

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
	entries = world_entries();
	lines = json_dumps(entries, 0);
	heard(lines, "\"verb\": \"secret-show\", \"secret\": \"store\", \"outcome\": \"refused\"");
	heard(lines, "it needs the role secret-reader without a scope");
	free(lines);
	json_decref(entries);
}

/* Who asks again and again does not fill it. */
static void refusals_are_written_down_in_time(void **state)
{
	json_t *entries;
	char text[80];

	(void)state;
	if (getuid())
		skip();
	assert_int_equal(chmod(world.dir, 0755), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(setgroups(0, NULL), 0);
	assert_int_equal(setegid(65534), 0);
	as = 4712;
	for (int i = 0; i < AUDIT_BURST + 30; i++)
		heard(reveals("store", text), "you may not do that");
	as = 0;
	assert_int_equal(setegid(0), 0);
	entries = world_entries();
	assert_in_range(json_array_size(entries), 1, AUDIT_BURST + 5);
	json_decref(entries);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST(what_is_set_is_used_and_shown),
		HUB_TEST(what_is_no_secret_is_refused),
		HUB_TEST(only_sealed_memory_is_read),
		HUB_TEST(what_is_no_request_is_refused),
		HUB_TEST(roles_hold_there_too),
		HUB_TEST(refusals_are_written_down_in_time),
		HUB_TEST(what_cannot_be_written_down_is_not_shown),
		HUB_TEST(descriptors_that_nobody_asked_for_are_closed),
		HUB_TEST(without_descriptors_hub_waits),
		HUB_TEST(nobody_takes_the_place_of_another),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_vault", tests, NULL, NULL);
}
