/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as people and programs read them. */
#ifndef SLUICE_BASE_DATE_H
#define SLUICE_BASE_DATE_H

#include <stdint.h>

#define DATE_TEXT_SIZE 40

/* Of seconds since the epoch, as RFC 3339 writes them: "2026-11-30T00:06:12Z". */
const char *date_format(int64_t seconds, char text[DATE_TEXT_SIZE]);

#endif
