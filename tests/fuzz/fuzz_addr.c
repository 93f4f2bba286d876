/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes, and the rules of `accept`, as people write them. What is read can be shown, and is the
 * same again; a rule permits what its text says and nothing around it.
 */
#include "base/addr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void try_address(const char *text)
{
	char shown[ADDR_STR_SIZE];
	struct ip_addr a, again;

	if (!addr_parse(text, &a))
		return;
	check(addr_bits(&a) && addr_parse(addr_format(&a, shown), &again) &&
		addr_equal(&a, &again));
}

static void try_prefix(const char *text)
{
	char shown[PREFIX_STR_SIZE];
	struct ip_prefix p, again;

	if (!prefix_parse(text, &p))
		return;
	check(p.len <= addr_bits(&p.addr) && prefix_contains(&p, &p.addr));
	check(prefix_parse(prefix_format(&p, shown), &again) && prefix_equal(&p, &again));
}

static void try_rule(const char *text)
{
	char shown[PREFIX_STR_SIZE], written[PREFIX_STR_SIZE + sizeof(" le 128")];
	struct prefix_rule r, again;
	struct ip_prefix p;

	if (!prefix_rule_parse(text, &r))
		return;
	check(r.prefix.len <= r.longest && r.longest <= addr_bits(&r.prefix.addr));
	snprintf(written, sizeof(written), "%s le %u", prefix_format(&r.prefix, shown), r.longest);
	check(prefix_rule_parse(written, &again) && prefix_equal(&r.prefix, &again.prefix) &&
		r.longest == again.longest);
	for (unsigned int len = 0; len <= addr_bits(&r.prefix.addr); len++) {
		p = prefix_make(&r.prefix.addr, len);
		check(prefix_rules_permit(&r, 1, &p) == (len >= r.prefix.len && len <= r.longest));
	}
	if (!r.prefix.len)
		return;
	p = r.prefix; /* the one beside it */
	p.addr.bytes[(p.len - 1) / 8] ^= (uint8_t)(0x80 >> (p.len - 1) % 8);
	check(!prefix_rules_permit(&r, 1, &p));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	check(text);
	memcpy(text, data, size);
	text[size] = '\0';
	try_address(text);
	try_prefix(text);
	try_rule(text);
	free(text);
	return 0;
}
