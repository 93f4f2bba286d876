/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that changes documents: the candidate is what is in force with other documents in it. It is planned as any
 * other configuration, applied as any other, and the files of these documents are written then.
 */
#ifndef SLUICE_HUB_API_CHANGE_H
#define SLUICE_HUB_API_CHANGE_H

#include "hub/hub.h"
#include "ipc/msg_api.h"
#include "ipc/problem.h"
#include "store/documents.h"

#include <jansson.h>

struct row;
struct walk_field;

/* On its way to an order; whoever gives up answers with `refusal`. */
struct document_change {
	struct hub *h;
	const struct imsg_api_request *r;
	struct documents *files;     /* as they are now */
	struct documents *candidate; /* what is to be in force */
	json_t *writes;              /* names of the documents that are another */
	json_t *keys;                /* files that were made for them */
	json_t *more;                /* of the answer */
	enum problem problem;        /* of the refusal */
	json_t *refusal;
};

/* Always false, for `return change_refuse(...)`. */
__attribute__((format(printf, 3, 4))) bool change_refuse(
	struct document_change *c, enum problem problem, const char *format, ...);

/* False: it is refused, as nothing can be changed now. In any case change_end() follows. */
bool change_begin(struct document_change *c, struct hub *h, const struct imsg_api_request *r);

/* Whether the file of a document is what is in force; else it is refused. */
bool change_has_no_edits(struct document_change *c, const char *name);

/* The row of the option that a path leads to; NULL: there is none. */
typedef const struct walk_field *change_option(const char *path);

/* The options of a path that begins within a site, and of one within a table. */
const struct walk_field *change_site_option(const char *path);
const struct walk_field *change_option_in(const struct walk_field *table, const char *key);

/* Makes `tree`, which said `before` (or NULL), say what one row wants. False: it is refused, or that is no such place. */
bool change_take_row(struct document_change *c, json_t *tree, const json_t *before,
	const struct row *row, change_option *option);

/* The same with all rows of the request. */
bool change_take_rows(
	struct document_change *c, json_t *tree, const json_t *before, change_option *option);

/* Makes a key, in a file, for each tunnel of a site that wants one and has none. False: it is refused. */
bool change_add_keys(struct document_change *c, const char *site, json_t *tree);

/* A document becomes that text, malloc'ed; NULL: it goes. */
void change_put(struct document_change *c, const char *name, char *own_text, size_t len);

/* A document says what the tree says: as it is written, where there is one. False: it cannot, and is refused. */
bool change_write(struct document_change *c, const char *name, const json_t *tree);

/*
 * The refusal of what a plan says to interrupt more than the request allows, or than `usually` where that says nothing,
 * which has the plan; NULL: it may be, and that usually too, or with NULL all. Takes the plan over.
 */
json_t *change_exceeds(const struct imsg_api_request *r, const char *usually, json_t *own_plan);

/* Plans the candidate, and applies it unless it is refused. */
void change_order(struct document_change *c, const char *why);

/* The answer; NULL: it comes later. */
json_t *change_end(struct document_change *c);

#endif
