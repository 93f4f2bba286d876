/* SPDX-License-Identifier: Apache-2.0 */
/* The target of a request (RFC 9112 3.2), taken apart in place. */
#ifndef SLUICE_PROC_API_TARGET_H
#define SLUICE_PROC_API_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#define TARGET_SEGMENTS_MAX 8 /* of a path */

/* RFC 3986 2.1, in place. False: it is no such text, or none of printable characters. */
bool target_decode(char *text);

/* The path of a target, without its first '/'; *query: what is behind its '?', or NULL. NULL: it is none. */
char *target_split(char *target, char **query);

/* Decoded, how many; 0: it is no path, or too long. */
size_t target_segments(char *path, char *segments[TARGET_SEGMENTS_MAX]);

/* Whether "/v1/sites/{site}" is what the segments of a path say. */
bool target_matches(const char *template, char *const segments[], size_t count);

#endif
