/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include "base/secret.h"
#include "client.h"
#include "ipc/descriptor.h"
#include "ipc/msg_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

enum { READ_MAX = 256, ANSWER_WITHIN_S = 10 };

static const char usage_text[] = "usage: sluice secret set NAME              what is read from "
				 "standard input; a terminal does not show it\n"
				 "       sluice secret show NAME --reveal    the secret itself; "
				 "the audit log has who saw it\n"
				 "options: --socket PATH (" SECRET_SOCKET ")\n"
				 "see also sluice secret list, rotate, delete\n";

static const struct option long_options[] = {
	{"socket", required_argument, NULL, 's'},
	{"reveal", no_argument, NULL, 'r'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

bool secret_is_own(const char *word)
{
	return word && (!strcmp(word, "set") || !strcmp(word, "show"));
}

/* ---- what is set ---- */

static volatile sig_atomic_t interrupted; /* by that signal */

static void on_signal(int signal)
{
	interrupted = signal;
}

/* While it waits only, so that none is missed. */
static bool wait_for_input(const sigset_t *mask)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return ppoll(&p, 1, NULL, mask) > 0 && !interrupted;
}

static size_t read_all(char bytes[READ_MAX], bool line, const sigset_t *mask)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < READ_MAX && !(line && len && bytes[len - 1] == '\n') &&
		wait_for_input(mask)) {
		n = read(STDIN_FILENO, bytes + len, READ_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	return len;
}

/* A line from a terminal, which does not show it, and shows again what follows, whatever ends it. */
static size_t read_line(char bytes[READ_MAX], const struct termios *shown)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };
	const struct sigaction act = {.sa_handler = on_signal};
	struct sigaction before[SIGNALS];
	struct termios hidden = *shown;
	sigset_t held, mask;
	size_t len;

	sigemptyset(&held);
	for (int i = 0; i < SIGNALS; i++)
		sigaddset(&held, signals[i]);
	sigprocmask(SIG_BLOCK, &held, &mask);
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &act, &before[i]);
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	fputs("secret: ", stderr);
	len = read_all(bytes, true, &mask);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, shown);
	fputs("\n", stderr);
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before[i], NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (interrupted) {
		secret_wipe(bytes, READ_MAX);
		raise(interrupted);
		_exit(CLIENT_USAGE); /* who started it has that ignored */
	}
	return len;
}

/* Else all there is. */
static size_t read_input(char bytes[READ_MAX])
{
	struct termios shown;
	sigset_t mask;

	if (isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &shown))
		return read_line(bytes, &shown);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	return read_all(bytes, false, &mask);
}

/* In a memfd that nobody can change; -1 with errno. */
static int input_memfd(void)
{
	char bytes[READ_MAX];
	size_t len = read_input(bytes);
	int fd = memfd_create("sluice-secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && (write(fd, bytes, len) != (ssize_t)len ||
			       fcntl(fd, F_ADD_SEALS,
				       F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))) {
		close(fd);
		fd = -1;
	}
	secret_wipe(bytes, sizeof(bytes));
	return fd;
}

/* ---- the daemon ---- */

static int no_daemon(const char *path)
{
	if (errno == EACCES || errno == EPERM)
		fprintf(stderr, "sluice: %s: you may not ask sluiced\n", path);
	else
		fprintf(stderr, "sluice: sluiced is not running (%s: %s)\n", path, strerror(errno));
	return CLIENT_NO_DAEMON;
}

static bool write_whole(const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Whoever keeps what is shown is told when it is not whole. */
static int print_secret(int own_fd)
{
	char bytes[READ_MAX + 1];
	ssize_t n = pread(own_fd, bytes, READ_MAX, 0);
	bool ok = n > 0;

	if (ok) {
		bytes[n] = '\n';
		ok = write_whole(bytes, (size_t)n + 1);
	}
	if (!ok)
		fprintf(stderr, "sluice: the secret was not written: %s\n",
			n ? strerror(errno) : "it is empty");
	secret_wipe(bytes, sizeof(bytes));
	close(own_fd);
	return ok ? CLIENT_OK : CLIENT_REFUSED;
}

/* False: it does not answer. *fd is what came with the answer, or -1. */
static bool exchange(
	int s, const struct secret_request *r, int own_fd, struct secret_answer *a, int *fd)
{
	bool whole;

	*fd = -1;
	if (descriptor_send(s, r, sizeof(*r), own_fd, 0) != sizeof(*r) ||
		descriptor_receive(s, a, sizeof(*a), 0, fd, &whole) != sizeof(*a))
		return false;
	a->text[sizeof(a->text) - 1] = '\0';
	return whole;
}

static int ask(const char *path, const struct secret_request *r, int own_fd)
{
	const struct timeval within = {.tv_sec = ANSWER_WITHIN_S};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd = -1, status = CLIENT_OK;
	struct secret_answer a = {0};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within));
	if (connect(s, (struct sockaddr *)&un, sizeof(un))) {
		status = no_daemon(path);
	} else if (!exchange(s, r, own_fd, &a, &fd)) {
		fputs("sluice: sluiced does not answer; its log may say why\n", stderr);
		status = CLIENT_NO_DAEMON;
	} else if (a.refused) {
		fprintf(stderr, "sluice: %s\n", a.text);
		status = CLIENT_REFUSED;
	} else if (fd >= 0) {
		status = print_secret(fd);
	} else {
		puts(a.text);
	}
	close(s);
	if (own_fd >= 0)
		close(own_fd);
	return status;
}

static int usage(const char *wrong)
{
	fprintf(stderr, "sluice: %s\nsee sluice secret set --help\n", wrong);
	return CLIENT_USAGE;
}

int secret_main(int argc, char **argv)
{
	struct secret_request r = {0};
	const char *path = SECRET_SOCKET, *name;
	bool reveal = false, set = !strcmp(argv[1], "set");
	int option, fd = -1;

	argv[0] = "sluice";
	while ((option = getopt_long(argc, argv, "s:h", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			path = optarg;
			break;
		case 'r':
			reveal = true;
			break;
		case 'h':
			fputs(usage_text, stdout);
			return CLIENT_OK;
		default:
			return usage("that option is not for it");
		}
	}
	name = argc - optind == 2 ? argv[optind + 1] : "";
	if (!*name || strlen(name) >= sizeof(r.name))
		return usage("the name of one secret is expected");
	if (set == reveal)
		return usage(
			set ? "--reveal is for show"
			    : "a secret is shown with --reveal only, and that is written down");
	r.verb = set ? SECRET_SET : SECRET_REVEAL;
	strcpy(r.name, name);
	if (set) {
		fd = input_memfd();
		if (fd < 0) {
			perror("sluice");
			return CLIENT_REFUSED;
		}
	}
	return ask(path, &r, fd);
}
