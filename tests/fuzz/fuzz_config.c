/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration reader: any bytes give a configuration or a message. A zero byte begins another document:
 * hub.yaml, then those of sites. */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

#define TEXTS_MAX 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[TEXTS_MAX] = {NULL, NULL, "a", "b"};
	struct config_text texts[TEXTS_MAX];
	const char *at = (const char *)data, *end = at + size;
	char error[CONFIG_ERROR_SIZE];
	size_t count = 0;

	while (at <= end && count < TEXTS_MAX) {
		const char *stop = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;

		if (!stop || count == TEXTS_MAX - 1)
			stop = end;
		texts[count] = (struct config_text){.name = "fuzz",
			.site = names[count],
			.text = at,
			.len = (size_t)(stop - at)};
		count++;
		at = stop + 1;
	}

	struct config *c = config_read(texts, count, error);

	if (!c && !error[0])
		abort();
	if (c && (c->site_count > CONFIG_SITES_MAX || !c->concentrator.endpoint_count))
		abort();
	config_free(c);
	return 0;
}
