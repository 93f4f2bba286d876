/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over hub's own socket for secrets, which no other process sees anything of: a connection (SOCK_SEQPACKET) is for one
 * request and its answer, both of fixed size. A secret is never in them, but in a memfd beside them that nobody can change.
 */
#ifndef SLUICE_IPC_MSG_SECRET_H
#define SLUICE_IPC_MSG_SECRET_H

#include "base/types.h"

#define SECRET_SOCKET "/run/sluice/secret.sock"

enum secret_verb {
	SECRET_SET = 1, /* with a descriptor: to what */
	SECRET_REVEAL,  /* answered with a descriptor */
};

struct secret_request {
	uint32_t verb; /* enum secret_verb */
	char name[SITE_NAME_SIZE];
};

struct secret_answer {
	uint32_t refused; /* 0: it was done */
	char text[560];   /* sentences, in lines */
};

#endif
