/* SPDX-License-Identifier: Apache-2.0 */
/* The process of an `exec:` reference, up to its program. */
#ifndef SLUICE_HUB_SECRET_EXEC_CHILD_H
#define SLUICE_HUB_SECRET_EXEC_CHILD_H

#include <sys/types.h>

#define EXEC_WORDS_MAX   16
#define EXEC_KEY_MIN     8
#define EXEC_KEY_MAX     64
#define EXEC_NOT_STARTED 127
#define EXEC_BY_SIGNAL   128 /* and its number, as shells have it: a status */
#define EXEC_SIGNALS     64

struct exec_start {
	const char *path;               /* of the program */
	char *argv[EXEC_WORDS_MAX + 1]; /* ends with NULL */
	uid_t uid;
	gid_t gid;
	int out; /* its standard output; the caller's */
};

/*
 * The pid of a process that ends as the program does, and in *pidfd a descriptor of it (pidfd_open(2)); -1 with errno. All
 * that the program has started, whatever group or session it has gone to, ends with that process, which is killed when
 * the thread that has started it ends.
 */
pid_t exec_child_start(const struct exec_start *s, int *pidfd);

#endif
