/* SPDX-License-Identifier: Apache-2.0 */
/* Client identities of quick mode, IDci and IDcr: RFC 2409 5.5, RFC 2407 4.6.2. */
#ifndef SLUICE_IKE_V1_CLIENT_H
#define SLUICE_IKE_V1_CLIENT_H

#include "base/types.h"
#include "base/wire.h"

/* An address, a subnet or a range as a selector; false when it is none of these or malformed. */
bool v1_client_decode(const void *body, size_t len, struct selector *s);

/* A subnet where it is one, else a range. A span of ports becomes "any". */
void v1_client_encode(struct wr *w, const struct selector *s);

#endif
