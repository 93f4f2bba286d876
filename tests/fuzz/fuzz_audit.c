/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and heads of the audit log: none that the key has not made is taken for one. */
#include "audit/chain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[AUDIT_KEY_LEN] = "nobody who fuzzes can know this";
	uint8_t mac[AUDIT_MAC_LEN];
	struct audit_place at = {0};
	struct audit_head head;
	char line[AUDIT_LINE_MAX], *text = malloc(size + 1);

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	(void)audit_mac_of(text, size, mac);
	if (audit_follow(&at, key, text, size) || at.count || audit_head_read(&head, key, text))
		abort();
	if (audit_seal(&at, key, text, line)) {
		struct audit_place again = {0};

		if (!audit_follow(&again, key, line, strlen(line) - 1) ||
			memcmp(&at, &again, sizeof(at)))
			abort();
	}
	free(text);
	return 0;
}
