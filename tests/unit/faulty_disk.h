/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that change a disk, in the place of libc's own: the n'th one fails, or kills the process. */
#ifndef TESTS_UNIT_FAULTY_DISK_H
#define TESTS_UNIT_FAULTY_DISK_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	int calls;             /* so far */
	int fails_at, dies_at; /* which of them; 0: none */
	int syncs;             /* how many of them were fsync(2) */
} disk;

/* From here on, the n'th one fails with EIO; 0: none. */
static inline void disk_fails_at(int n)
{
	disk.calls = disk.syncs = disk.dies_at = 0;
	disk.fails_at = n;
}

static inline bool disk_is_faulty(void)
{
	disk.calls++;
	if (disk.calls == disk.dies_at)
		kill(getpid(), SIGKILL);
	if (disk.calls != disk.fails_at)
		return false;
	errno = EIO;
	return true;
}

int rename(const char *from, const char *to)
{
	return disk_is_faulty() ? -1 : (int)syscall(SYS_rename, from, to);
}

int mkdir(const char *path, mode_t mode)
{
	return disk_is_faulty() ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int unlink(const char *path)
{
	return disk_is_faulty() ? -1 : (int)syscall(SYS_unlink, path);
}

int fsync(int fd)
{
	disk.syncs++;
	return disk_is_faulty() ? -1 : (int)syscall(SYS_fsync, fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	return disk_is_faulty() ? -1 : (ssize_t)syscall(SYS_write, fd, bytes, len);
}

#endif
