/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/process.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that ends within this time of its start is started again after a longer pause. */
#define QUICK_END_NS   (5 * CLOCK_SECOND)
#define PAUSE_FIRST_MS 50
#define PAUSE_MAX_MS   5000

const char *const process_names[PROCESS_ROLES] = {
	[PROCESS_DATA] = "data",
	[PROCESS_IKE] = "ike",
	[PROCESS_BGP] = "bgp",
	[PROCESS_API] = "api",
	[PROCESS_REMOTE] = "remote",
	[PROCESS_WATCH] = "watch",
};

__attribute__((noreturn)) static void run_child(const struct process *p, int channel_fd)
{
	char *args[] = {"sluiced", "--role", (char *)process_names[p->role],
		p->verbose ? "--verbose" : NULL, NULL};
	sigset_t none;

	/* When hub dies the channel closes and the child ends; this covers a child that hangs. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); /* Ctrl-C is for hub, which says goodbye in order */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (channel_fd == PROCESS_CHANNEL_FD)
		fcntl(channel_fd, F_SETFD, 0);
	else if (dup2(channel_fd, PROCESS_CHANNEL_FD) < 0)
		_exit(71);
	/* Every other descriptor of hub is close-on-exec. */
	execv("/proc/self/exe", args);
	_exit(72);
}

static void on_channel_gone(void *context)
{
	struct process *p = context;

	imsg_channel_free(p->channel);
	p->channel = NULL;
	/* A child whose channel is closed is of no use; what follows comes from process_reap(). */
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
}

static void on_channel_message(void *context, const struct imsg *m)
{
	struct process *p = context;

	if (watchdog_heard(&p->watchdog) && p->ready)
		log_info("%s answers again", process_names[p->role]);
	if (m->type == IMSG_PONG) {
		if (m->fd >= 0)
			close(m->fd);
		return;
	}
	if (m->type == IMSG_READY) {
		p->ready = p->was_ready = true;
		log_info("%s is ready, pid %d", process_names[p->role], (int)p->pid);
	}
	p->on_message(p->context, m);
}

static void on_restart(int fd, short what, void *arg)
{
	struct process *p = arg;

	(void)fd, (void)what;
	if (p->stopping || p->off || p->pid > 0)
		return;
	p->restarts++;
	process_start(p);
}

static void schedule_restart(struct process *p)
{
	unsigned int pause_ms = PAUSE_FIRST_MS;

	if (p->asked) {
		pause_ms = 0;
	} else if (clock_now() - p->started_ns < QUICK_END_NS) {
		p->quick_ends++;
		for (unsigned int i = 1; i < p->quick_ends && pause_ms < PAUSE_MAX_MS; i++)
			pause_ms *= 2;
	} else {
		p->quick_ends = 0;
	}
	if (!p->restart)
		p->restart = event_new(p->base, -1, 0, on_restart, p);

	struct timeval pause = {.tv_sec = pause_ms / 1000, .tv_usec = pause_ms % 1000 * 1000};

	event_add(p->restart, &pause);
}

void process_start(struct process *p)
{
	int pair[2];

	p->started_ns = clock_now();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		log_error("socketpair: %s", strerror(errno));
		schedule_restart(p);
		return;
	}
	p->pid = fork();
	if (p->pid == 0)
		run_child(p, pair[1]);
	close(pair[1]);
	if (p->pid < 0) {
		log_error("fork: %s", strerror(errno));
		close(pair[0]);
		p->pid = 0;
		schedule_restart(p);
		return;
	}
	p->ready = p->asked = false;
	p->watchdog = (struct watchdog){.turn_ns = p->started_ns};
	p->channel = imsg_channel_new(p->base, pair[0], on_channel_message, on_channel_gone, p);
	p->on_start(p->context, p);
}

bool process_reap(struct process *p, pid_t pid, int status)
{
	if (pid != p->pid)
		return false;
	p->pid = 0;
	p->status = status;
	p->ready = false;
	imsg_channel_free(p->channel);
	p->channel = NULL;
	if (!p->stopping && !p->asked && !p->off) {
		if (WIFSIGNALED(status))
			log_error("%s was ended by signal %d (%s), starting it again",
				process_names[p->role], WTERMSIG(status),
				strsignal(WTERMSIG(status)));
		else
			log_error("%s ended with status %d, starting it again",
				process_names[p->role], WEXITSTATUS(status));
	}
	p->on_end(p->context, p);
	if (!p->stopping && !p->off)
		schedule_restart(p);
	return true;
}

void process_switch(struct process *p, bool on)
{
	if (p->off == !on)
		return;
	p->off = !on;
	if (!on)
		process_send(p, IMSG_SHUTDOWN, -1, NULL, 0);
	else if (p->pid <= 0 && !p->stopping)
		process_start(p);
}

void process_restart(struct process *p, const char *why)
{
	if (p->pid <= 0 || p->stopping)
		return;
	log_info("%s is started again: %s", process_names[p->role], why);
	p->asked = true;
	kill(p->pid, SIGKILL);
}

bool process_failed_early(const struct process *p)
{
	return p->pid <= 0 && !p->was_ready && !p->asked && !p->off;
}

void process_watch(struct process *p, uint64_t now)
{
	const char *name = process_names[p->role];
	const char *what = p->ready ? "has not answered" : "has been starting";
	enum watchdog_doing doing;

	if (p->pid <= 0 || p->stopping || !p->channel)
		return;
	doing = watchdog_look(&p->watchdog, p->pid);
	/* Until it is ready it does things one after the other and listens to nobody. */
	switch (watchdog_turn(&p->watchdog, now, p->ready ? doing : DOING_WORK)) {
	case WATCHDOG_ALIVE:
		break;
	case WATCHDOG_SAY:
		log_warn("%s, pid %d, %s for %u s", name, (int)p->pid, what, p->watchdog.silent);
		break;
	case WATCHDOG_HUNG:
		log_error("%s, pid %d, %s for %u s: it is ended", name, (int)p->pid, what,
			p->watchdog.silent);
		p->hangs++;
		kill(p->pid, SIGKILL);
		break;
	}
	if (p->ready)
		process_send(p, IMSG_PING, -1, NULL, 0);
}

unsigned int process_silent_s(const struct process *p)
{
	return p->watchdog.silent >= WATCHDOG_SAID_AFTER ? p->watchdog.silent : 0;
}

void process_stop(struct process *p)
{
	p->stopping = true;
	process_send(p, IMSG_SHUTDOWN, -1, NULL, 0);
}

void process_fini(struct process *p)
{
	p->stopping = true;
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
		p->pid = 0;
	}
	imsg_channel_free(p->channel);
	p->channel = NULL;
	if (p->restart)
		event_free(p->restart);
	p->restart = NULL;
}

void process_send(
	struct process *p, enum imsg_type type, int own_fd, const void *payload, size_t len)
{
	if (p->channel)
		imsg_send(p->channel, type, own_fd, payload, len);
	else if (own_fd >= 0)
		close(own_fd);
}
