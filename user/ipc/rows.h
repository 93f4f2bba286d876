/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client wants an object to say, from api to hub: a row for each value, by the path that leads to it. So hub reads
 * nothing of what a client has sent, but short texts that it checks one by one.
 */
#ifndef SLUICE_IPC_ROWS_H
#define SLUICE_IPC_ROWS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define ROWS_MAX      (16u << 10) /* bytes of all rows of a request */
#define ROW_PATH_SIZE 64
#define ROW_TEXT_MAX  1024 /* bytes of a value */
#define ROW_WHY_SIZE  160

enum row_kind {
	ROW_TEXT = '=',    /* is that text */
	ROW_LIST = '[',    /* is a list, empty so far */
	ROW_MAPPING = '{', /* is a mapping, empty so far */
	ROW_NOTHING = '-', /* is not there any more */
};

struct row {
	enum row_kind kind;
	const char *path, *text; /* in the rows that it was read of */
};

struct rows {
	char bytes[ROWS_MAX];
	size_t len;
};

/*
 * The rows of a JSON object: its keys are paths, such as "asn" or "tunnels.0.psk"; an object in it changes what it names,
 * a list takes the place of another, null takes away (RFC 7396). False with a sentence.
 */
bool rows_of_json(const json_t *values, struct rows *rows, char why[ROW_WHY_SIZE]);

/*
 * The row at *at, which becomes where the next one begins. False at the end, and where there is no row: then *at is not
 * the end.
 */
bool rows_next(const char **at, const char *end, struct row *row);

#endif
