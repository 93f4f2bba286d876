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

/*
 * IMSG_IKE_CREDENTIALS begins a set, IMSG_IKE_CREDENTIAL is a part of it; the last one gives the set
 * to the engine. Takes over m->fd.
 */
void ike_credentials_message(
	struct ike_credentials *c, const struct imsg *m, struct engine *e, uint64_t now);

void ike_credentials_fini(struct ike_credentials *c);

#endif
