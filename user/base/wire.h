/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors over wire bytes. Every protocol byte that enters or leaves a Sluice process goes through
 * these two: a reader (rd) and a writer (wr). Both are sticky: the first overrun sets `bad`, every
 * later call reads zeros or writes nothing, and the caller checks once at the end. All integers are
 * big-endian on the wire.
 */
#ifndef SLUICE_BASE_WIRE_H
#define SLUICE_BASE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

struct wr {
	uint8_t *start;
	uint8_t *p;
	uint8_t *end;
	bool bad;
};

static inline struct rd rd_init(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	return (struct rd){.p = p, .end = len ? p + len : p};
}

/* Bytes not yet read; 0 after an overrun. */
static inline size_t rd_left(const struct rd *r)
{
	return r->bad ? 0 : (size_t)(r->end - r->p);
}

/* Points at n bytes and moves past them; NULL (and bad) when fewer are left. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p = r->p;

	if (r->bad || (size_t)(r->end - p) < n) {
		r->bad = true;
		return NULL;
	}
	if (n)
		r->p = p + n;
	return p;
}

static inline void rd_skip(struct rd *r, size_t n)
{
	(void)rd_bytes(r, n);
}

/* Copies n bytes to `to`, or zeroes it on overrun. */
static inline void rd_copy(struct rd *r, void *to, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);

	if (!n)
		return;
	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 1);

	return p ? p[0] : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 2);

	return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *p = rd_bytes(r, 4);

	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t rd_u64(struct rd *r)
{
	uint64_t high = rd_u32(r);

	return high << 32 | rd_u32(r);
}

/* A reader over the next n bytes, which are taken from r; bad when r has fewer. */
static inline struct rd rd_sub(struct rd *r, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);

	return p ? rd_init(p, n) : (struct rd){.bad = true};
}

static inline struct wr wr_init(void *bytes, size_t size)
{
	uint8_t *p = bytes;

	return (struct wr){.start = p, .p = p, .end = p + size};
}

/* Bytes written so far. */
static inline size_t wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->start);
}

static inline size_t wr_left(const struct wr *w)
{
	return w->bad ? 0 : (size_t)(w->end - w->p);
}

/* Whether n more bytes fit; bad when they do not. */
static inline bool wr_fits(struct wr *w, size_t n)
{
	w->bad |= (size_t)(w->end - w->p) < n;
	return !w->bad;
}

/* Room for n bytes that the caller fills; NULL (and bad) when there is none. */
static inline uint8_t *wr_room(struct wr *w, size_t n)
{
	if (!wr_fits(w, n))
		return NULL;
	w->p += n;
	return w->p - n;
}

static inline void wr_bytes(struct wr *w, const void *from, size_t n)
{
	if (!wr_fits(w, n) || !n)
		return;
	memcpy(w->p, from, n);
	w->p += n;
}

static inline void wr_zero(struct wr *w, size_t n)
{
	if (!wr_fits(w, n) || !n)
		return;
	memset(w->p, 0, n);
	w->p += n;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	wr_bytes(w, &v, 1);
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	wr_bytes(w, b, sizeof(b));
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	wr_bytes(w, b, sizeof(b));
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t b[8] = {(uint8_t)(v >> 56), (uint8_t)(v >> 48), (uint8_t)(v >> 40),
		(uint8_t)(v >> 32), (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
		(uint8_t)v};

	wr_bytes(w, b, sizeof(b));
}

/* Overwrites a 16-bit field at an offset already written: lengths known only afterwards. */
static inline void wr_set_u16(struct wr *w, size_t at, uint16_t v)
{
	if (w->bad || at + 2 > wr_len(w)) {
		w->bad = true;
		return;
	}
	w->start[at] = (uint8_t)(v >> 8);
	w->start[at + 1] = (uint8_t)v;
}

static inline void wr_set_u8(struct wr *w, size_t at, uint8_t v)
{
	if (w->bad || at + 1 > wr_len(w)) {
		w->bad = true;
		return;
	}
	w->start[at] = v;
}

#endif
