/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a child is alive: it is asked once a second, and whatever it says is an answer. Counted are turns in
 * which hub itself ran in time and the child could have answered, and not seconds: so a machine that stood
 * still, a hub that was stopped or a machine that was suspended ends nobody.
 */
#ifndef SLUICE_IPC_WATCHDOG_H
#define SLUICE_IPC_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WATCHDOG_SAID_AFTER 3  /* turns of silence: it is said */
#define WATCHDOG_HUNG_AFTER 5  /* of one that does nothing: it is ended */
#define WATCHDOG_BUSY_AFTER 60 /* of one that works, or waits for the machine */

/* What the main thread of a child does meanwhile. */
enum watchdog_doing {
	DOING_NOTHING, /* it waits for something, or is stopped */
	DOING_WORK,    /* it has used a CPU, waits for one, or for the machine's disk or memory */
	DOING_TRACED,  /* somebody debugs it, and knows */
};

struct watchdog {
	bool asked;                /* and not heard since */
	unsigned int silent, idle; /* turns; idle: of those, how many it did nothing in */
	uint64_t cpu;              /* time that its main thread has used, in the kernel's units */
	uint64_t turn_ns;
};

enum watchdog_verdict {
	WATCHDOG_ALIVE,
	WATCHDOG_SAY, /* this is the turn to say that it is silent */
	WATCHDOG_HUNG,
};

/* The child said something. True: its silence had been said. */
bool watchdog_heard(struct watchdog *w);

/* Once a second, at `now`; then the child is to be asked. Of a child that has just started `w` is zero. */
enum watchdog_verdict watchdog_turn(struct watchdog *w, uint64_t now, enum watchdog_doing doing);

/* From /proc. */
enum watchdog_doing watchdog_look(struct watchdog *w, pid_t pid);

/* The same from the text of /proc/PID/task/PID/stat (proc_pid_stat(5)). */
enum watchdog_doing watchdog_read(struct watchdog *w, const char *stat);

#endif
