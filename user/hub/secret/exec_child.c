/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hub has threads: between fork(2) and execve(2) a child may do what a signal handler may, so all of it is system calls.
 */
#include "hub/secret/exec_child.h"

#include "base/file.h"
#include "hub/secret/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY_MAX    (4096ull << 20)
#define PROCESSES_MAX (64 * EXEC_AT_ONCE) /* the kernel counts those of its user, of all programs */
#define FILES_MAX     64
#define CPU_S         10
#define REFUSED_FD    3

static bool limit(int what, rlim_t most)
{
	const struct rlimit r = {most, most};

	return !syscall(SYS_prlimit64, 0, what, &r, NULL);
}

/* Nothing of hub's is left open: descriptors 0 to 2 are /dev/null, the pipe, and /dev/null; 3 goes with execve(2). */
static bool set_descriptors(const struct exec_start *s)
{
	int null = open("/dev/null", O_RDWR);

	return null >= 0 && dup2(s->out, 1) == 1 && dup2(null, 0) == 0 && dup2(null, 2) == 2 &&
	       (s->refused == REFUSED_FD ||
		       dup3(s->refused, REFUSED_FD, O_CLOEXEC) == REFUSED_FD) &&
	       !syscall(SYS_close_range, REFUSED_FD + 1u, ~0u, 0u);
}

static bool refuse(enum exec_refused why, int error)
{
	const struct exec_refusal r = {why, error};

	(void)!write(REFUSED_FD, &r, sizeof(r));
	return false;
}

/* Where a descriptor leads to, without links; realpath(3) may want memory. */
static bool path_of(int fd, char path[PATH_MAX])
{
	char link[32] = "/proc/self/fd/", digits[12];
	size_t at = strlen(link), n = 0;
	ssize_t len;

	do
		digits[n++] = (char)('0' + fd % 10);
	while ((fd /= 10));
	while (n)
		link[at++] = digits[--n];
	len = readlink(link, path, PATH_MAX - 1);
	path[len > 0 ? len : 0] = '\0';
	return len > 0;
}

/* Nobody but root can put another program into its place. */
static bool find_program(const char *program, char path[PATH_MAX])
{
	int fd = open(program, O_PATH | O_CLOEXEC);
	char above[PATH_MAX];
	struct stat st;
	char *slash;

	if (fd < 0 || fstat(fd, &st) || !path_of(fd, path))
		return refuse(EXEC_NO_PROGRAM, errno);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return refuse(EXEC_NOT_RUNNABLE, 0);
	if (!file_is_of_root(&st))
		return refuse(EXEC_NOT_ROOTS, 0);
	memcpy(above, path, PATH_MAX);
	while ((slash = strrchr(above, '/'))) {
		slash[slash == above] = '\0';
		if (stat(above, &st))
			return refuse(EXEC_NOTHING_ABOVE, errno);
		if (!file_is_of_root(&st))
			return refuse(EXEC_ABOVE_NOT_ROOTS, 0);
		if (slash == above)
			return true;
	}
	return true;
}

/* From the last privilege on, nothing can bring one back. */
static bool drop(const struct exec_start *s)
{
	if (geteuid() == 0 && (syscall(SYS_setgroups, 0, NULL) ||
				      syscall(SYS_setresgid, s->gid, s->gid, s->gid) ||
				      syscall(SYS_setresuid, s->uid, s->uid, s->uid)))
		return false;
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_PDEATHSIG, SIGKILL) &&
	       !prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static void default_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((noreturn)) static void become(const struct exec_start *s)
{
	static char *const empty[] = {NULL};
	char path[PATH_MAX];

	(void)setsid();
	default_signals();
	umask(077);
	if (!chdir("/") && set_descriptors(s) && find_program(s->argv[0], path) &&
		limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_CPU, CPU_S) &&
		limit(RLIMIT_AS, MEMORY_MAX) && limit(RLIMIT_NOFILE, FILES_MAX) &&
		limit(RLIMIT_NPROC, PROCESSES_MAX) && drop(s))
		execve(path, s->argv, empty);
	_exit(EXEC_NOT_STARTED);
}

static void end_with_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_DUMPABLE, 0);
}

/*
 * The first process of a namespace of pids: when it ends, the kernel ends all others there. It stays root, so that the
 * program has no power over it.
 */
__attribute__((noreturn)) static void be_first(const struct exec_start *s)
{
	pid_t program, ended;
	int status = 0;

	end_with_parent();
	(void)setsid();
	default_signals();
	program = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!program)
		become(s);
	(void)syscall(SYS_close_range, 0u, ~0u, 0u);
	if (program < 0)
		_exit(EXEC_NOT_STARTED);
	do
		ended = waitpid(-1, &status, 0);
	while (ended != program && (ended > 0 || errno == EINTR));
	_exit(WIFSIGNALED(status) ? EXEC_BY_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status));
}

/* Where there can be no namespace, who is not root and some containers, its group of processes is what ends. */
static pid_t start(const struct exec_start *s)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		be_first(s);
	if (pid > 0 || errno != EPERM)
		return pid;
	pid = fork();
	if (!pid)
		become(s);
	return pid;
}

pid_t exec_child_start(const struct exec_start *s, int *pidfd)
{
	sigset_t all, before;
	pid_t pid;
	int why;

	/* No handler of hub's runs in the child. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = start(s);
	why = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = why;
	if (pid < 0)
		return -1;
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*pidfd >= 0)
		return pid;
	why = errno;
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	errno = why;
	return -1;
}
