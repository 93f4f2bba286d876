/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk for SQLite that loses power: files are in memory, and what was written to them since they were synced last is
 * there, is not, or is there in part, sector by sector. The power goes at a chosen write, and all that follows fails.
 */
#ifndef SLUICE_TESTS_UNIT_CUT_VFS_H
#define SLUICE_TESTS_UNIT_CUT_VFS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CUT_FILES  4
#define CUT_SIZE   (4u << 20)
#define CUT_SECTOR 512
#define CUT_WRITES 4096

struct cut_file {
	char name[64];
	bool there;
	uint8_t *bytes, *synced; /* as the program sees it; as it surely is on the disk */
	sqlite3_int64 size, synced_size;
	struct {
		sqlite3_int64 at, len; /* len 0: it was cut to `at` bytes */
	} writes[CUT_WRITES];          /* since it was synced */
	unsigned int count;
};

static struct {
	struct cut_file files[CUT_FILES];
	unsigned int writes; /* and truncations, so far */
	unsigned int at;     /* the power goes with this one; 0: never */
	bool off;
	unsigned int seed;
} cut;

struct cut_handle {
	sqlite3_file base;
	struct cut_file *file;
};

static inline struct cut_file *cut_find(const char *name, bool make)
{
	for (int i = 0; i < CUT_FILES; i++) {
		if (cut.files[i].there && !strcmp(cut.files[i].name, name))
			return &cut.files[i];
	}
	for (int i = 0; make && i < CUT_FILES; i++) {
		struct cut_file *f = &cut.files[i];

		if (f->there)
			continue;
		if (!f->bytes) {
			f->bytes = calloc(2, CUT_SIZE);
			if (!f->bytes)
				abort();
			f->synced = f->bytes + CUT_SIZE;
		}
		f->there = true;
		f->size = f->synced_size = 0;
		f->count = 0;
		strncpy(f->name, name, sizeof(f->name) - 1);
		return f;
	}
	return NULL;
}

/* False: there is no power. */
static inline bool cut_note(struct cut_file *f, sqlite3_int64 at, sqlite3_int64 len)
{
	if (cut.off)
		return false;
	if (f->count == CUT_WRITES)
		abort();
	f->writes[f->count].at = at;
	f->writes[f->count++].len = len;
	cut.off = ++cut.writes == cut.at;
	return true;
}

static inline int cut_read(sqlite3_file *h, void *to, int len, sqlite3_int64 at)
{
	struct cut_file *f = ((struct cut_handle *)h)->file;
	sqlite3_int64 n = f->size - at;

	if (cut.off)
		return SQLITE_IOERR_READ;
	n = n < 0 ? 0 : n > len ? len : n;
	memcpy(to, f->bytes + at, (size_t)n);
	memset((uint8_t *)to + n, 0, (size_t)(len - n));
	return n == len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static inline int cut_write(sqlite3_file *h, const void *from, int len, sqlite3_int64 at)
{
	struct cut_file *f = ((struct cut_handle *)h)->file;

	if (at + len > (sqlite3_int64)CUT_SIZE)
		return SQLITE_FULL;
	if (!cut_note(f, at, len))
		return SQLITE_IOERR_WRITE;
	if (at > f->size)
		memset(f->bytes + f->size, 0, (size_t)(at - f->size));
	memcpy(f->bytes + at, from, (size_t)len);
	if (at + len > f->size)
		f->size = at + len;
	return cut.off ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static inline int cut_truncate(sqlite3_file *h, sqlite3_int64 size)
{
	struct cut_file *f = ((struct cut_handle *)h)->file;

	if (!cut_note(f, size, 0))
		return SQLITE_IOERR_TRUNCATE;
	f->size = size < f->size ? size : f->size;
	return cut.off ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static inline int cut_sync(sqlite3_file *h, int flags)
{
	struct cut_file *f = ((struct cut_handle *)h)->file;

	(void)flags;
	if (cut.off)
		return SQLITE_IOERR_FSYNC;
	memcpy(f->synced, f->bytes, (size_t)f->size);
	f->synced_size = f->size;
	f->count = 0;
	return SQLITE_OK;
}

static inline int cut_size(sqlite3_file *h, sqlite3_int64 *size)
{
	*size = ((struct cut_handle *)h)->file->size;
	return cut.off ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static inline int cut_close(sqlite3_file *h)
{
	(void)h;
	return SQLITE_OK;
}

static inline int cut_lock(sqlite3_file *h, int level)
{
	(void)h, (void)level;
	return SQLITE_OK;
}

static inline int cut_reserved(sqlite3_file *h, int *is)
{
	(void)h;
	*is = 0;
	return SQLITE_OK;
}

static inline int cut_control(sqlite3_file *h, int op, void *arg)
{
	(void)h, (void)op, (void)arg;
	return SQLITE_NOTFOUND;
}

static inline int cut_sector(sqlite3_file *h)
{
	(void)h;
	return CUT_SECTOR;
}

/* What a write does not cover it does not harm, as SQLite takes for granted of disks by default. */
static inline int cut_traits(sqlite3_file *h)
{
	(void)h;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static inline int cut_open(sqlite3_vfs *v, const char *name, sqlite3_file *h, int flags, int *out)
{
	static const sqlite3_io_methods methods = {1, cut_close, cut_read, cut_write, cut_truncate,
		cut_sync, cut_size, cut_lock, cut_lock, cut_reserved, cut_control, cut_sector,
		cut_traits, NULL, NULL, NULL, NULL, NULL, NULL};
	struct cut_handle *handle = (struct cut_handle *)h;

	(void)v;
	handle->base.pMethods = NULL;
	handle->file = cut.off || !name ? NULL : cut_find(name, flags & SQLITE_OPEN_CREATE);
	if (!handle->file)
		return SQLITE_CANTOPEN;
	handle->base.pMethods = &methods;
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static inline int cut_delete(sqlite3_vfs *v, const char *name, int sync)
{
	struct cut_file *f = cut_find(name, false);

	(void)v, (void)sync;
	if (cut.off)
		return SQLITE_IOERR_DELETE;
	if (f)
		f->there = false;
	return SQLITE_OK;
}

static inline int cut_access(sqlite3_vfs *v, const char *name, int flags, int *is)
{
	(void)v, (void)flags;
	*is = cut_find(name, false) != NULL;
	return SQLITE_OK;
}

static inline int cut_path(sqlite3_vfs *v, const char *name, int size, char *to)
{
	(void)v;
	sqlite3_snprintf(size, to, "%s", name);
	return SQLITE_OK;
}

static inline int cut_random(sqlite3_vfs *v, int len, char *to)
{
	(void)v;
	for (int i = 0; i < len; i++)
		to[i] = (char)rand_r(&cut.seed);
	return len;
}

static inline int cut_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return us;
}

static inline int cut_time(sqlite3_vfs *v, double *days)
{
	(void)v;
	*days = 2460000;
	return SQLITE_OK;
}

static inline int cut_error(sqlite3_vfs *v, int size, char *to)
{
	(void)v, (void)size, (void)to;
	return 0;
}

static inline void cut_register(void)
{
	static sqlite3_vfs vfs = {.iVersion = 1,
		.szOsFile = sizeof(struct cut_handle),
		.mxPathname = 63,
		.zName = "cut",
		.xOpen = cut_open,
		.xDelete = cut_delete,
		.xAccess = cut_access,
		.xFullPathname = cut_path,
		.xRandomness = cut_random,
		.xSleep = cut_sleep,
		.xCurrentTime = cut_time,
		.xGetLastError = cut_error};

	sqlite3_vfs_register(&vfs, 0);
}

/* An empty disk, whose power goes with the write of that number. */
static inline void cut_begin(unsigned int at, unsigned int seed)
{
	for (int i = 0; i < CUT_FILES; i++)
		cut.files[i].there = false;
	cut.writes = 0;
	cut.at = at;
	cut.off = false;
	cut.seed = seed;
}

/* Of a write that was not synced each sector may be there. */
static inline void cut_redo(struct cut_file *f, uint8_t *wanted, unsigned int i)
{
	sqlite3_int64 at = f->writes[i].at, end = at + f->writes[i].len;

	if (!f->writes[i].len) {
		if (rand_r(&cut.seed) % 2 && at < f->synced_size)
			f->synced_size = at;
		return;
	}
	while (at < end) {
		sqlite3_int64 next = (at / CUT_SECTOR + 1) * CUT_SECTOR;

		next = next < end ? next : end;
		if (rand_r(&cut.seed) % 2) {
			if (at > f->synced_size)
				memset(f->synced + f->synced_size, 0,
					(size_t)(at - f->synced_size));
			memcpy(f->synced + at, wanted + at, (size_t)(next - at));
			if (next > f->synced_size)
				f->synced_size = next;
		}
		at = next;
	}
}

/* The power is back. */
static inline void cut_end(void)
{
	for (int i = 0; i < CUT_FILES; i++) {
		struct cut_file *f = &cut.files[i];

		if (!f->there)
			continue;
		for (unsigned int w = 0; w < f->count; w++)
			cut_redo(f, f->bytes, w);
		memcpy(f->bytes, f->synced, (size_t)f->synced_size);
		f->size = f->synced_size;
		f->count = 0;
	}
	cut.off = false;
	cut.at = 0;
}

static inline void cut_free(void)
{
	for (int i = 0; i < CUT_FILES; i++) {
		free(cut.files[i].bytes);
		cut.files[i].bytes = NULL;
	}
}

#endif
