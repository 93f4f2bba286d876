/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice top`: the busiest sites, every second. */
#ifndef SLUICE_TOOL_TOP_H
#define SLUICE_TOOL_TOP_H

#include "client.h"

/* Runs until q, a signal, or `iterations` screens (0: no end). site: NULL for all. */
enum client_status top_run(const char *socket_path, const char *site, unsigned long iterations);

#endif
