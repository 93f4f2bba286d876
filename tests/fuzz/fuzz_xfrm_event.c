/* SPDX-License-Identifier: Apache-2.0 */
/* One netlink message, of any type and length: nothing is read past its end. */
#include "dataplane/xfrm_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct xfrm_event e;
	struct nlmsghdr *h;

	if (size < NLMSG_HDRLEN || size > 65536)
		return 0;
	h = malloc(size);
	if (!h)
		return 0;
	memcpy(h, data, size);
	h->nlmsg_len = (uint32_t)size; /* libnl has checked it against what was received */
	h->nlmsg_type = XFRM_MSG_NEWSA + h->nlmsg_type % 32;
	if (xfrm_event_parse(h, &e) && e.tunnel >= SLUICE_MAX_TUNNELS)
		abort();
	free(h);
	return 0;
}
