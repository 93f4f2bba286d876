/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration reader: any bytes give a configuration or a message. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("fuzz", (const char *)data, size, error);

	if (!c && !error[0])
		abort();
	if (c && (c->site_count > CONFIG_SITES_MAX || !c->concentrator.endpoint_count))
		abort();
	config_free(c);
	return 0;
}
