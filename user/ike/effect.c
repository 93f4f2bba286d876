/* SPDX-License-Identifier: Apache-2.0 */
#include "ike/effect.h"

#include "base/secret.h"

#include <stdlib.h>

struct effect *effect_push(struct effect_list *list, enum effect_type type, uint32_t tunnel)
{
	struct effect *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->type = type;
	f->tunnel = tunnel;
	STAILQ_INSERT_TAIL(list, f, link);
	return f;
}

struct effect *effect_pop(struct effect_list *list)
{
	struct effect *f = STAILQ_FIRST(list);

	if (f)
		STAILQ_REMOVE_HEAD(list, link);
	return f;
}

void effect_free(struct effect *f)
{
	if (!f)
		return;
	if (f->type == EFFECT_SEND)
		free(f->send.bytes);
	secret_wipe(f, sizeof(*f));
	free(f);
}
