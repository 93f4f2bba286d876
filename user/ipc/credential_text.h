/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a certificate, key or revocation list, read from a descriptor. */
#ifndef SLUICE_IPC_CREDENTIAL_TEXT_H
#define SLUICE_IPC_CREDENTIAL_TEXT_H

#include "ipc/msg_ike.h"

struct credential_text {
	char *bytes;
	size_t len;
};

/* Reads and closes own_fd. False when it is none, is empty, or holds more than this part may. */
bool credential_text_read(int own_fd, enum credential_part part, struct credential_text *out);

/* Wipes and frees. */
void credential_text_free(struct credential_text *t);

#endif
