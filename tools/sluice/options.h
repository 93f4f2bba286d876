/* SPDX-License-Identifier: Apache-2.0 */
/* What a person says behind a command: its options. */
#ifndef SLUICE_TOOLS_OPTIONS_H
#define SLUICE_TOOLS_OPTIONS_H

#include "base/date.h"
#include "ipc/msg_api.h"

#include <getopt.h>
#include <stdbool.h>

struct options {
	const char *socket_path;
	const char *host, *ca, *cert, *key; /* of a hub elsewhere */
	bool json, ike, force, next_start, without_secrets;
	bool iterations_given;
	unsigned long iterations;
	long since_s, confirm_s, days, for_s;
	bool all;
	const char *role, *scope;
	bool dry_run;
	const char *allow, *where, *columns, *sort;
	const char *format;
	bool template;
	const char *since, *site, *kinds, *around;
	char when[DATE_TEXT_SIZE]; /* since or around */
	long within_s;
	bool follow;
	const char *fail;
	char failing[API_FAILURE_SIZE]; /* the same with what follows it */
};

/* The table that getopt_long() reads them by. */
extern const struct option options_long[];

/* Options may stand anywhere. Returns CLIENT_OK, or the status to exit with; *done: exit now. */
int options_read(int argc, char **argv, struct options *o, bool *done);

/* Whether what is said of a hub elsewhere is whole; then it is the one that is asked. CLIENT_OK, or CLIENT_USAGE. */
int options_check_way(const struct options *o);

/* Says on standard error what is wrong, and of which word; NULL: of none. CLIENT_USAGE. */
int options_usage(const char *wrong, const char *what);

#endif
