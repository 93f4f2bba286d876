/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people and programs read them. */
#ifndef SLUICE_BASE_DATE_H
#define SLUICE_BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

#define DATE_TEXT_SIZE 40

/* Of seconds since the epoch, as RFC 3339 writes them: "2026-11-30T00:06:12Z". */
const char *date_format(int64_t seconds, char text[DATE_TEXT_SIZE]);

/* Of nanoseconds: "2026-11-30T00:06:12.345Z". */
const char *date_format_ns(uint64_t wall_ns, char text[DATE_TEXT_SIZE]);

/* RFC 3339 5.6, in any zone, with or without a fraction: nanoseconds since the epoch. False: it is none, or before it. */
bool date_parse(const char *text, uint64_t *wall_ns);

#endif
