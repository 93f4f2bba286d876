/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and fields as people read them. */
#ifndef SLUICE_TOOL_FORMAT_H
#define SLUICE_TOOL_FORMAT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_SIZE 32

/* 87300000 with unit "bit/s": "87.3 Mbit/s", without one: "87.3M"; decimal steps. Returns `text`. */
const char *format_quantity(uint64_t value, const char *unit, char text[FORMAT_SIZE]);

/* Seconds as "45s", "12m05s", "3h07m", "4d02h". */
const char *format_duration(uint64_t seconds, char text[FORMAT_SIZE]);

/* Fields of a JSON object; a missing or odd one gives "-" or 0. Strings live as long as o. */
const char *field_text(const json_t *o, const char *name);
uint64_t field_number(const json_t *o, const char *name);
double field_real(const json_t *o, const char *name);

/*
 * The name of a user of this machine, or "uid 1000" where it has none, or where the hub that was asked is another machine's.
 */
void format_users_elsewhere(void);
const char *format_user(uint64_t uid, char text[FORMAT_SIZE]);

/* An array of AS numbers as "64512 65001", or "-"; returns `text`. */
const char *format_path(const json_t *path, char *text, size_t size);

#endif
