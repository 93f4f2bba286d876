/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/notify.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un manager; /* no path: there is none */
static socklen_t manager_len;
static uint64_t watchdog_ns, alive_ns;

void notify_init(void)
{
	const char *path = getenv("NOTIFY_SOCKET"), *microseconds = getenv("WATCHDOG_USEC");
	size_t len = path ? strlen(path) : 0;

	manager_len = 0;
	watchdog_ns = microseconds ? strtoull(microseconds, NULL, 10) * 1000 : 0;
	if (len > 1 && len < sizeof(manager.sun_path) && (path[0] == '/' || path[0] == '@')) {
		manager.sun_family = AF_UNIX;
		memcpy(manager.sun_path, path, len);
		if (path[0] == '@')
			manager.sun_path[0] = '\0'; /* an abstract name */
		manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

void notify_send(const char *assignments)
{
	struct timeval limit = {.tv_sec = 1}; /* the manager may be busy; hub is, too */
	int fd = manager_len ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	sendto(fd, assignments, strlen(assignments), MSG_NOSIGNAL,
		(const struct sockaddr *)&manager, manager_len);
	close(fd);
}

void notify_alive(uint64_t now_ns)
{
	if (!watchdog_ns || now_ns - alive_ns < watchdog_ns / 2)
		return;
	alive_ns = now_ns;
	notify_send("WATCHDOG=1");
}
