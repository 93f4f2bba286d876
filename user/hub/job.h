/* SPDX-License-Identifier: Apache-2.0 */
/* What waits for a disk is done by a thread, so that hub's loop does not. */
#ifndef SLUICE_HUB_JOB_H
#define SLUICE_HUB_JOB_H

#include <stdbool.h>

struct event_base;
struct job;

/*
 * Calls work(arg) in a thread of its own, then done(arg) from the loop of `base`. Who started it calls job_end() in
 * done() or later. NULL with errno: there is no thread, and neither is called.
 */
struct job *job_start(
	struct event_base *base, void (*work)(void *arg), void (*done)(void *arg), void *arg);

/*
 * What has ended is freed. False: the thread still works, and is left to itself: done() will not be called, and when it
 * has ended it calls left(arg), which is the owner of `arg` from now on.
 */
bool job_end(struct job *job, void (*left)(void *arg));

#endif
