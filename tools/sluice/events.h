/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice events` and `sluice timeline`. */
#ifndef SLUICE_TOOL_EVENTS_H
#define SLUICE_TOOL_EVENTS_H

#include "client.h"

#include "base/date.h"

/*
 * "15m", "2h", "30d" ago; "02:13", the last time that it was so late here; "2026-11-30", "2026-11-30 02:13" here; or RFC
 * 3339. False: it is none of these.
 */
bool events_when(const char *text, char rfc3339[DATE_TEXT_SIZE]);

/* "15m", "2h", "30d" in seconds; 0: it is none of these. */
long events_ago(const char *text);

/* Asks for events, page by page where there is a time since when, and prints them; then those that happen. */
int events_run(const char *socket_path, struct client_request *request, bool json, bool follow);

#endif
