/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/hold.h"

#include "base/log.h"

#include <stdlib.h>

struct waiting_sa {
	LIST_ENTRY(waiting_sa) link;
	uint32_t spi_in;
	uint64_t until;
};

struct held {
	STAILQ_ENTRY(held) link;
	struct effect *send;
};

void ike_hold_init(struct ike_hold *h, ike_hold_transmit *transmit, void *context)
{
	LIST_INIT(&h->waiting);
	STAILQ_INIT(&h->held);
	h->transmit = transmit;
	h->context = context;
}

static struct waiting_sa *find(const struct ike_hold *h, uint32_t spi_in)
{
	struct waiting_sa *w;

	LIST_FOREACH(w, &h->waiting, link) {
		if (w->spi_in == spi_in)
			return w;
	}
	return NULL;
}

void ike_hold_wait(struct ike_hold *h, uint32_t spi_in, uint64_t until)
{
	struct waiting_sa *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->spi_in = spi_in;
	w->until = until;
	LIST_INSERT_HEAD(&h->waiting, w, link);
}

void ike_hold_send(struct ike_hold *h, struct effect *own_effect)
{
	struct held *held;

	if (!own_effect->send.after_spi_in || !find(h, own_effect->send.after_spi_in)) {
		h->transmit(h->context, &own_effect->send);
		effect_free(own_effect);
		return;
	}
	held = calloc(1, sizeof(*held));
	if (!held)
		abort();
	held->send = own_effect;
	STAILQ_INSERT_TAIL(&h->held, held, link);
}

void ike_hold_installed(struct ike_hold *h, uint32_t spi_in)
{
	struct waiting_sa *w = find(h, spi_in);
	struct held *held = STAILQ_FIRST(&h->held);

	if (!w)
		return;
	LIST_REMOVE(w, link);
	free(w);
	while (held) {
		struct held *next = STAILQ_NEXT(held, link);

		if (held->send->send.after_spi_in == spi_in) {
			STAILQ_REMOVE(&h->held, held, held, link);
			h->transmit(h->context, &held->send->send);
			effect_free(held->send);
			free(held);
		}
		held = next;
	}
}

void ike_hold_expire(struct ike_hold *h, uint64_t now)
{
	struct waiting_sa *w, *next;

	for (w = LIST_FIRST(&h->waiting); w; w = next) {
		next = LIST_NEXT(w, link);
		if (w->until > now)
			continue;
		log_warn("SPI %08x: no confirmation from data", w->spi_in);
		ike_hold_installed(h, w->spi_in);
	}
}

void ike_hold_release(struct ike_hold *h)
{
	struct waiting_sa *w;

	while ((w = LIST_FIRST(&h->waiting)))
		ike_hold_installed(h, w->spi_in);
}

uint64_t ike_hold_next(const struct ike_hold *h)
{
	const struct waiting_sa *w;
	uint64_t next = UINT64_MAX;

	LIST_FOREACH(w, &h->waiting, link) {
		if (w->until < next)
			next = w->until;
	}
	return next;
}

void ike_hold_fini(struct ike_hold *h)
{
	struct held *held;

	ike_hold_release(h);
	while ((held = STAILQ_FIRST(&h->held))) {
		STAILQ_REMOVE_HEAD(&h->held, link);
		effect_free(held->send);
		free(held);
	}
}
