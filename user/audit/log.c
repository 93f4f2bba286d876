/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/files.h"

#include "base/clock.h"
#include "base/date.h"
#include "base/secret.h"
#include "crypto/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The one that is written to, and those of before that a head does not leave out. */
#define WORK_FILES (AUDIT_FILES_MAX + 1)

/* What the thread is to have on the disk. */
struct work {
	int files[WORK_FILES]; /* whose lines, the present one last */
	unsigned int count;    /* 0: nothing to do */
	ino_t last;            /* inode of the last one */
	char head[AUDIT_HEAD_MAX];
	uint64_t begin; /* files that end there, or before, are left out by this head: they go */
};

/*
 * A line is given to the kernel by whoever has it. A thread sees to it that it is on the disk, then writes the head: so
 * the head is never ahead of the lines, and nobody else waits for the disk but when a file begins, or when the kernel
 * itself takes no more. MACs are not the thread's business.
 */
struct audit_log {
	int directory;
	uint8_t key[AUDIT_KEY_LEN];
	int file;   /* -1: to be opened again */
	off_t size; /* bytes of the file */
	ino_t inode;
	struct audit_head head; /* where the lines begin and end */

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool running, ending, ended;
	bool abandoned; /* the thread frees all */
	struct work work;
	int error; /* of what the thread did last; 0: it is on the disk */
};

static bool write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* The whole file or the one of before. */
static bool write_small(
	const struct audit_log *log, const char *name, const void *bytes, size_t len)
{
	char temporary[32];
	bool ok;
	int fd;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(log->directory, temporary,
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	ok = write_all(fd, bytes, len) && !fsync(fd);
	close(fd);
	return ok && !renameat(log->directory, temporary, log->directory, name) &&
	       !fsync(log->directory);
}

static bool open_file(struct audit_log *log)
{
	struct stat st;

	log->file = openat(log->directory, AUDIT_NOW,
		O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->file < 0 || fstat(log->file, &st))
		return false;
	log->size = st.st_size;
	log->inode = st.st_ino;
	return true;
}

/* ---- at the start ---- */

static bool is_there(const struct audit_log *log, const char *name)
{
	return !faccessat(log->directory, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* A key is made where there is no log yet. */
static bool load_key(struct audit_log *log, char why[AUDIT_WHY_SIZE])
{
	uint8_t key[AUDIT_KEY_LEN + 2];
	long n = audit_read_small(log->directory, AUDIT_KEY, key, sizeof(key));

	if (n < 0 && errno == ENOENT) {
		if (is_there(log, AUDIT_HEAD) || is_there(log, AUDIT_NOW))
			snprintf(why, AUDIT_WHY_SIZE,
				"the audit log was changed: its key is missing; a new one is made");
		random_bytes(log->key, sizeof(log->key));
		return write_small(log, AUDIT_KEY, log->key, sizeof(log->key));
	}
	if (n >= 0 && n != AUDIT_KEY_LEN)
		errno = EINVAL;
	if (n != AUDIT_KEY_LEN)
		return false;
	memcpy(log->key, key, sizeof(log->key));
	secret_wipe(key, sizeof(key));
	return true;
}

/* What is found in the file that is written to. */
struct tail {
	const struct audit_log *log;
	struct audit_place at;
	bool found;   /* the line that the head names was there, or the file begins behind it */
	bool foreign; /* a line that does not follow */
	off_t whole;  /* bytes of whole lines */
};

static void look_at_line(
	void *context, const char *file, unsigned int number, const char *line, size_t len)
{
	struct tail *t = context;
	uint8_t mac[AUDIT_MAC_LEN];

	(void)file;
	if (t->whole + (off_t)len >= t->log->size)
		return; /* half a line: nothing ended it */
	t->whole += (off_t)len + 1;
	if (t->found) {
		t->foreign |= !audit_follow(&t->at, t->log->key, line, len);
		return;
	}
	t->found = audit_mac_of(line, len, mac) && !memcmp(mac, t->at.last, sizeof(mac));
	if (!t->found && number == 1) { /* the file may have begun after the head was written */
		struct audit_place behind = t->at;

		t->found = audit_follow(&behind, t->log->key, line, len);
		if (t->found)
			t->at = behind;
	}
}

/* Whether the line that the head names is the last one of a file of before. */
static bool ended_before(const struct audit_log *log)
{
	char old[NAME_MAX];

	snprintf(old, sizeof(old), AUDIT_OLD, log->head.end.count);
	return !log->head.end.count || is_there(log, old);
}

/* Cuts off half a line, takes in whole ones behind the place; says what does not belong there. */
static bool mend_end(struct audit_log *log, char why[AUDIT_WHY_SIZE])
{
	struct tail t = {.log = log, .at = log->head.end};

	if (!audit_read_file(log->directory, AUDIT_NOW, look_at_line, &t))
		return false;
	if (t.whole < log->size) {
		if (ftruncate(log->file, t.whole))
			return false;
		log->size = t.whole;
	}
	/* With the head everything is lost that could tell what belongs here. */
	if (why[0])
		return true;
	if (t.foreign || (t.whole ? !t.found : !ended_before(log)))
		snprintf(why, AUDIT_WHY_SIZE,
			"the audit log was changed: its end is not the one that was written");
	else
		log->head.end = t.at;
	return true;
}

/* The number of the last line of all files of before, by their names; 0: there are none. */
static uint64_t last_old_number(const struct audit_log *log)
{
	char **names;
	int n = audit_old_files(log->directory, &names);
	uint64_t last = 0, number;

	for (int i = 0; i < n; i++) {
		if (sscanf(names[i], "audit-%20" SCNu64, &number) == 1 && number > last)
			last = number;
	}
	if (n >= 0)
		audit_names_free(names, n);
	return last;
}

/* Without a head, numbers go on behind all files that are there: else the next one would be the oldest, and go first. */
static bool load_head(struct audit_log *log, char why[AUDIT_WHY_SIZE])
{
	char text[AUDIT_HEAD_MAX];
	long n = audit_read_small(log->directory, AUDIT_HEAD, text, sizeof(text));
	uint64_t last;

	if (n >= 0 && audit_head_read(&log->head, log->key, text))
		return true;
	if (n < 0 && errno != ENOENT)
		return false;
	last = last_old_number(log);
	log->head = (struct audit_head){.end.count = last};
	if (!why[0] && (n >= 0 || log->size || last))
		snprintf(why, AUDIT_WHY_SIZE,
			"the audit log was changed: its head is %s; lines are numbered from "
			"%" PRIu64 " again",
			n < 0 ? "missing" : "not the one that was written", last + 1);
	return true;
}

/* Whoever compares lines and head right after the first start finds both. Later heads are written by the thread. */
static bool write_first_head(const struct audit_log *log)
{
	char head[AUDIT_HEAD_MAX];

	if (is_there(log, AUDIT_HEAD))
		return true;
	audit_head_write(&log->head, log->key, head);
	return write_small(log, AUDIT_HEAD, head, strlen(head));
}

/* With the directory that it is in, which is a daemon's own, too. */
static bool make_directory(const char *directory)
{
	char above[PATH_MAX];
	char *slash;

	snprintf(above, sizeof(above), "%s", directory);
	slash = strrchr(above, '/');
	if (slash && slash != above) {
		*slash = '\0';
		if (mkdir(above, 0755) && errno != EEXIST)
			return false;
	}
	return !mkdir(directory, 0700) || errno == EEXIST;
}

/* ---- the thread ---- */

/* A crash may have come between the head and the end of a file that it leaves out: so all are looked at. */
static void drop_files(const struct audit_log *log, uint64_t begin)
{
	char **names;
	int n = audit_old_files(log->directory, &names);
	uint64_t last;

	for (int i = 0; i < n; i++) {
		if (sscanf(names[i], "audit-%20" SCNu64, &last) == 1 && last <= begin)
			(void)unlinkat(log->directory, names[i], 0);
	}
	if (n >= 0)
		audit_names_free(names, n);
}

/* 0, or an errno. */
static int carry_out(const struct audit_log *log, const struct work *w)
{
	int error = 0;

	for (unsigned int i = 0; i < w->count; i++) {
		if (!error && fdatasync(w->files[i]))
			error = errno;
		close(w->files[i]);
	}
	if (!error && !write_small(log, AUDIT_HEAD, w->head, strlen(w->head)))
		error = errno;
	if (!error)
		drop_files(log, w->begin);
	return error;
}

static void log_free(struct audit_log *log)
{
	pthread_cond_destroy(&log->changed);
	pthread_mutex_destroy(&log->lock);
	if (log->file >= 0)
		close(log->file);
	if (log->directory >= 0)
		close(log->directory);
	secret_wipe(log, sizeof(*log));
	free(log);
}

static void *run(void *arg)
{
	struct audit_log *log = arg;
	bool abandoned;
	struct work w;
	int error;

	pthread_mutex_lock(&log->lock);
	for (;;) {
		while (!log->work.count && !log->ending)
			pthread_cond_wait(&log->changed, &log->lock);
		if (!log->work.count)
			break;
		w = log->work;
		log->work.count = 0;
		pthread_mutex_unlock(&log->lock);
		error = carry_out(log, &w);
		pthread_mutex_lock(&log->lock);
		log->error = error;
	}
	log->ended = true;
	abandoned = log->abandoned;
	pthread_cond_broadcast(&log->changed);
	pthread_mutex_unlock(&log->lock);
	if (abandoned)
		log_free(log);
	return NULL;
}

/* The present file behind those that the thread has not begun yet; false with errno. */
static bool add_file(const struct audit_log *log, struct work *w)
{
	int file;

	if (w->count && w->last == log->inode)
		return true;
	file = fcntl(log->file, F_DUPFD_CLOEXEC, 0);
	if (file < 0)
		return false;
	if (w->count == WORK_FILES) { /* so many files later the head leaves it out */
		close(w->files[0]);
		memmove(w->files, w->files + 1, --w->count * sizeof(w->files[0]));
	}
	w->files[w->count++] = file;
	w->last = log->inode;
	return true;
}

/* What the thread has not begun yet is in it, too. Returns its last error, or 0. */
static int hand_over(struct audit_log *log)
{
	char head[AUDIT_HEAD_MAX];
	int error;

	audit_head_write(&log->head, log->key, head);
	pthread_mutex_lock(&log->lock);
	error = add_file(log, &log->work) ? log->error : errno;
	if (log->work.count && log->work.last == log->inode) {
		memcpy(log->work.head, head, sizeof(head));
		log->work.begin = log->head.begin.count;
		pthread_cond_broadcast(&log->changed);
	}
	pthread_mutex_unlock(&log->lock);
	return error;
}

/* Signals are the caller's. */
static bool start_thread(struct audit_log *log)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&log->thread, NULL, run, log);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	log->running = !error;
	return log->running;
}

struct audit_log *audit_open(const char *directory, char why[AUDIT_WHY_SIZE])
{
	struct audit_log *log = calloc(1, sizeof(*log));
	pthread_condattr_t attributes;

	if (!log)
		abort();
	why[0] = '\0';
	log->file = log->directory = -1;
	pthread_mutex_init(&log->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&log->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!make_directory(directory))
		goto failed;
	log->directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (log->directory < 0 || !load_key(log, why) || !open_file(log) || !load_head(log, why) ||
		!mend_end(log, why) || !write_first_head(log) || !start_thread(log))
		goto failed;
	(void)hand_over(log);
	return log;
failed:
	snprintf(why, AUDIT_WHY_SIZE, "%.150s: %s", directory, strerror(errno));
	(void)audit_close(log);
	return NULL;
}

/* Whether the thread has ended; one that has not frees the log when it does. */
static bool end_thread(struct audit_log *log)
{
	struct timespec until;
	int error = 0;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += AUDIT_END_S;
	pthread_mutex_lock(&log->lock);
	log->ending = true;
	pthread_cond_broadcast(&log->changed);
	while (!log->ended && !error)
		error = pthread_cond_timedwait(&log->changed, &log->lock, &until);
	ended = log->ended;
	log->abandoned = !ended;
	if (!ended)
		pthread_detach(log->thread);
	pthread_mutex_unlock(&log->lock);
	if (ended)
		pthread_join(log->thread, NULL);
	return ended;
}

bool audit_close(struct audit_log *log)
{
	if (log && log->running && !end_thread(log))
		return false;
	if (log)
		log_free(log);
	return true;
}

/* ---- lines ---- */

struct last_line {
	uint8_t mac[AUDIT_MAC_LEN];
	bool has_mac;
};

static void keep_last(
	void *context, const char *file, unsigned int number, const char *line, size_t len)
{
	struct last_line *last = context;

	(void)file, (void)number;
	last->has_mac = audit_mac_of(line, len, last->mac);
}

/*
 * The log begins behind the oldest files when there are too many: the next head says so, then they go. One that does
 * not end with a MAC was changed, and stays until one behind it goes.
 */
static void leave_out_old(struct audit_log *log)
{
	char **names;
	int n = audit_old_files(log->directory, &names);

	for (int i = 0; i < n - AUDIT_FILES_MAX; i++) {
		struct last_line last = {.has_mac = false};
		uint64_t count;

		if (sscanf(names[i], "audit-%20" SCNu64, &count) != 1 ||
			count <= log->head.begin.count ||
			!audit_read_file(log->directory, names[i], keep_last, &last) ||
			!last.has_mac)
			continue;
		log->head.begin.count = count;
		memcpy(log->head.begin.last, last.mac, sizeof(last.mac));
	}
	if (n >= 0)
		audit_names_free(names, n);
}

static bool begin_next_file(struct audit_log *log)
{
	char old[NAME_MAX];

	snprintf(old, sizeof(old), AUDIT_OLD, log->head.end.count);
	if (renameat(log->directory, AUDIT_NOW, log->directory, old))
		return false;
	close(log->file);
	log->file = -1;
	leave_out_old(log);
	return open_file(log);
}

/* Whether the file that is open is the one in the directory, and ends where the last line was written. */
static bool is_ours(const struct audit_log *log)
{
	struct stat st;

	return log->file >= 0 && !fstatat(log->directory, AUDIT_NOW, &st, AT_SYMLINK_NOFOLLOW) &&
	       st.st_ino == log->inode && st.st_size == log->size;
}

/* Somebody has replaced the file, or what was written half could not be cut off. */
static bool open_again(struct audit_log *log, char why[AUDIT_WHY_SIZE])
{
	bool replaced = log->file >= 0;

	if (replaced)
		close(log->file);
	log->file = -1;
	if (!open_file(log) || !mend_end(log, why))
		return false;
	if (replaced && !why[0])
		snprintf(why, AUDIT_WHY_SIZE,
			"the audit log was changed: its file was replaced while it was in use");
	return true;
}

/* An entry behind its number and its time, as text. */
static char *object_text(const struct audit_log *log, json_t *own_entry, uint64_t wall_ns)
{
	json_t *object = json_object();
	char when[DATE_TEXT_SIZE], *text;

	date_format((int64_t)(wall_ns / CLOCK_SECOND), when);
	json_object_set_new(object, "n", json_integer((json_int_t)log->head.end.count + 1));
	json_object_set_new(object, "time", json_string(when));
	json_object_update(object, own_entry);
	text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(object);
	json_decref(own_entry);
	return text;
}

/* The whole line or nothing of it. */
static bool append(struct audit_log *log, const char *line, size_t len)
{
	int error;

	if (write_all(log->file, line, len))
		return true;
	error = errno;
	if (ftruncate(log->file, log->size)) {
		close(log->file);
		log->file = -1; /* what is half there is cut off before the next line */
	}
	errno = error;
	return false;
}

uint64_t audit_write(
	struct audit_log *log, json_t *own_entry, uint64_t wall_ns, char why[AUDIT_WHY_SIZE])
{
	bool ours = is_ours(log);
	char line[AUDIT_LINE_MAX], *text = NULL;
	struct audit_place end;
	size_t len = 0;
	int error;

	why[0] = '\0';
	if (ours || open_again(log, why))
		text = object_text(log, own_entry, wall_ns);
	else
		json_decref(own_entry);
	if (!text)
		return 0;
	end = log->head.end;
	if (audit_seal(&end, log->key, text, line))
		len = strlen(line);
	free(text);
	if (!len) {
		errno = EMSGSIZE;
		return 0;
	}
	if (log->size && log->size + (off_t)len > (off_t)AUDIT_FILE_MAX && !begin_next_file(log))
		return 0;
	if (!append(log, line, len))
		return 0;
	log->size += (off_t)len;
	log->head.end = end;
	error = hand_over(log);
	if (error && !why[0])
		snprintf(why, AUDIT_WHY_SIZE, "the audit log is not on its disk: %s",
			strerror(error));
	return end.count;
}
