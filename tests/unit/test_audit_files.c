/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the audit log: one follows the other, old ones go, and a thread sees to it that they are on the disk. */
#include "audit_lab.h"

static void files_follow_each_other(void **state)
{
	char why[AUDIT_WHY_SIZE];
	struct audit_log *log = must_open();
	char filler[3000], **names;
	uint64_t n = 0;
	int files = 0, fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	while (files <= 2) {
		n = audit_write(log, json_pack("{s:s}", "detail", filler), CLOCK_SECOND, why);
		assert_true(n > 0);
		files = audit_old_files(fd, &names);
		assert_true(files >= 0);
		audit_names_free(names, files);
	}
	audit_close(log);
	verifies(n);
	write_lines(1);
	verifies(n + 1);
	/* One in between goes. */
	files = audit_old_files(fd, &names);
	assert_int_equal(files, 3);
	char *kept = strdup(path_of(names[1]));
	assert_int_equal(rename(kept, path_of("aside")), 0);
	finds("not the line that was written after number");
	assert_int_equal(rename(path_of("aside"), kept), 0);
	verifies(n + 1);
	/* The oldest goes, which only the daemon may do. */
	free(kept);
	kept = strdup(path_of(names[0]));
	assert_int_equal(rename(kept, path_of("aside")), 0);
	finds(":1: not the line that was written after number 0");
	free(kept);
	audit_names_free(names, files);
	close(fd);
}

/* So many long lines that another file begins. */
static void fill_file(struct audit_log *log)
{
	char filler[3000], why[AUDIT_WHY_SIZE];

	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	for (unsigned int i = 0; i < AUDIT_FILE_MAX / sizeof(filler) + 2; i++)
		assert_true(audit_write(log, json_pack("{s:s}", "detail", filler), 1, why) > 0);
}

/* Files of two lines each, as if they were as long as that. */
static void make_old_files(int fd, int count)
{
	char name[NAME_MAX];

	for (int i = 0; i < count; i++) {
		struct audit_log *log = must_open();
		uint64_t last;

		assert_true(note(log, i) > 0);
		last = note(log, i);
		assert_true(audit_close(log));
		snprintf(name, sizeof(name), AUDIT_OLD, last);
		assert_int_equal(renameat(fd, AUDIT_NOW, fd, name), 0);
	}
}

static void the_oldest_file_goes(void **state)
{
	char name[NAME_MAX], why[AUDIT_WHY_SIZE];
	struct audit_log *log;
	uint64_t first, lines;
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), files;
	char **names;

	(void)state;
	make_old_files(fd, AUDIT_FILES_MAX + 3);
	verifies(2 * (AUDIT_FILES_MAX + 3));
	log = must_open();
	fill_file(log);
	assert_true(audit_close(log));
	files = audit_old_files(fd, &names);
	assert_int_equal(files, AUDIT_FILES_MAX);
	audit_names_free(names, files);
	if (!audit_verify(directory, &first, &lines, why))
		fail_msg("%s", why);
	assert_int_equal(first, 2 * 4 + 1); /* of 20 files, four went, of two lines each */
	/* A crash came between the head and the end of the file. */
	snprintf(name, sizeof(name), AUDIT_OLD, UINT64_C(2));
	write_file(name, "{\"n\":1}\n", 8);
	if (!audit_verify(directory, &first, &lines, why))
		fail_msg("%s", why);
	close(fd);
}

/* One that was emptied is not left out: where the log would begin behind it is not known. */
static void an_old_file_without_a_mac_stays(void **state)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct audit_log *log;
	char name[NAME_MAX];

	(void)state;
	make_old_files(fd, AUDIT_FILES_MAX);
	snprintf(name, sizeof(name), AUDIT_OLD, UINT64_C(2));
	write_file(name, "", 0);
	log = must_open();
	fill_file(log);
	assert_true(audit_close(log));
	assert_int_equal(faccessat(fd, name, F_OK, 0), 0);
	finds(":1: not the line that was written after number 0");
	close(fd);
}

/* The head or the key is lost, and there are as many files as may be: what is written then is the last to go. */
static void after_a_lost_head_new_files_stay(void **state)
{
	static const char *const lost[] = {AUDIT_HEAD, AUDIT_KEY};
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), files;
	char why[AUDIT_WHY_SIZE];
	uint64_t first, lines, newest = 0;
	struct audit_log *log;
	char **names;

	(void)state;
	make_old_files(fd, AUDIT_FILES_MAX);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(unlinkat(fd, lost[i], 0), 0);
		log = audit_open(directory, why);
		assert_non_null(log);
		assert_non_null(strstr(why, "the audit log was changed"));
		fill_file(log);
		assert_true(audit_close(log));
		finds("not the line that was written");
		files = audit_old_files(fd, &names);
		assert_int_equal(files, AUDIT_FILES_MAX);
		assert_int_equal(sscanf(names[files - 1], "audit-%20" SCNu64, &lines), 1);
		assert_true(lines > 2 * AUDIT_FILES_MAX && lines > newest);
		newest = lines;
		audit_names_free(names, files);
	}
	/* When all of before is gone, what is there is true. */
	make_old_files(fd, AUDIT_FILES_MAX + 1);
	log = must_open();
	fill_file(log);
	assert_true(audit_close(log));
	if (!audit_verify(directory, &first, &lines, why))
		fail_msg("%s", why);
	assert_true(first > newest);
	close(fd);
}

/* ---- a disk that stands still ---- */

#define SYNCED_MAX 64

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stands, waited_for;
	struct stat synced[SYNCED_MAX]; /* as the file was */
	unsigned int count;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* In the place of the C library's. */
int fdatasync(int fd)
{
	struct stat st;

	pthread_mutex_lock(&disk.lock);
	disk.waited_for = true;
	pthread_cond_broadcast(&disk.changed);
	while (disk.stands)
		pthread_cond_wait(&disk.changed, &disk.lock);
	if (!fstat(fd, &st) && disk.count < SYNCED_MAX)
		disk.synced[disk.count++] = st;
	pthread_mutex_unlock(&disk.lock);
	return 0;
}

static void disk_stands(bool stands)
{
	pthread_mutex_lock(&disk.lock);
	disk.stands = stands;
	disk.count = 0;
	disk.waited_for = false;
	pthread_cond_broadcast(&disk.changed);
	pthread_mutex_unlock(&disk.lock);
}

static void disk_is_waited_for(void)
{
	pthread_mutex_lock(&disk.lock);
	while (!disk.waited_for)
		pthread_cond_wait(&disk.changed, &disk.lock);
	pthread_mutex_unlock(&disk.lock);
}

static bool is_on_disk(const char *name)
{
	struct stat st;
	bool found = false;

	assert_int_equal(stat(path_of(name), &st), 0);
	for (unsigned int i = 0; i < disk.count; i++)
		found |= disk.synced[i].st_ino == st.st_ino && disk.synced[i].st_size == st.st_size;
	return found;
}

/* Files that end meanwhile are on the disk before the head that names what came after them. */
static void files_that_end_reach_the_disk(void **state)
{
	struct audit_log *log = must_open();
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), files;
	char **names;

	(void)state;
	disk_stands(true);
	assert_true(note(log, 1) > 0);
	disk_is_waited_for();
	fill_file(log);
	fill_file(log);
	disk_stands(false);
	assert_true(audit_close(log));
	files = audit_old_files(fd, &names);
	assert_int_equal(files, 2);
	assert_true(is_on_disk(names[0]));
	assert_true(is_on_disk(names[1]));
	assert_true(is_on_disk(AUDIT_NOW));
	audit_names_free(names, files);
	close(fd);
}

/* The daemon ends all the same, and what is left is freed when the disk goes on. */
static void the_end_does_not_wait_for_ever(void **state)
{
	struct audit_log *log = must_open();
	char *before, *head = NULL;
	uint64_t begun;
	size_t len;

	(void)state;
	assert_true(audit_close(log));
	before = read_file(AUDIT_HEAD, &len);
	log = must_open();
	disk_stands(true);
	assert_true(note(log, 1) > 0);
	disk_is_waited_for();
	begun = clock_now();
	assert_false(audit_close(log));
	assert_in_range((clock_now() - begun) / CLOCK_MILLISECOND, AUDIT_END_S * 1000,
		AUDIT_END_S * 1000 + 5000);
	disk_stands(false);
	for (int i = 0; i < 500 && (!head || !strcmp(head, before)); i++) {
		usleep(10000);
		free(head);
		head = read_file(AUDIT_HEAD, &len);
	}
	assert_string_not_equal(head, before);
	free(head);
	free(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_follow_each_other),
		TEST(the_oldest_file_goes),
		TEST(an_old_file_without_a_mac_stays),
		TEST(after_a_lost_head_new_files_stay),
		TEST(files_that_end_reach_the_disk),
		TEST(the_end_does_not_wait_for_ever),
	};

	return cmocka_run_group_tests_name("audit_files", tests, NULL, NULL);
}
