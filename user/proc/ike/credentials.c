/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/credentials.h"

#include "base/log.h"
#include "ipc/msg_ike.h"

#include <stdlib.h>
#include <unistd.h>

void ike_credentials_fini(struct ike_credentials *c)
{
	credential_text_free(&c->chain);
	credential_text_free(&c->key);
	trust_free(c->trust);
	*c = (struct ike_credentials){0};
}

/* Every part is there: hub has checked them, so a failure is a file that changed in between. */
static void commit(struct ike_credentials *c, struct engine *e, uint64_t now)
{
	struct credential *own = NULL;
	char error[200] = "";

	if (!c->bad && c->chain.len) {
		own = credential_read(c->chain.bytes, c->chain.len, c->key.bytes, c->key.len, error,
			sizeof(error));
		c->bad = !own;
	}
	if (c->bad) {
		log_error("the new certificates cannot be used, the old ones stay%s%s",
			error[0] ? ": " : "", error);
		ike_credentials_fini(c);
		return;
	}
	engine_credential_set(e, c->set.tunnel, own);
	if (c->set.tunnel == ENGINE_EVERY_TUNNEL) {
		engine_trust_set(e, c->trust, now);
		c->trust = NULL;
	}
	ike_credentials_fini(c);
}

void ike_credentials_begin(struct ike_credentials *c, const struct imsg_ike_credentials *set,
	struct engine *e, uint64_t now)
{
	ike_credentials_fini(c);
	c->set = *set;
	if (set->tunnel == ENGINE_EVERY_TUNNEL) {
		c->trust = trust_new(set->strict_crl);
		c->bad = !c->trust;
	}
	if (!set->parts)
		commit(c, e, now);
}

static bool take(struct ike_credentials *c, enum credential_part part, int own_fd)
{
	struct credential_text text;
	char error[200] = "";
	bool ok = false;

	if (!credential_text_read(own_fd, part, &text))
		return false;
	if (part == CREDENTIAL_CHAIN || part == CREDENTIAL_KEY) {
		struct credential_text *to = part == CREDENTIAL_KEY ? &c->key : &c->chain;

		credential_text_free(to);
		*to = text;
		return true;
	}
	if (c->trust)
		ok = part == CREDENTIAL_CA
			     ? trust_add_ca(c->trust, text.bytes, text.len, error, sizeof(error))
			     : trust_add_crl(c->trust, text.bytes, text.len, error, sizeof(error));
	if (!ok)
		log_error("certificates: %s", error);
	credential_text_free(&text);
	return ok;
}

void ike_credentials_add(struct ike_credentials *c, const struct imsg_ike_credential *part,
	int own_fd, struct engine *e, uint64_t now)
{
	if (!c->set.parts) {
		log_error("a part of no set of certificates");
		if (own_fd >= 0)
			close(own_fd);
		return;
	}
	if (!take(c, (enum credential_part)part->part, own_fd))
		c->bad = true;
	if (--c->set.parts == 0)
		commit(c, e, now);
}
