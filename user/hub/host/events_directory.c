/* SPDX-License-Identifier: Apache-2.0 */
/* Where events are kept: watch has it as its root, and nobody else has it. */
#include "hub/host/host.h"

#include "base/file.h"
#include "base/log.h"
#include "ipc/privsep.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool give_away(int fd)
{
	char name[32];
	const struct passwd *user = getpwnam(privsep_user("watch", name));
	struct stat st;

	errno = ENOENT;
	if (!user || fstat(fd, &st))
		return false;
	/* As long as it is root's: of a file of somebody else hub may not change the mode (CAP_FOWNER). */
	if (st.st_uid == geteuid() && fchmod(fd, 0700))
		return false;
	return (st.st_uid == user->pw_uid && st.st_gid == user->pw_gid) ||
	       !fchown(fd, user->pw_uid, user->pw_gid);
}

void hub_events_directory_open(struct hub *h, const char *directory)
{
	char above[PATH_MAX];
	int fd = -1;

	snprintf(above, sizeof(above), "%s", directory);
	if (file_make_directory(dirname(above), 0755) && file_make_directory(directory, 0700))
		fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && give_away(fd)) {
		h->host->events_fd = fd;
		return;
	}
	log_error("%s: %s; what happens is kept nowhere", directory, strerror(errno));
	if (fd >= 0)
		close(fd);
}
