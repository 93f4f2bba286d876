/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What handles inner and outer packets: parse, cut, merge, fragment, clamp, complain. The input is
 * once a frame of the inside device, once a frame from outside, once a row of inner packets.
 */
#include "dataplane/adjust.h"
#include "dataplane/coalesce.h"
#include "dataplane/outer.h"
#include "dataplane/segment.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cut(const uint8_t *data, size_t size)
{
	struct super_packet s;
	struct segmenter g;
	uint32_t len, total = 0;

	if (frame_parse(data, (uint32_t)size, &s) != FRAME_OK || !segment_init(&g, &s))
		return;
	while ((len = segment_next_len(&g))) {
		uint8_t *to = malloc(len);

		if (segment_next(&g, to) != len)
			abort();
		free(to);
		total += len;
		if (total > 64u * 65536 * 64)
			abort();
	}
}

static void one_packet(const uint8_t *data, size_t size)
{
	uint8_t error[ADJUST_ERROR_MAX], to[2048];
	struct inner in;
	uint8_t *copy;

	if (!inner_parse(data, (uint32_t)size, &in))
		return;
	if (in.total > size || in.transport > in.total)
		abort();
	copy = malloc(size);
	memcpy(copy, data, size);
	if (inner_parse(copy, (uint32_t)size, &in)) {
		adjust_mss(copy, &in, 1000);
		adjust_too_big(copy, in.total, &in, 1280, error);
	}
	if (in.family == 4 && in.total > 576) {
		uint32_t offset = 0, n = 0;

		while (fragment_next(copy, in.total, 576, &offset, to)) {
			if (++n > 200)
				abort();
		}
	}
	free(copy);
}

/* Each packet behind two bytes of length. */
static void merge(const uint8_t *data, size_t size)
{
	static struct coalescer c;
	uint8_t *packets[64];
	uint32_t n = 0, bytes = 0, merged = 0;

	coalesce_reset(&c);
	while (size >= 2 && n < 64) {
		uint32_t len = (uint32_t)data[0] << 8 | data[1];
		struct inner in;

		data += 2, size -= 2;
		if (len > size)
			len = (uint32_t)size;
		packets[n] = malloc(len ? len : 1);
		memcpy(packets[n], data, len);
		if (inner_parse(packets[n], len, &in)) {
			if (!coalesce_add(&c, packets[n], &in, 0))
				abort();
			bytes += in.total;
		}
		n++;
		data += len, size -= len;
	}
	coalesce_finish(&c);
	for (uint32_t i = 0; i < c.count; i++) {
		uint32_t sum = 0;

		for (uint32_t k = 0; k <= c.bundles[i].pieces; k++)
			sum += (uint32_t)c.bundles[i].iov[k].iov_len;
		if (sum != c.bundles[i].total + FRAME_HEADER)
			abort();
		merged += c.bundles[i].bytes;
	}
	if (merged != bytes)
		abort();
	while (n)
		free(packets[--n]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outer o;

	if (size > 65536)
		return 0;
	cut(data, size);
	one_packet(data, size);
	merge(data, size);
	if (outer_parse(data, (uint32_t)size, &o) && o.esp + o.esp_len > size)
		abort();
	return 0;
}
