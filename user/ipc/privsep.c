/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/privsep.h"

#include "base/log.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define EMPTY_ROOT "/run/sluice/empty"

struct role_calls {
	const char *role;
	const int *calls;                        /* ends with -1 */
	void (*sockets)(scmp_filter_ctx filter); /* NULL: socket(2) kills */
};

#define SC(name) SCMP_SYS(name)

static void allow_ip_sockets(scmp_filter_ctx filter);

/* What every event loop does: messages, timers, memory, an orderly end. */
static const int common_calls[] = {SC(read), SC(write), SC(readv), SC(writev), SC(close),
	SC(recvmsg), SC(sendmsg), SC(recvfrom), SC(sendto), SC(setsockopt), SC(epoll_wait),
	SC(epoll_pwait), SC(epoll_ctl), SC(poll), SC(ppoll), SC(clock_gettime), SC(clock_nanosleep),
	SC(nanosleep), SC(gettimeofday), SC(timerfd_settime), SC(futex), SC(brk), SC(mmap),
	SC(munmap), SC(mremap), SC(madvise), SC(mprotect), SC(getrandom), SC(exit), SC(exit_group),
	SC(rt_sigreturn), SC(rt_sigprocmask), SC(rt_sigaction), SC(sigaltstack), SC(getpid),
	SC(gettid), SC(tgkill), SC(restart_syscall), SC(fcntl), SC(fstat), SC(newfstatat),
	SC(lseek), SC(eventfd2), SC(sched_yield), SC(rseq), SC(set_robust_list), -1};

static const int ike_calls[] = {SC(recvmmsg), SC(sendmmsg), SC(getsockopt), SC(setsockopt),
	SC(getsockname), SC(pread64), SC(pwrite64), SC(msync), -1};

static const int bgp_calls[] = {SC(bind), SC(connect), SC(accept4), SC(getsockopt), SC(getsockname),
	SC(getpeername), SC(shutdown), -1};

static const int data_calls[] = {SC(recvmmsg), SC(sendmmsg), SC(getsockopt), SC(getcpu),
	SC(sched_getaffinity), SC(membarrier), -1};

/*
 * Whom hub hands over it answers and ends; of its own it accepts those who want metrics. What is too large for a message
 * goes to hub in a memfd.
 */
static const int api_calls[] = {SC(accept4), SC(shutdown), SC(memfd_create), -1};

/* The same; TLS is set up anew with each certificate. */
static const int remote_calls[] = {SC(shutdown), SC(memfd_create), SC(epoll_create1),
	SC(getsockopt), SC(getpeername), SC(getrusage), -1};

/* Files of its directory, as SQLite uses them. */
static const int watch_calls[] = {SC(open), SC(openat), SC(unlink), SC(unlinkat), SC(rename),
	SC(renameat), SC(renameat2), SC(pread64), SC(pwrite64), SC(ftruncate), SC(fallocate),
	SC(fsync), SC(fdatasync), SC(access), SC(faccessat), SC(faccessat2), SC(stat), SC(lstat),
	SC(readlink), SC(readlinkat), SC(getcwd), SC(geteuid), SC(fchmod), SC(statx), -1};

static const struct role_calls roles[] = {
	{"ike", ike_calls, NULL},
	{"bgp", bgp_calls, allow_ip_sockets},
	{"data", data_calls, NULL},
	{"api", api_calls, NULL},
	{"remote", remote_calls, NULL},
	{"watch", watch_calls, NULL},
};

#define ROLES (sizeof(roles) / sizeof(roles[0]))

/* Sanitizer run times print stack traces and read their own maps. */
#if defined(__SANITIZE_ADDRESS__)
static const int sanitizer_calls[] = {SC(open), SC(openat), SC(readlink), SC(readlinkat), SC(stat),
	SC(prctl), SC(arch_prctl), SC(getrlimit), SC(prlimit64), SC(clone), SC(clone3), SC(wait4),
	SC(ptrace), SC(pipe2), SC(dup2), SC(execve), SC(access), SC(getppid), SC(sched_getaffinity),
	SC(process_vm_readv), SC(uname), SC(getuid), SC(getgid), SC(geteuid), SC(getegid), SC(kill),
	-1};
#else
static const int sanitizer_calls[] = {-1};
#endif

__attribute__((noreturn, format(printf, 1, 2))) static void give_up(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("cannot drop privileges: %s: %s", text, strerror(errno));
	_exit(70);
}

const char *privsep_user(const char *role, char name[32])
{
	snprintf(name, 32, "sluice-%s", role);
	return name;
}

uid_t privsep_uid(const char *role)
{
	char name[32];
	const struct passwd *user = getpwnam(privsep_user(role, name));

	return user ? user->pw_uid : 0;
}

bool privsep_users_exist(char missing[32])
{
	for (size_t i = 0; i < ROLES; i++) {
		if (!getpwnam(privsep_user(roles[i].role, missing)))
			return false;
	}
	missing[0] = '\0';
	return true;
}

static void allow(scmp_filter_ctx filter, const int *calls)
{
	for (; *calls != -1; calls++) {
		/* Calls that this architecture does not have are fine to leave out. */
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, *calls, 0);

		if (r && r != -EDOM && r != -EFAULT) {
			errno = -r;
			give_up("seccomp rule for call %d", *calls);
		}
	}
}

/* A process that connects needs sockets: TCP and UDP, and nothing else that socket(2) can make. */
static void allow_ip_sockets(scmp_filter_ctx filter)
{
	static const uint64_t families[] = {AF_INET, AF_INET6};
	static const uint64_t types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (size_t i = 0; i < 4; i++) {
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, families[i / 2], 0),
			SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, types[i % 2]));

		if (r) {
			errno = -r;
			give_up("seccomp rule for sockets");
		}
	}
}

static void load_filter(const struct role_calls *role)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	if (!filter)
		give_up("seccomp");
	allow(filter, common_calls);
	allow(filter, role->calls);
	allow(filter, sanitizer_calls);
	if (role->sockets)
		role->sockets(filter);

	/* All threads: the data process has started its workers by now. */
	int r = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	if (!r)
		r = seccomp_load(filter);
	if (r) {
		errno = -r;
		give_up("seccomp filter");
	}
	seccomp_release(filter);
}

/* Nothing, or one capability. */
static bool set_capabilities(int keep)
{
	cap_value_t value = keep;
	cap_t caps = cap_init();
	bool ok = caps != NULL;

	if (ok && keep >= 0)
		ok = !cap_set_flag(caps, CAP_PERMITTED, 1, &value, CAP_SET) &&
		     !cap_set_flag(caps, CAP_EFFECTIVE, 1, &value, CAP_SET);
	ok = ok && !cap_set_proc(caps);
	cap_free(caps);
	return ok;
}

/* root: a directory; -1: the empty one. */
static void drop_user(const struct passwd *user, int keep, int root)
{
	if (root >= 0 ? fchdir(root) || chroot(".") : chroot(EMPTY_ROOT) || chdir("/"))
		give_up("chroot to %s", root >= 0 ? "its directory" : EMPTY_ROOT);
	if (keep >= 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
		give_up("prctl");
	if (setgroups(1, &user->pw_gid) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
		setresuid(user->pw_uid, user->pw_uid, user->pw_uid))
		give_up("user %s", user->pw_name);
	if (!set_capabilities(keep))
		give_up("capabilities");
	/* The kernel forgets this one with the old user. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
		give_up("prctl");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		give_up("prctl");
}

void privsep_drop(const char *role)
{
	privsep_drop_keeping(role, -1);
}

static void drop(const char *role, int capability, int root)
{
	const struct role_calls *calls = NULL;
	char name[32];
	const struct passwd *user = getpwnam(privsep_user(role, name));

	for (size_t i = 0; i < ROLES; i++) {
		if (!strcmp(roles[i].role, role))
			calls = &roles[i];
	}
	if (!calls)
		give_up("role %s is unknown", role);
	if (!user)
		give_up("user %s does not exist", name);
	drop_user(user, capability, root);
	load_filter(calls);
}

void privsep_drop_keeping(const char *role, int capability)
{
	drop(role, capability, -1);
}

void privsep_drop_into(const char *role, int directory)
{
	drop(role, -1, directory);
}
