/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sample.h"

#include "base/varint.h"

#include <assert.h>
#include <string.h>

#define VERSION   2
#define ALL_OF_IT 0x80 /* beside the place: all of its time is covered, which is not said then */

static_assert(SAMPLE_FIELDS == 64, "a bit for each says whether it is there");

bool sample_is_worse(const struct sample *a, const struct sample *b, unsigned int d)
{
	const uint64_t *x = &a->v[SAMPLE_WORST + 3 * d], *y = &b->v[SAMPLE_WORST + 3 * d];

	return x[0] != y[0] ? x[0] > y[0] : x[1] > y[1];
}

void sample_add(struct sample *sum, const struct sample *s)
{
	for (unsigned int d = 0; d < 2; d++) {
		if (!s->v[SAMPLE_WORST_AT + d] ||
			(sum->v[SAMPLE_WORST_AT + d] && !sample_is_worse(s, sum, d)))
			continue;
		sum->v[SAMPLE_WORST_AT + d] = s->v[SAMPLE_WORST_AT + d];
		memcpy(&sum->v[SAMPLE_WORST + 3 * d], &s->v[SAMPLE_WORST + 3 * d],
			3 * sizeof(s->v[0]));
	}
	sum->covered_s += s->covered_s;
	for (int i = 0; i < SAMPLE_WORST_AT; i++)
		sum->v[i] += s->v[i];
	for (int i = SAMPLE_DROPS; i < SAMPLE_FIELDS; i++)
		sum->v[i] += s->v[i];
}

uint64_t sample_pack_at(uint64_t at_s, uint32_t step_s)
{
	uint64_t span = (uint64_t)step_s * SAMPLES_IN_PACK;

	return at_s / span * span;
}

void sample_pack_put(struct sample_pack *p, const struct sample *s)
{
	uint64_t i = (s->at_s - p->at_s) / p->step_s;

	if (s->at_s < p->at_s || i >= SAMPLES_IN_PACK)
		return;
	p->samples[i] = *s;
	p->samples[i].at_s = p->at_s + i * p->step_s;
	p->there[i] = true;
}

void sample_pack_add(struct sample_pack *p, const struct sample *s)
{
	uint64_t i = (s->at_s - p->at_s) / p->step_s;
	struct sample sum;

	if (s->at_s < p->at_s || i >= SAMPLES_IN_PACK)
		return;
	sum = *s;
	if (p->there[i]) {
		if (p->samples[i].covered_s == s->covered_s &&
			!memcmp(p->samples[i].v, s->v, sizeof(s->v)))
			return;
		sample_add(&sum, &p->samples[i]);
	}
	sample_pack_put(p, &sum);
}

/* ---- bytes: where it stands, a bit for each number that is not 0, and these ---- */

size_t sample_pack_write(const struct sample_pack *p, uint8_t bytes[SAMPLE_PACK_SIZE])
{
	size_t len = 0;

	bytes[len++] = VERSION;
	for (unsigned int i = 0; i < SAMPLES_IN_PACK; i++) {
		uint64_t bits = 0;

		if (!p->there[i])
			continue;
		if (p->samples[i].covered_s == p->step_s) {
			bytes[len++] = (uint8_t)(i | ALL_OF_IT);
		} else {
			bytes[len++] = (uint8_t)i;
			len += varint_write(bytes + len, p->samples[i].covered_s);
		}
		for (int f = 0; f < SAMPLE_FIELDS; f++)
			bits |= (uint64_t)(p->samples[i].v[f] != 0) << f;
		len += varint_write(bytes + len, bits);
		for (int f = 0; f < SAMPLE_FIELDS; f++) {
			uint64_t n = p->samples[i].v[f];

			/* Seconds of a time that is known but for a few. */
			if (n && (f == SAMPLE_WORST_AT || f == SAMPLE_WORST_AT + 1))
				n = n > p->at_s ? n - p->at_s + 1 : 1;
			if (n)
				len += varint_write(bytes + len, n);
		}
	}
	return len;
}

static const uint8_t *read_sample(struct sample_pack *p, const uint8_t *at, const uint8_t *end)
{
	unsigned int i = *at & ~ALL_OF_IT;
	bool all = *at++ & ALL_OF_IT;
	uint64_t bits = 0;
	struct sample *s;

	if (i >= SAMPLES_IN_PACK)
		return NULL;
	s = &p->samples[i];
	memset(s, 0, sizeof(*s));
	s->at_s = p->at_s + (uint64_t)i * p->step_s;
	s->covered_s = p->step_s;
	if (!all)
		at = varint_read(at, end, &s->covered_s);
	if (at)
		at = varint_read(at, end, &bits);
	for (; at && bits; bits &= bits - 1)
		at = varint_read(at, end, &s->v[__builtin_ctzll(bits)]);
	for (int f = SAMPLE_WORST_AT; f < SAMPLE_WORST_AT + 2; f++)
		s->v[f] += s->v[f] ? p->at_s - 1 : 0;
	p->there[i] = at;
	return at;
}

bool sample_pack_read(struct sample_pack *p, const uint8_t *bytes, size_t len)
{
	const uint8_t *at = bytes + 1, *end = bytes + len;

	memset(p->there, 0, sizeof(p->there));
	if (!len || bytes[0] != VERSION)
		return false;
	while (at && at < end)
		at = read_sample(p, at, end);
	if (!at)
		memset(p->there, 0, sizeof(p->there));
	return at;
}
