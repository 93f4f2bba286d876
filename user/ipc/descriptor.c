/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/descriptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

ssize_t descriptor_send(int to, const void *bytes, size_t len, int fd, int flags)
{
	union control control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control.space);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
	}
	do {
		n = sendmsg(to, &m, flags | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* Keeps the first one; whether it was alone. */
static bool take(struct msghdr *m, int *passed_fd)
{
	bool alone = !(m->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0;
			h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && i < count;
			i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			if (*passed_fd < 0) {
				*passed_fd = fd;
			} else {
				close(fd);
				alone = false;
			}
		}
	}
	return alone;
}

ssize_t descriptor_receive(int from, void *bytes, size_t size, int flags, int *fd, bool *whole)
{
	union control control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space)};
	ssize_t n;

	*fd = -1;
	*whole = false;
	do {
		n = recvmsg(from, &m, flags | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return n;
	*whole = take(&m, fd) && !(m.msg_flags & MSG_TRUNC);
	return n;
}
