/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP messages of routers and of those who pose as them: nothing is read past the end, the limits hold. */
#include "dataplane/checksum.h"
#include "dataplane/path_mtu.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int family = size && data[0] & 1 ? AF_INET6 : AF_INET;
	struct path_mtu p = {0};
	struct too_big t;
	uint8_t *icmp;

	if (size < 1 || size > 1500)
		return 0;
	icmp = malloc(size - 1); /* its end is the end of what may be read */
	if (!icmp)
		return 0;
	memcpy(icmp, data + 1, size - 1);
	if (family == AF_INET && size > 4) {
		memset(icmp + 2, 0, 2);
		checksum_store(icmp + 2, checksum_add(0, icmp, size - 1));
	}
	if (too_big_parse(icmp, (uint32_t)size - 1, family, &t)) {
		uint32_t least = family == AF_INET ? PATH_MTU_LEAST4 : PATH_MTU_LEAST6;

		if (!t.spi || t.local.addr.family != family || t.remote.addr.family != family)
			abort();
		if (path_mtu_learn(&p, &t, 1500, CLOCK_SECOND) && (p.mtu < least || p.mtu >= 1500))
			abort();
	}
	free(icmp);
	return 0;
}
