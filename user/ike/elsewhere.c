/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/elsewhere.h"

#include <stdio.h>

static bool is_other_hub(const struct tunnel *t, const struct ip_endpoint *local)
{
	return !addr_equal(&t->conf.local, &local->addr);
}

static bool is_other_peer(const struct tunnel *t, const struct ip_endpoint *remote)
{
	return addr_is_set(&t->conf.remote) && !addr_equal(&t->conf.remote, &remote->addr);
}

bool elsewhere_differs(
	const struct tunnel *t, const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	return is_other_hub(t, local) || is_other_peer(t, remote);
}

struct tunnel *elsewhere_find(const struct engine *e, const struct ike_identity *id,
	const struct ip_endpoint *local, const struct ip_endpoint *remote)
{
	struct tunnel *found = NULL;

	for (unsigned int i = 0; i < e->tunnel_end; i++) {
		struct tunnel *t = tunnel_find(e, i);

		if (!t || !identity_equal(&t->conf.remote_id, id))
			continue;
		if (!elsewhere_differs(t, local, remote))
			return t;
		if (!found)
			found = t;
	}
	return found;
}

const char *elsewhere_format(const struct tunnel *t, const struct ip_endpoint *local,
	const struct ip_endpoint *remote, const char *here, char text[REASON_TEXT_SIZE])
{
	bool hub = is_other_hub(t, local), peer = is_other_peer(t, remote);
	char address[ADDR_STR_SIZE], ours[ADDR_STR_SIZE];

	snprintf(text, REASON_TEXT_SIZE, "it is site '%.60s' tunnel %u's%s%s%s%s%s", t->conf.site,
		t->conf.number % TUNNELS_PER_SITE, peer ? ", whose address is " : "",
		peer ? addr_format(&t->conf.remote, address) : "", hub ? ", on " : "",
		hub ? addr_format(&t->conf.local, ours) : "",
		hub    ? " of the hub"
		: peer ? ""
		       : here);
	return text;
}
