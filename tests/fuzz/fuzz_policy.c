/* SPDX-License-Identifier: Apache-2.0 */
/* policy.yaml: any bytes give rules or a line for each mistake, and rules hold any configuration against another. */
#include "plan/guard.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SITE(asn, rate)                                                                            \
	"concentrator: { name: h, asn: 64512, identity: h.example, networks: [10.0.0.0/16], "      \
	"endpoints: [ { device: eth0, addresses: [198.51.100.1] } ], site_rate: 100M, "            \
	"aggregate_rate: 5G }\n"                                                                   \
	"sites: [ { name: a, asn: " asn ", rate: " rate ", labels: { k: v }, tunnels: [ { "        \
	"identity: a.example, inside: 169.254.9.0/30, psk: 'file:/k' } ] } ]\n"

static struct config *configuration(const char *text)
{
	const struct config_text texts[] = {{.name = "c", .text = text, .len = strlen(text)}};
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_read(texts, 1, error);

	if (!c)
		abort();
	return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config *was, *is;
	char error[CONFIG_ERROR_SIZE] = "";
	struct guard *g;

	if (!was) {
		was = configuration(SITE("65001", "5M"));
		is = configuration(SITE("65002", "7M"));
	}
	g = guard_read("policy.yaml", (const char *)data, size, error);
	if (!g && !error[0])
		abort();
	/* Nothing is not permitted that does not differ. */
	if (g && !guard_check(g, was, was, error))
		abort();
	error[0] = '\0';
	if (g && !guard_check(g, was, is, error) && !error[0])
		abort();
	guard_free(g);
	return 0;
}
