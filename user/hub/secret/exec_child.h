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

/* Why a program is not run. */
enum exec_refused {
	EXEC_NO_PROGRAM, /* with an error number */
	EXEC_NOT_RUNNABLE,
	EXEC_NOT_ROOTS,     /* others may write it */
	EXEC_NOTHING_ABOVE, /* of a directory above it, with an error number */
	EXEC_ABOVE_NOT_ROOTS,
};

struct exec_refusal {
	enum exec_refused why;
	int error;
};

struct exec_start {
	char *argv[EXEC_WORDS_MAX + 1]; /* of the program, which is the first; ends with NULL */
	uid_t uid;
	gid_t gid;
	int out;     /* its standard output; the caller's, with O_CLOEXEC, as is: */
	int refused; /* gets a struct exec_refusal, or nothing */
};

/*
 * Only what root alone can write is run, nor may others put another program into its place: the process looks at that, for
 * a file system may stand still. The pid of a process that ends as the program does, and in *pidfd a descriptor of it
 * (pidfd_open(2)); -1 with errno. All that the program has started, whatever group or session it has gone to, ends with
 * that process, which is killed when the thread that has started it ends.
 */
pid_t exec_child_start(const struct exec_start *s, int *pidfd);

#endif
