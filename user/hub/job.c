/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/job.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORKS, ENDED, LEFT };

struct job {
	pthread_t thread;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
	struct event *event;
	int ended_fd; /* the thread writes to it last of all */
	atomic_int state;
	void (*left)(void *arg); /* once it is left to itself */
};

static void job_free(struct job *job)
{
	if (job->event)
		event_free(job->event);
	if (job->ended_fd >= 0)
		close(job->ended_fd);
	free(job);
}

static void *run(void *context)
{
	struct job *job = context;
	const uint64_t one = 1;
	int works = WORKS;

	job->work(job->arg);
	if (!atomic_compare_exchange_strong(&job->state, &works, ENDED)) {
		job->left(job->arg);
		job_free(job);
		return NULL;
	}
	/* Cannot fail: the counter of an eventfd has room for it. */
	(void)!write(job->ended_fd, &one, sizeof(one));
	return NULL;
}

static void on_ended(evutil_socket_t fd, short what, void *context)
{
	struct job *job = context;

	(void)fd, (void)what;
	job->done(job->arg);
}

struct job *job_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg)
{
	struct job *job = calloc(1, sizeof(*job));
	sigset_t all, before;
	int error;

	if (!job)
		abort();
	job->work = work;
	job->done = done;
	job->arg = arg;
	job->ended_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (job->ended_fd < 0) {
		error = errno;
		job_free(job);
		errno = error;
		return NULL;
	}
	job->event = event_new(base, job->ended_fd, EV_READ, on_ended, job);
	event_add(job->event, NULL);
	/* Signals are for hub's loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&job->thread, NULL, run, job);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		return job;
	job_free(job);
	errno = error;
	return NULL;
}

bool job_end(struct job *job, void (*left)(void *arg))
{
	pthread_t thread = job->thread;
	int works = WORKS;

	event_free(job->event);
	job->event = NULL;
	job->left = left;
	/* From here on it is the thread's, unless that has ended. */
	if (atomic_compare_exchange_strong(&job->state, &works, LEFT)) {
		pthread_detach(thread);
		return false;
	}
	pthread_join(thread, NULL);
	job_free(job);
	return true;
}
