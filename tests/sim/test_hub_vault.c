/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that hub keeps sealed: over the socket that is hub's own, and what api may know of them, which is their names. */
#include "api_world.h"

#include "hub/api/secret_socket.h"
#include "hub/secret/secret.h"
#include "hub/secret/vault.h"
#include "ipc/msg_secret.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
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

/* Sends so many bytes of a request with a descriptor; what comes back, or -1. False: no answer. */
static bool asks_socket(const void *request, size_t len, int own_fd, int *out)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0}, back = {0};
	struct iovec bytes = {(void *)request, len}, to = {&answer, sizeof(answer)};
	struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1},
		      reply = {.msg_iov = &to,
			      .msg_iovlen = 1,
			      .msg_control = &back,
			      .msg_controllen = sizeof(back.room)};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ssize_t n;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	if (as)
		assert_int_equal(seteuid(as), 0);
	assert_int_equal(connect(s, (struct sockaddr *)&un, sizeof(un)), 0);
	if (as)
		assert_int_equal(seteuid(0), 0);
	if (own_fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &own_fd, sizeof(own_fd));
	}
	assert_int_equal(sendmsg(s, &m, MSG_NOSIGNAL), len);
	if (own_fd >= 0)
		close(own_fd);
	world_turn();
	n = recvmsg(s, &reply, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	*out = -1;
	if (n > 0 && CMSG_FIRSTHDR(&reply))
		memcpy(out, CMSG_DATA(CMSG_FIRSTHDR(&reply)), sizeof(*out));
	close(s);
	return n == sizeof(answer);
}

/* Why not; "": it was done. */
static const char *sets(const char *name, int own_fd)
{
	struct secret_request r = {.verb = SECRET_SET};
	int out;

	snprintf(r.name, sizeof(r.name), "%s", name);
	assert_true(asks_socket(&r, sizeof(r), own_fd, &out));
	assert_int_equal(out, -1);
	assert_int_equal(answer.refused, answer.text[0] != '\0');
	return answer.text;
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

static void what_no_device_takes_is_refused(void **state)
{
	char longest[200] = "";

	(void)state;
	for (const char *const *key = (const char *const[]){"short", "0leading.zero", "with space",
		     "with-dash-in-it", "",
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
	heard(sets("store", memfd_of(longest, SEALS)), "8 to 64 characters");
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
	assert_false(asks_socket(long_one, sizeof(long_one), -1, &out));
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

static unsigned int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

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

static void a_rotation_keeps_the_one_of_before(void **state)
{
	struct secret now = {0}, before = {0};
	char *text;

	(void)state;
	assert_true(vault_set("store", KEY, strlen(KEY)));
	world_apply();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	assert_int_equal(client.status, 200);
	assert_true(vault_get("store", &now) && vault_get("store.previous", &before));
	assert_int_equal(now.len, VAULT_MADE_LEN);
	assert_int_equal(before.len, strlen(KEY));
	assert_memory_equal(before.bytes, KEY, before.len);
	/* A second one would take from devices what they have. */
	json_decref(asks_for(API_SECRET_ROTATE, "store", false));
	assert_int_equal(client.status, 409);
	/* Applied, ike has both. */
	world_apply();
	assert_true(world.applied.ok);
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_PSK_PREVIOUS, 2));
	/* No answer has any of them. */
	text = asks((struct imsg_api_request){.verb = API_SECRET_LIST, .tunnel = -1});
	assert_non_null(strstr(text, "\"store.previous\""));
	assert_null(memmem(text, strlen(text), now.bytes, now.len));
	assert_null(strstr(text, KEY));
	free(text);
	/* The end of the overlap. */
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", false));
	assert_int_equal(client.status, 409);
	json_decref(asks_for(API_SECRET_DELETE, "store.previous", true));
	assert_int_equal(client.status, 200);
	json_decref(asks_for(API_SECRET_DELETE, "store", false));
	assert_int_equal(client.status, 409);
	json_decref(asks_for(API_SECRET_DELETE, "none", true));
	assert_int_equal(client.status, 404);
	json_decref(asks_for(API_SECRET_ROTATE, "../../etc/x", false));
	assert_int_equal(client.status, 500);
	json_decref(asks_for(API_SECRET_ROTATE, "a23456789012345678901234567", false));
	assert_int_equal(client.status, 400);
	json_decref(asks_for(API_SECRET_ROTATE, "fresh", false));
	assert_int_equal(client.status, 200);
	assert_true(vault_has("fresh") && !vault_has("fresh.previous"));
	secret_clear(&now);
	secret_clear(&before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST(what_is_set_is_used_and_shown),
		HUB_TEST(what_no_device_takes_is_refused),
		HUB_TEST(only_sealed_memory_is_read),
		HUB_TEST(what_is_no_request_is_refused),
		HUB_TEST(roles_hold_there_too),
		HUB_TEST(what_cannot_be_written_down_is_not_shown),
		HUB_TEST(descriptors_that_nobody_asked_for_are_closed),
		HUB_TEST(without_descriptors_hub_waits),
		HUB_TEST(nobody_takes_the_place_of_another),
		HUB_TEST(a_rotation_keeps_the_one_of_before),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_vault", tests, NULL, NULL);
}
