/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that events of tunnels go to, one a line. A thread writes them, so that a disk that is slow, full or gone
 * delays nothing else of hub: lines wait for it in memory, EVENT_QUEUE_BYTES at most; what has no room, or
 * cannot be written, is lost, and counted.
 */
#ifndef SLUICE_HUB_EVENT_EVENT_FILES_H
#define SLUICE_HUB_EVENT_EVENT_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_FILE_MAX    (16l << 20) /* bytes; then the file becomes FILE.1 and a new one starts */
#define EVENT_QUEUE_LINES 8192
#define EVENT_QUEUE_BYTES (4u << 20)

enum event_file { EVENT_FILE_ACTIVITY, EVENT_FILE_BGP, EVENT_FILES };

struct event_files;

/* Into no files yet; the thread starts with the first directory. */
struct event_files *event_files_new(void);

/* Writes what waits, for EVENT_END_S at most: a disk that stands still does not keep hub from ending. */
#define EVENT_END_S 2
void event_files_free(struct event_files *f);

/*
 * Lines go into files of this directory from now on, which is made when it is not there; "": into none. Lines that
 * still wait go there, too. False with errno set: into none. The directory that it is already: the thread opens its files
 * anew, and nobody waits for it.
 */
bool event_files_open(struct event_files *f, const char *directory);

/* Whether that could be, as far as a look tells that makes nothing: 0, or why not, of errno. */
int event_files_probe(const char *directory);

/* Whether lines go into files at all. */
bool event_files_wanted(const struct event_files *f);

/* Never waits. The line has no end of its own. */
void event_files_put(struct event_files *f, enum event_file file, const char *line, size_t len);

/* Waits until all lines are written or lost. */
void event_files_wait(struct event_files *f);

/* Returns how many lines were lost since it was called last; they are logged once a minute, with why. */
uint64_t event_files_look(struct event_files *f);

#endif
