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
#define ROWS_MANY_MAX (2u << 20)  /* of one about many sites */
#define ROW_PATH_SIZE 64
#define ROW_TEXT_MAX  1024 /* bytes of a value */
#define ROW_WHY_SIZE  160

enum row_kind {
	ROW_TEXT = '=',    /* is that text */
	ROW_LIST = '[',    /* is a list, empty so far */
	ROW_MAPPING = '{', /* is a mapping, empty so far */
	ROW_NOTHING = '-', /* is not there any more */
	ROW_SITE = '#',    /* what follows is of the site of that name */
	ROW_PLACE = '@',   /* where a person has written it, for messages */
};

struct row {
	enum row_kind kind;
	const char *path, *text; /* in the rows that it was read of */
};

struct rows {
	char bytes[ROWS_MAX];
	char *many; /* malloc'ed, in the place of `bytes`; NULL: these */
	size_t len;
};

/*
 * The rows of a JSON object: its keys are paths, such as "asn" or "tunnels.0.psk"; an object in it changes what it names,
 * a list takes the place of another, null takes away (RFC 7396). False with a sentence.
 */
bool rows_of_json(const json_t *values, struct rows *rows, char why[ROW_WHY_SIZE]);

/*
 * The same of many sites: [{"site": NAME, "at": where it is written, "values": {...}}], where the last two may be missing.
 * Into rows->many.
 */
bool rows_of_sites(const json_t *sites, struct rows *rows, char why[ROW_WHY_SIZE]);

/* rows->many in a memfd that nobody can change; -1 with errno. */
int rows_seal(const struct rows *rows);

/* All that is in such a one, malloc'ed behind `before` bytes. NULL: it is none, or not of that length. */
char *rows_unseal(int fd, size_t before, size_t len);

/*
 * The row at *at, which becomes where the next one begins. False at the end, and where there is no row: then *at is not
 * the end.
 */
bool rows_next(const char **at, const char *end, struct row *row);

#endif
