/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children of `hub`: started as fresh executions of the same binary, restarted when they
 * end, with a pause that grows while they keep ending soon after their start.
 */
#ifndef SLUICE_IPC_PROCESS_H
#define SLUICE_IPC_PROCESS_H

#include "ipc/imsg.h"
#include "ipc/watchdog.h"

#include <sys/types.h>

#define PROCESS_CHANNEL_FD 3 /* the child's end of its channel to hub */

enum process_role {
	PROCESS_DATA, /* first: the others have nothing to do without it */
	PROCESS_IKE,
	PROCESS_BGP,
	PROCESS_API,
	PROCESS_REMOTE, /* as api, for who comes over TCP; only where that is configured */
	PROCESS_WATCH,
	PROCESS_ROLES,
};

extern const char *const process_names[PROCESS_ROLES];

struct process {
	enum process_role role;
	struct event_base *base;
	pid_t pid;
	struct imsg_channel *channel; /* NULL while the child is down */
	struct event *restart;        /* timer */
	bool ready;                   /* IMSG_READY came */
	bool was_ready;               /* at some time */
	bool stopping;
	bool off; /* it is not there, and is not to be */
	struct watchdog watchdog;
	bool asked; /* to end, so that it starts again */
	int status; /* of waitpid(2), when it ended last */
	uint64_t started_ns;
	unsigned int restarts, hangs; /* hangs: how often it was ended because it did not answer */
	unsigned int quick_ends;      /* in a row */
	imsg_handler *on_message;
	/* Sends the initial state up to IMSG_START. Called for each start. */
	void (*on_start)(void *context, struct process *p);
	/* The child is gone; its channel is freed already. */
	void (*on_end)(void *context, struct process *p);
	void *context;
	bool verbose;
};

/* Starts the child. The callbacks and role must be set. */
void process_start(struct process *p);

/* From now on it is to be there, or not; it starts, or is asked to end. */
void process_switch(struct process *p, bool on);

/* To be called for a pid that waitpid() returned; true when it was this child's. */
bool process_reap(struct process *p, pid_t pid, int status);

/* Ends the child at once, so that it starts again with other descriptors. One that is not there does so anyway. */
void process_restart(struct process *p, const char *why);

/* It ended by itself before it has ever been ready, and would do so again. */
bool process_failed_early(const struct process *p);

/* Once a second: asks it whether it is alive, and ends one that has hung, so that it starts again. */
void process_watch(struct process *p, uint64_t now);

/* For how many seconds it has not answered; 0 while that is nothing to speak of. */
unsigned int process_silent_s(const struct process *p);

/* Asks the child to end; it is not started again. */
void process_stop(struct process *p);

/* Ends it now if it still runs, waits for it, and frees what the struct holds. */
void process_fini(struct process *p);

/* Sends when the child is there; otherwise the message is dropped (the next start sends the state)
 * and the descriptor closed. */
void process_send(
	struct process *p, enum imsg_type type, int own_fd, const void *payload, size_t len);

#endif
