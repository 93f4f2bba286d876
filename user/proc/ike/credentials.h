/* SPDX-License-Identifier: Apache-2.0 */
/* The ike process's end of the credential messages: parts are gathered, then the engine gets all. */
#ifndef SLUICE_PROC_IKE_CREDENTIALS_H
#define SLUICE_PROC_IKE_CREDENTIALS_H

#include "ipc/credential_text.h"
#include "ike/engine.h"
#include "ipc/msg_ike.h"

struct ike_credentials {
	struct imsg_ike_credentials set;
	bool bad;
	struct credential_text chain, key;
	struct trust *trust;
};

/* Begins a set; and a part of it. The last one gives the set to the engine. */
void ike_credentials_begin(struct ike_credentials *c, const struct imsg_ike_credentials *set,
	struct engine *e, uint64_t now);
void ike_credentials_add(struct ike_credentials *c, const struct imsg_ike_credential *part,
	int own_fd, struct engine *e, uint64_t now);

void ike_credentials_fini(struct ike_credentials *c);

#endif
