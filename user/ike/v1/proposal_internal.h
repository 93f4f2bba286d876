/* SPDX-License-Identifier: Apache-2.0 */
/* Between proposal.c, which reads SA payloads, and proposal_write.c, which writes them. */
#ifndef SLUICE_IKE_V1_PROPOSAL_INTERNAL_H
#define SLUICE_IKE_V1_PROPOSAL_INTERNAL_H

#include "ike/v1/proposal.h"

#define DOI_IPSEC       1
#define IDENTITY_ONLY   1 /* RFC 2407 4.2.1 */
#define KEY_IKE         1 /* RFC 2407 4.4.2 */
#define ATTRIBUTE_SHORT 0x8000
#define MORE_TRANSFORMS 3
#define LIFE_SECONDS    1
#define IKE_AES_CBC     7

/* Hash of phase 1, authentication algorithm of ESP, and the IKEv2 transforms of the same digest. */
struct hash_row {
	uint8_t phase1, phase2;
	uint16_t prf, integ;
};

/* The row of an IKEv2 integrity transform; NULL where IKEv1 has no number for it. */
const struct hash_row *hash_row_of_integ(uint16_t integ);

#endif
