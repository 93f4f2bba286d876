/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm as bytes: how its rule measures, what it is, and the buckets that have minutes. */
#include "alarm/alarm.h"

#include "base/utf8.h"
#include "base/varint.h"

#include <math.h>
#include <string.h>

#define VERSION     1
#define EXACT       (UINT64_C(1) << 53) /* whole numbers below that are what they are in a double */
#define HOW_NUMBERS 5

/* ---- a double: twice itself where it is a whole number, else 1 and its 8 bytes ---- */

static size_t write_double(uint8_t *to, double d)
{
	uint64_t bits;
	size_t len;

	if (d >= 0 && d < (double)EXACT && d == floor(d))
		return varint_write(to, (uint64_t)d << 1);
	memcpy(&bits, &d, sizeof(bits));
	len = varint_write(to, 1);
	for (unsigned int i = 0; i < sizeof(bits); i++)
		to[len++] = (uint8_t)(bits >> 8 * i);
	return len;
}

static const uint8_t *read_double(const uint8_t *at, const uint8_t *end, double *d)
{
	uint64_t n, bits = 0;

	at = varint_read(at, end, &n);
	if (!at || !(n & 1)) {
		*d = (double)(n >> 1);
		return at;
	}
	if (end - at < (ptrdiff_t)sizeof(bits))
		return NULL;
	for (unsigned int i = 0; i < sizeof(bits); i++)
		bits |= (uint64_t)at[i] << 8 * i;
	memcpy(d, &bits, sizeof(bits));
	return isfinite(*d) ? at + sizeof(bits) : NULL;
}

/* ---- all of it ---- */

static void how_it_measures(const struct alarm_rule *r, uint64_t how[HOW_NUMBERS])
{
	how[0] = r->metric;
	how[1] = r->statistic;
	how[2] = r->scope;
	how[3] = r->period_s;
	how[4] = r->m;
}

size_t alarm_write(
	const struct alarm *a, const struct alarm_rule *r, uint8_t bytes[ALARM_PACK_SIZE])
{
	uint32_t length = alarm_bucket_length(r);
	uint64_t newest = a->last_s / length, live = r->period_s / length * r->m;
	size_t len = 0, by = strlen(a->by);
	uint64_t how[HOW_NUMBERS];

	how_it_measures(r, how);
	bytes[len++] = VERSION;
	for (int i = 0; i < HOW_NUMBERS; i++)
		len += varint_write(bytes + len, how[i]);
	bytes[len++] = a->state;
	bytes[len++] = (uint8_t)(a->told | a->acknowledged << 1);
	len += varint_write(bytes + len, a->since_s);
	len += varint_write(bytes + len, a->silenced_until_s);
	len += varint_write(bytes + len, a->last_s);
	len += varint_write(bytes + len, a->good_s);
	len += write_double(bytes + len, a->value);
	bytes[len++] = (uint8_t)by;
	memcpy(bytes + len, a->by, by);
	len += by;
	for (uint8_t i = 0; i < ALARM_BUCKETS; i++) {
		const struct alarm_bucket *b = &a->buckets[i];

		if (!b->minutes || b->number + live < newest)
			continue; /* nobody looks at it any more */
		bytes[len++] = i;
		len += varint_write(bytes + len, b->number);
		len += varint_write(bytes + len, b->minutes);
		len += write_double(bytes + len, b->value);
	}
	return len;
}

static const uint8_t *read_byte(const uint8_t *at, const uint8_t *end, uint8_t *to)
{
	if (!at || at >= end)
		return NULL;
	*to = *at;
	return at + 1;
}

static const uint8_t *read_numbers(const uint8_t *at, const uint8_t *end, uint64_t *to, int count)
{
	for (int i = 0; at && i < count; i++)
		at = varint_read(at, end, &to[i]);
	return at;
}

static const uint8_t *read_by(const uint8_t *at, const uint8_t *end, struct alarm *a)
{
	uint8_t len;

	at = read_byte(at, end, &len);
	if (!at || len >= sizeof(a->by) || end - at < len)
		return NULL;
	memcpy(a->by, at, len);
	utf8_clean(a->by);
	return at + len;
}

static const uint8_t *read_bucket(const uint8_t *at, const uint8_t *end, struct alarm *a)
{
	uint64_t numbers[2];
	uint8_t i;

	at = read_byte(at, end, &i);
	at = at && i < ALARM_BUCKETS ? read_numbers(at, end, numbers, 2) : NULL;
	if (!at || numbers[1] > ALARM_WINDOW_MAX_S)
		return NULL;
	a->buckets[i].number = numbers[0];
	a->buckets[i].minutes = (uint32_t)numbers[1];
	return read_double(at, end, &a->buckets[i].value);
}

static bool read_all(
	struct alarm *a, uint64_t how[HOW_NUMBERS], const uint8_t *at, const uint8_t *end)
{
	uint64_t times[4];
	uint8_t flags;

	at = read_byte(at, end, &flags);
	if (!at || flags != VERSION)
		return false;
	at = read_numbers(at, end, how, HOW_NUMBERS);
	at = read_byte(at, end, &a->state);
	at = read_byte(at, end, &flags);
	at = read_numbers(at, end, times, 4);
	at = at ? read_double(at, end, &a->value) : NULL;
	at = read_by(at, end, a);
	while (at && at < end)
		at = read_bucket(at, end, a);
	if (!at || a->state >= ALARM_STATES)
		return false;
	a->told = flags & 1;
	a->acknowledged = flags >> 1 & 1;
	a->since_s = times[0];
	a->silenced_until_s = times[1];
	a->last_s = times[2];
	a->good_s = times[3];
	return true;
}

bool alarm_read(struct alarm *a, const struct alarm_rule *r, const uint8_t *bytes, size_t len)
{
	uint64_t how[HOW_NUMBERS], wanted[HOW_NUMBERS];

	memset(a, 0, sizeof(*a));
	if (!read_all(a, how, bytes, bytes + len)) {
		memset(a, 0, sizeof(*a));
		return false;
	}
	how_it_measures(r, wanted);
	if (memcmp(how, wanted, sizeof(how)) != 0)
		alarm_begin_anew(a);
	return true;
}
