/* SPDX-License-Identifier: Apache-2.0 */
/* IKE identities as people write them: in the configuration and on the command line. */
#ifndef SLUICE_BASE_IDENTITY_H
#define SLUICE_BASE_IDENTITY_H

#include "base/types.h"

/* What identity_parse() takes, for messages. */
#define IDENTITY_FORMS                                                                             \
	"an address, a name, a mailbox or a distinguished name, or one of ipv4:, ipv6:, fqdn:, "   \
	"rfc822:, dn:, keyid: and a value of that kind"

/*
 * "keyid:store-7": a kind and a value, as logs show them. Without a kind the value tells: an address, a
 * distinguished name (which has a '='), a mailbox ('@' within), else a name. False when it is
 * none, has a kind that is not known, or is longer than IDENTITY_MAX bytes. IKE_ID_DN has the text.
 */
bool identity_parse(const char *text, struct ike_identity *id);

#endif
