/* SPDX-License-Identifier: Apache-2.0 */
/* OPEN: what decodes must encode and decode again to the same. */
#include "bgp/open.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct rd body = rd_init(bytes, len);
	struct bgp_open first = {0}, second = {0};
	struct bgp_notify error;
	struct bgp_message m;
	uint8_t out[MESSAGE_MAX];
	struct wr w = wr_init(out, sizeof(out));

	if (!open_decode(&body, &first, &error))
		return 0;
	/* No family at all cannot be said: silence means IPv4 (RFC 4760 8). */
	if (!first.family[BGP_IPV4] && !first.family[BGP_IPV6])
		return 0;
	if (!first.four_octet_as && first.as > UINT16_MAX)
		abort();
	open_encode(&first, &w);
	if (w.bad || bgp_message_decode(out, wr_len(&w), false, &m, &error) != MESSAGE_COMPLETE ||
		!open_decode(&m.body, &second, &error))
		abort();
	if (first.as != second.as || first.hold_s != second.hold_s ||
		first.identifier != second.identifier ||
		memcmp(first.family, second.family, sizeof(first.family)) ||
		first.four_octet_as != second.four_octet_as ||
		first.restart_time_s != second.restart_time_s)
		abort();
	return 0;
}
