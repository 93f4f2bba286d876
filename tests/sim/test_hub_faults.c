/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hub is killed at every call that changes a file while a change is made, one call after the other: the next start has
 * the revision of before in force or all of the new one, its files are those, nothing is left half made, and the audit
 * log holds.
 */
#include "site_world.h"

#include "hub/secret/rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/syscall.h>

/* ---- the calls ---- */

enum { FINISHED = 0, KILLED = 9 };

static bool armed;
static int before_call; /* calls that are still to come until it is killed */

static bool is_ours(const char *path)
{
	return armed && !strncmp(path, world.dir, strlen(world.dir));
}

static bool is_ours_fd(int fd)
{
	char link[64], path[PATH_MAX] = "";

	if (!armed)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return readlink(link, path, sizeof(path) - 1) > 0 && is_ours(path);
}

/* Threads of hub count as well, and none goes on when another one has been killed. */
static bool is_the_one(void)
{
	return __atomic_sub_fetch(&before_call, 1, __ATOMIC_SEQ_CST) <= 0;
}

static void call(bool ours)
{
	if (ours && is_the_one())
		_exit(KILLED);
}

int openat(int directory, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	call(flags & O_CREAT && (path[0] == '/' ? is_ours(path) : is_ours_fd(directory)));
	return (int)syscall(SYS_openat, directory, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return openat(AT_FDCWD, path, flags, mode);
}

/* Before it, and in its middle. */
ssize_t write(int fd, const void *bytes, size_t len)
{
	bool ours = is_ours_fd(fd);

	call(ours);
	if (ours && is_the_one()) {
		(void)!syscall(SYS_write, fd, bytes, len / 2);
		_exit(KILLED);
	}
	return syscall(SYS_write, fd, bytes, len);
}

/* A kill loses nothing of what the kernel has. */
int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	(void)fd;
	return 0;
}

int rename(const char *from, const char *to)
{
	call(is_ours(to));
	return (int)syscall(SYS_rename, from, to);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
	call(is_ours_fd(to_directory));
	return (int)syscall(SYS_renameat, from_directory, from, to_directory, to);
}

int link(const char *from, const char *to)
{
	call(is_ours(to));
	return (int)syscall(SYS_link, from, to);
}

int unlink(const char *path)
{
	call(is_ours(path));
	return (int)syscall(SYS_unlink, path);
}

int unlinkat(int directory, const char *path, int flags)
{
	call(is_ours_fd(directory));
	return (int)syscall(SYS_unlinkat, directory, path, flags);
}

int remove(const char *path)
{
	call(is_ours(path));
	if (!syscall(SYS_unlink, path))
		return 0;
	return errno == EISDIR ? (int)syscall(SYS_rmdir, path) : -1;
}

int mkdir(const char *path, mode_t mode)
{
	call(is_ours(path));
	return (int)syscall(SYS_mkdir, path, mode);
}

int ftruncate(int fd, off_t len)
{
	call(is_ours_fd(fd));
	return (int)syscall(SYS_ftruncate, fd, len);
}

int fchmod(int fd, mode_t mode)
{
	call(is_ours_fd(fd));
	return (int)syscall(SYS_fchmod, fd, mode);
}

/* In the place of the one of libc, whose open() would be its own. */
int mkostemp(char *name, int flags)
{
	static unsigned int drawn;
	char *end = name + strlen(name) - 6, digits[16];

	snprintf(digits, sizeof(digits), "%06u", __atomic_add_fetch(&drawn, 1, __ATOMIC_SEQ_CST));
	memcpy(end, digits, 6);
	return open(name, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
}

/* ---- what is there ---- */

/* All files but revisions and the audit log, the first ones by name first; their contents where they are documents. */
static char *listed;
static FILE *list;

static int add_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	const char *name = path + strlen(world.dir) + (path[strlen(world.dir)] == '/');
	static char text[8192];
	FILE *f;

	(void)at;
	if (kind == FTW_D || !strcmp(name, "control") || !strncmp(name, "audit/", 6) ||
		!strncmp(name, "revisions/", 10) || S_ISSOCK(st->st_mode))
		return 0;
	fprintf(list, "%s\n", name);
	if (!strncmp(name, "secrets/", 8)) {
		struct secret s = {0};

		(void)vault_get(name + 8, &s);
		fprintf(list, "%s is %.*s\n", name, (int)s.len, (const char *)s.bytes);
		secret_clear(&s);
	}
	if (!strstr(name, ".yaml") || !(f = fopen(path, "re")))
		return 0;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	fprintf(list, "%s\n", text);
	return 0;
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *sorted(const char *text)
{
	char *lines[512], *copy = strdup(text), *all = calloc(1, strlen(text) + 2);
	size_t count = 0;

	for (char *line = strtok(copy, "\n"); line && count < 512; line = strtok(NULL, "\n"))
		lines[count++] = line;
	qsort(lines, count, sizeof(*lines), by_line);
	for (size_t i = 0; i < count; i++) {
		strcat(all, lines[i]);
		strcat(all, "\n");
	}
	free(copy);
	return all;
}

static char *files_as_text(void)
{
	size_t len;
	char *text;

	list = open_memstream(&listed, &len);
	assert_non_null(list);
	assert_int_equal(nftw(world.dir, add_file, 8, FTW_PHYS), 0);
	fclose(list);
	text = sorted(listed);
	free(listed);
	return text;
}

/* What is in force, as text. */
static char *documents_as_text(void)
{
	const struct documents *d = revision_documents(world.hub);
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	for (size_t i = 0; i < d->count; i++)
		fprintf(f, "%s:\n%.*s\n", d->list[i].site, (int)d->list[i].len, d->list[i].text);
	fclose(f);
	return text;
}

struct state {
	uint64_t number;
	char *documents, *files;
};

static struct state look(void)
{
	return (struct state){revision_number(world.hub), documents_as_text(), files_as_text()};
}

static void forget(struct state *s)
{
	free(s->documents);
	free(s->files);
}

/* ---- a change ---- */

struct change {
	void (*prepare)(void), (*make)(void);
	void (*settle)(void); /* after the start that follows; NULL: nothing has to */
};

static void shell(const char *format)
{
	char command[256];

	snprintf(command, sizeof(command), format, world.dir, world.dir, world.dir);
	assert_int_equal(system(command), 0);
}

static void begin_again(void)
{
	shell("rm -rf %s && cp -a %s.base %s");
}

static void start(void)
{
	world_run();
	client.number = world_connect(&client.fd);
}

static void stop(void)
{
	close(client.fd);
	world_stop();
}

/* How it ended. */
static int make_until(const struct change *c, int calls)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setenv("CMOCKA_TEST_ABORT", "1", 1);
		start();
		before_call = calls;
		armed = true;
		c->make();
		_exit(__atomic_load_n(&before_call, __ATOMIC_SEQ_CST) > 0 ? FINISHED : KILLED);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void audit_holds(void)
{
	char why[AUDIT_WHY_SIZE];
	uint64_t first, lines;

	if (!audit_verify(world.audit, &first, &lines, why))
		fail_msg("%s", why);
}

/* What a kill has left that is neither: all of it is told. */
static unsigned int wrong;

__attribute__((format(printf, 1, 2))) static void is_wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	wrong++;
}

/* Numbers only. */
static void nothing_beside_revisions(int calls)
{
	DIR *d = opendir(world.revisions);

	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
			strspn(e->d_name, "0123456789") != strlen(e->d_name))
			is_wrong("killed at call %d: revisions/%s is left\n", calls, e->d_name);
	}
	closedir(d);
}

static bool is_as(const struct state *a, const struct state *b)
{
	return a->number == b->number && !strcmp(a->documents, b->documents) &&
	       !strcmp(a->files, b->files);
}

static void is_one_of(int calls, const struct state *old, const struct state *new)
{
	struct state is = look();

	if (!is_as(&is, old) && !is_as(&is, new))
		is_wrong("killed at call %d: neither revision %u nor %u, but %u:\n%s\n%s\n", calls,
			(unsigned int)old->number, (unsigned int)new->number,
			(unsigned int)is.number, is.documents, is.files);
	forget(&is);
	nothing_beside_revisions(calls);
}

static void killed_at_each_call(const struct change *c)
{
	struct state old, new;
	int calls, status;

	wrong = 0;
	start();
	if (c->prepare)
		c->prepare();
	stop();
	shell("rm -rf %s.base && cp -a %s %s.base");
	start();
	old = look();
	c->make();
	new = look();
	stop();
	for (calls = 1;; calls++) {
		begin_again();
		status = make_until(c, calls);
		if (status == FINISHED)
			break;
		if (status != KILLED)
			fail_msg("at call %d it ended with %d", calls, status);
		start();
		if (c->settle)
			c->settle();
		is_one_of(calls, &old, &new);
		stop();
		audit_holds();
	}
	print_message("%d calls\n", calls - 1);
	forget(&old);
	forget(&new);
	assert_true(calls > 5);
	assert_int_equal(wrong, 0);
}

/* ---- changes ---- */

static void create(void)
{
	done(CREATE, "two", "{\"rate\": \"5M\"}");
}

static void set(void)
{
	done((struct imsg_api_request){.verb = API_SITE_SET}, "two", "{\"rate\": \"7M\"}");
}

static void delete (void)
{
	done(DELETE, "two", NULL);
}

static void import(void)
{
	static const char sites[] =
		"[{\"site\": \"three\"}, {\"site\": \"two\", \"values\": {\"rate\": \"6M\"}}, "
		"{\"site\": \"four\", \"values\": {\"labels.region\": \"north\"}}]";
	struct imsg_api_request r = {.verb = API_SITE_IMPORT};
	json_t *o = json_loads(sites, 0, NULL);
	char why[ROW_WHY_SIZE];
	struct rows rows;

	assert_true(rows_of_sites(o, &rows, why));
	json_decref(o);
	r.rows = (uint32_t)rows.len;
	sealed = rows_seal(&rows);
	free(rows.many);
	done(r, "", NULL);
}

static void set_hub(void)
{
	done((struct imsg_api_request){.verb = API_HUB_SET}, "",
		"{\"concentrator.burst\": \"300k\"}");
}

static void adopt(void)
{
	done((struct imsg_api_request){.verb = API_SITE_ADOPT}, "one", NULL);
}

/* A person does, and has not applied it. */
static void edit(void)
{
	char *text;

	create();
	text = strdup(content("sites/two.yaml"));
	assert_non_null(text);
	memcpy(strstr(text, "5M"), "8M", 2);
	world_write("sites/two.yaml", text);
	free(text);
}

static void apply(void)
{
	world_apply();
	assert_true(world.applied.ok);
}

/* The time to confirm is over. */
static void gone_back(void)
{
	if (revision_waits(world.hub))
		revision_late_again(world.hub, 0);
	world_until(!revision_waits(world.hub));
	world_written();
}

static void apply_for_a_while(void)
{
	world_apply_order((struct apply_order){.confirm_s = 600});
	assert_true(world.applied.ok);
	gone_back();
}

static void roll_back(void)
{
	done((struct imsg_api_request){.verb = API_ROLLBACK, .revisions = {2}, .allow = "tunnel"},
		"", NULL);
}

static void rotate_to(const char *text)
{
	struct secret s = {0};
	char why[ROTATION_WHY_SIZE];

	assert_true(secret_set(&s, (const uint8_t *)text, strlen(text)));
	assert_in_range(rotation_set("store", &s, false, why), ROTATION_DONE, ROTATION_WAITS);
	secret_clear(&s);
}

static void with_secret(void)
{
	rotate_to("the_first.of_tests");
	done(CREATE, "two", "{\"tunnels.0.psk\": \"secret:store\"}");
}

static void rotate(void)
{
	rotate_to("the_second.of_tests");
}

static void with_one_waiting(void)
{
	with_secret();
	rotate();
}

static void make_token(void)
{
	json_decref(does((struct imsg_api_request){.verb = API_TOKEN_CREATE, .role = ROLE_VIEWER},
		"", NULL));
}

static void creating(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.make = create});
}

static void setting(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = create, .make = set});
}

static void deleting(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = create, .make = delete});
}

static void importing(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = create, .make = import});
}

static void setting_the_hub(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.make = set_hub});
}

static void adopting(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.make = adopt});
}

static void applying(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = edit, .make = apply});
}

static void going_back_by_itself(void **state)
{
	(void)state;
	killed_at_each_call(
		&(struct change){.prepare = edit, .make = apply_for_a_while, .settle = gone_back});
}

static void going_back(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = create, .make = roll_back});
}

static void a_secret_that_waits(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = with_secret, .make = rotate});
}

static void a_secret_that_is_taken_over(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.prepare = with_one_waiting, .make = apply});
}

static void a_token(void **state)
{
	(void)state;
	killed_at_each_call(&(struct change){.make = make_token});
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, sets_up, ends_all)

static int sets_up(void **state)
{
	int failed = begins(state);

	stop();
	world.without_processes = true;
	return failed;
}

static int ends_all(void **state)
{
	(void)state;
	armed = false;
	if (world.hub)
		stop();
	shell("rm -rf %s.base");
	return world_finish(state);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(creating),
		TEST(setting),
		TEST(deleting),
		TEST(importing),
		TEST(setting_the_hub),
		TEST(adopting),
		TEST(applying),
		TEST(going_back_by_itself),
		TEST(going_back),
		TEST(a_secret_that_waits),
		TEST(a_secret_that_is_taken_over),
		TEST(a_token),
	};

	world_be_child(argc, argv);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]); /* one kind of change */
	return cmocka_run_group_tests_name("hub_faults", tests, NULL, NULL);
}
