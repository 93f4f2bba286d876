/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/event/event_files.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE (CONFIG_PATH_SIZE + 32)
#define SAY_EVERY (60 * CLOCK_SECOND) /* a full disk is not news with each event */

struct line {
	enum event_file file;
	size_t len;
	char *text; /* with its end */
};

struct files {
	char directory[CONFIG_PATH_SIZE];
	struct {
		int fd; /* -1: not open */
		off_t size;
	} of[EVENT_FILES];
};

struct event_files {
	bool wanted; /* of hub alone, as is `directory`, for what it logs */
	char directory[CONFIG_PATH_SIZE];
	pthread_t thread;
	bool runs; /* the thread was started */

	pthread_mutex_t lock; /* nobody who holds it touches a file */
	pthread_cond_t work, idle;
	struct line queue[EVENT_QUEUE_LINES];
	size_t first, count, bytes;
	struct files next; /* to be written to instead of `now` */
	bool has_next;
	bool reopen; /* the same directory is wanted again: somebody may have put its files aside */
	bool writes; /* a line that is no longer in the queue */
	bool ending, ended;
	uint64_t lost;
	int error; /* the last one that lost a line; 0: the queue was full */
	uint64_t unsaid,
		said_ns; /* of hub alone: not logged yet; when it was logged last, 0: never */

	struct files now; /* of the thread alone */
};

static const char *const file_names[EVENT_FILES] = {
	[EVENT_FILE_ACTIVITY] = "activity.log",
	[EVENT_FILE_BGP] = "bgp.log",
};

/* ---- files: the thread does this, and hub when another directory is opened ---- */

static void close_files(struct files *s)
{
	for (int i = 0; i < EVENT_FILES; i++) {
		if (s->of[i].fd >= 0)
			close(s->of[i].fd);
		s->of[i].fd = -1;
	}
}

static void file_path(
	const struct files *s, enum event_file file, const char *suffix, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/%s%s", s->directory, file_names[file], suffix);
}

static bool open_file(struct files *s, enum event_file file)
{
	char path[PATH_SIZE];
	struct stat st;

	file_path(s, file, "", path);
	s->of[file].fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
	s->of[file].size = s->of[file].fd >= 0 && !fstat(s->of[file].fd, &st) ? st.st_size : 0;
	return s->of[file].fd >= 0;
}

static bool rotate(struct files *s, enum event_file file)
{
	char path[PATH_SIZE], old[PATH_SIZE];

	file_path(s, file, "", path);
	file_path(s, file, ".1", old);
	close(s->of[file].fd);
	s->of[file].fd = -1;
	return !rename(path, old) && open_file(s, file);
}

/* The whole line or nothing of it; false with errno set. A file that could not be opened again is tried again. */
static bool write_line(struct files *s, const struct line *l)
{
	enum event_file file = l->file;
	size_t done = 0;

	if (s->of[file].fd < 0 && !open_file(s, file))
		return false;
	if (s->of[file].size > EVENT_FILE_MAX && !rotate(s, file))
		return false;
	while (done < l->len) {
		ssize_t n = write(s->of[file].fd, l->text + done, l->len - done);

		if (n <= 0 && errno != EINTR) {
			int why = errno;

			if (done && ftruncate(s->of[file].fd, s->of[file].size))
				s->of[file].size += (off_t)done;
			errno = why;
			return false;
		}
		done += n > 0 ? (size_t)n : 0;
	}
	s->of[file].size += (off_t)done;
	return true;
}

/* ---- the thread ---- */

static void take_next(struct event_files *f)
{
	struct files old = f->now;

	f->now = f->next;
	f->has_next = false;
	pthread_mutex_unlock(&f->lock);
	close_files(&old);
	pthread_mutex_lock(&f->lock);
}

/* A file that cannot be opened is tried again by its next line, which is lost and told of if that fails, too. */
static void open_again(struct event_files *f)
{
	f->reopen = false;
	pthread_mutex_unlock(&f->lock);
	close_files(&f->now);
	(void)mkdir(f->now.directory, 0750);
	for (int i = 0; i < EVENT_FILES; i++)
		(void)open_file(&f->now, (enum event_file)i);
	pthread_mutex_lock(&f->lock);
}

static void write_first(struct event_files *f)
{
	struct line l = f->queue[f->first];
	int error;

	f->first = (f->first + 1) % EVENT_QUEUE_LINES;
	f->count--;
	f->bytes -= l.len;
	f->writes = true;
	pthread_mutex_unlock(&f->lock);
	error = !f->now.directory[0] || write_line(&f->now, &l) ? 0 : errno;
	free(l.text);
	pthread_mutex_lock(&f->lock);
	f->writes = false;
	if (error) {
		f->lost++;
		f->error = error;
	}
}

static void *run(void *arg)
{
	struct event_files *f = arg;

	pthread_mutex_lock(&f->lock);
	while (!f->ending || f->has_next || f->count) {
		if (f->has_next)
			take_next(f);
		else if (f->reopen)
			open_again(f);
		else if (f->count)
			write_first(f);
		if (!f->has_next && !f->reopen && !f->count) {
			pthread_cond_broadcast(&f->idle);
			if (!f->ending)
				pthread_cond_wait(&f->work, &f->lock);
		}
	}
	f->ended = true;
	pthread_cond_broadcast(&f->idle);
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

/* Signals are for hub's loop. */
static bool start(struct event_files *f)
{
	sigset_t all, before;
	int error;

	if (f->runs)
		return true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&f->thread, NULL, run, f);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	f->runs = !error;
	return f->runs;
}

/* ---- hub ---- */

struct event_files *event_files_new(void)
{
	struct event_files *f = calloc(1, sizeof(*f));
	pthread_condattr_t attributes;

	if (!f)
		abort();
	for (int i = 0; i < EVENT_FILES; i++)
		f->now.of[i].fd = -1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&f->work, &attributes);
	pthread_cond_init(&f->idle, &attributes);
	pthread_condattr_destroy(&attributes);
	return f;
}

static bool end(struct event_files *f)
{
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += EVENT_END_S;
	pthread_mutex_lock(&f->lock);
	f->ending = true;
	pthread_cond_signal(&f->work);
	while (!f->ended && !error)
		error = pthread_cond_timedwait(&f->idle, &f->lock, &until);
	pthread_mutex_unlock(&f->lock);
	if (error) {
		log_error("%s: the disk stands still: the last events are lost", f->directory);
		pthread_detach(f->thread);
		return false;
	}
	pthread_join(f->thread, NULL);
	return true;
}

void event_files_free(struct event_files *f)
{
	/* A thread that stands still has its memory until the process ends. */
	if (!f || (f->runs && !end(f)))
		return;
	event_files_look(f);
	close_files(&f->now);
	pthread_cond_destroy(&f->idle);
	pthread_cond_destroy(&f->work);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static bool open_all(struct files *s)
{
	if (mkdir(s->directory, 0750) && errno != EEXIST)
		return false;
	for (int i = 0; i < EVENT_FILES; i++) {
		if (!open_file(s, (enum event_file)i)) {
			int why = errno;

			close_files(s);
			errno = why;
			return false;
		}
	}
	return true;
}

bool event_files_open(struct event_files *f, const char *directory)
{
	struct files fresh = {0}, unused = {0};
	bool ok;
	int why;

	if (f->wanted && !strcmp(directory, f->directory)) {
		pthread_mutex_lock(&f->lock);
		f->reopen = true;
		pthread_cond_signal(&f->work);
		pthread_mutex_unlock(&f->lock);
		return true;
	}
	for (int i = 0; i < EVENT_FILES; i++)
		fresh.of[i].fd = unused.of[i].fd = -1;
	snprintf(fresh.directory, sizeof(fresh.directory), "%s", directory);
	ok = !directory[0] || (start(f) && open_all(&fresh));
	why = errno;
	if (!ok)
		fresh.directory[0] = '\0';
	f->wanted = fresh.directory[0];
	snprintf(f->directory, sizeof(f->directory), "%s", directory);
	pthread_mutex_lock(&f->lock);
	if (f->has_next)
		unused = f->next;
	f->next = fresh;
	f->has_next = f->runs;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	close_files(&unused);
	errno = why;
	return ok;
}

int event_files_probe(const char *directory)
{
	char parent[CONFIG_PATH_SIZE];
	struct stat st;
	char *slash;

	if (!directory[0])
		return 0;
	if (!stat(directory, &st))
		return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
	if (errno != ENOENT)
		return errno;
	/* It is made, but not what it is in. */
	snprintf(parent, sizeof(parent), "%s", directory);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return 0;
	*slash = '\0';
	if (stat(parent, &st))
		return errno;
	return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
}

bool event_files_wanted(const struct event_files *f)
{
	return f->wanted;
}

void event_files_put(struct event_files *f, enum event_file file, const char *line, size_t len)
{
	struct line l = {.file = file, .len = len + 1, .text = malloc(len + 1)};
	bool room;

	if (!l.text)
		abort();
	memcpy(l.text, line, len);
	l.text[len] = '\n';
	pthread_mutex_lock(&f->lock);
	room = f->count < EVENT_QUEUE_LINES && f->bytes + l.len <= EVENT_QUEUE_BYTES;
	if (room) {
		f->queue[(f->first + f->count++) % EVENT_QUEUE_LINES] = l;
		f->bytes += l.len;
		pthread_cond_signal(&f->work);
	} else {
		f->lost++;
		f->error = 0;
	}
	pthread_mutex_unlock(&f->lock);
	if (!room)
		free(l.text);
}

void event_files_wait(struct event_files *f)
{
	pthread_mutex_lock(&f->lock);
	while (f->runs && (f->has_next || f->reopen || f->count || f->writes))
		pthread_cond_wait(&f->idle, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

uint64_t event_files_look(struct event_files *f)
{
	uint64_t lost;
	int error;

	pthread_mutex_lock(&f->lock);
	lost = f->lost;
	error = f->error;
	f->lost = 0;
	pthread_mutex_unlock(&f->lock);
	f->unsaid += lost;
	if (f->unsaid && (!f->said_ns || clock_now() - f->said_ns >= SAY_EVERY)) {
		log_error("%s: %llu events could not be written: %s", f->directory,
			(unsigned long long)f->unsaid,
			error ? strerror(error) : "the disk does not keep up");
		f->unsaid = 0;
		f->said_ns = clock_now();
	}
	return lost;
}
