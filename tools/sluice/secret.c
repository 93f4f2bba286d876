/* SPDX-License-Identifier: Apache-2.0 */
#include "secret.h"

#include "base/secret.h"
#include "client.h"
#include "ipc/msg_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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

/* A line from a terminal, which does not show it; else all there is. */
static size_t read_input(char bytes[READ_MAX])
{
	struct termios shown, hidden;
	bool terminal = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &shown);
	size_t len = 0;
	ssize_t n = 1;

	if (terminal) {
		fputs("secret: ", stderr);
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	while (n > 0 && len < READ_MAX && !(terminal && len && bytes[len - 1] == '\n')) {
		n = read(STDIN_FILENO, bytes + len, READ_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		fputs("\n", stderr);
	}
	return len;
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

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static bool send_request(int to, struct secret_request *r, int fd)
{
	struct iovec bytes = {r, sizeof(*r)};
	union control control = {0};
	struct msghdr m = {.msg_iov = &bytes, .msg_iovlen = 1};

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.room);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(to, &m, MSG_NOSIGNAL) == sizeof(*r);
}

/* *fd is what came with it, or -1. */
static bool receive_answer(int from, struct secret_answer *a, int *fd)
{
	struct iovec bytes = {a, sizeof(*a)};
	union control control = {0};
	struct msghdr m = {.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.room)};
	bool ok = recvmsg(from, &m, MSG_CMSG_CLOEXEC) == sizeof(*a);
	struct cmsghdr *c = ok ? CMSG_FIRSTHDR(&m) : NULL;

	*fd = -1;
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	a->text[sizeof(a->text) - 1] = '\0';
	return ok;
}

static void print_secret(int own_fd)
{
	char bytes[READ_MAX];
	ssize_t n = pread(own_fd, bytes, sizeof(bytes), 0);

	if (n > 0 && write(STDOUT_FILENO, bytes, (size_t)n) == n)
		(void)!write(STDOUT_FILENO, "\n", 1);
	secret_wipe(bytes, sizeof(bytes));
	close(own_fd);
}

static int ask(const char *path, struct secret_request *r, int own_fd)
{
	const struct timeval within = {.tv_sec = ANSWER_WITHIN_S};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd = -1, status = CLIENT_OK;
	struct secret_answer a = {0};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within));
	if (connect(s, (struct sockaddr *)&un, sizeof(un))) {
		status = no_daemon(path);
	} else if (!send_request(s, r, own_fd) || !receive_answer(s, &a, &fd)) {
		fputs("sluice: sluiced does not answer; its log may say why\n", stderr);
		status = CLIENT_NO_DAEMON;
	} else if (a.refused) {
		fprintf(stderr, "sluice: %s\n", a.text);
		status = CLIENT_REFUSED;
	} else if (fd >= 0) {
		print_secret(fd);
	} else {
		puts("it is set; `sluice apply` puts it in force where it is used");
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
