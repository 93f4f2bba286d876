/* SPDX-License-Identifier: Apache-2.0 */
/* A network of a test's own: what it binds is in nobody's way, also where it runs twice at once. */
#ifndef SLUICE_TESTS_OWN_NETWORK_H
#define SLUICE_TESTS_OWN_NETWORK_H

#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* With a loopback device that is up. False with errno. */
static inline bool own_network(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;
	bool up;

	if (unshare(CLONE_NEWNET))
		return false;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	up = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		close(fd);
	return up;
}

#endif
