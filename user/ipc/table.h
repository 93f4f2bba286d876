/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process takes from another one: a row for each type of message, with its size, whether a descriptor
 * belongs to it, what is in it that its reader must be able to rely on, and who takes it. A message that has no
 * row, another size, or not the descriptor that it needs is refused and logged. A descriptor that nobody has
 * taken is closed.
 */
#ifndef SLUICE_IPC_TABLE_H
#define SLUICE_IPC_TABLE_H

#include "ipc/imsg.h"

#include <stddef.h>

enum imsg_shape {
	IMSG_EXACT, /* the struct, and nothing else */
	IMSG_LIST,  /* the struct, any number of times */
	IMSG_BYTES, /* the struct, and bytes behind it */
};

enum imsg_descriptor {
	IMSG_NO_FD,
	IMSG_MAY_FD,
	IMSG_NEEDS_FD,
};

enum imsg_field_kind {
	FIELD_END,
	FIELD_BOOL, /* whatever is not 0 is true */
	FIELD_TEXT, /* ends within its array, and is UTF-8 without control characters */
	FIELD_ENUM, /* below the limit, or the message is refused */
	FIELD_ADDR, /* of a family that there is, or of none */
};

/* A member that a process in the hands of a peer may have filled with anything. */
struct imsg_field {
	enum imsg_field_kind kind;
	size_t offset, size;
	uint32_t limit;
};

#define IMSG_FIELD(kind, type, member, limit)                                                      \
	{                                                                                          \
		kind, offsetof(type, member), sizeof(((type *)0)->member), limit                   \
	}
#define IMSG_BOOL(type, member)        IMSG_FIELD(FIELD_BOOL, type, member, 0)
#define IMSG_TEXT(type, member)        IMSG_FIELD(FIELD_TEXT, type, member, 0)
#define IMSG_ENUM(type, member, limit) IMSG_FIELD(FIELD_ENUM, type, member, limit)
#define IMSG_ADDR(type, member)        IMSG_FIELD(FIELD_ADDR, type, member, 0)

struct imsg_row {
	enum imsg_type type; /* IMSG_INVALID: the end of the table */
	size_t size;         /* of the struct; 0: there is none */
	enum imsg_shape shape;
	enum imsg_descriptor fd;
	const struct imsg_field *fields; /* ends with FIELD_END; NULL: none */
	/* The payload is aligned, and gone afterwards. Who takes the descriptor leaves -1. */
	void (*take)(void *context, struct imsg *m);
};

/* Gives m to whom it belongs. False: it was refused. Either way its descriptor is no longer the caller's. */
bool imsg_give(const struct imsg_row *rows, void *context, const struct imsg *m);

/* Makes the members of one struct what they must be. False: one of them cannot be. */
bool imsg_clean(const struct imsg_field *fields, void *payload);

/* Takes the descriptor out of the message; -1: there is none. */
int imsg_take_fd(struct imsg *m);

#endif
