/* SPDX-License-Identifier: Apache-2.0 */
/* What a person enters into the device of a site: a short block for each tunnel. */
#include "format.h"
#include "show_site.h"

#include <stdio.h>
#include <string.h>

static void print_list(const json_t *list)
{
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		printf("%s%s", i ? " " : "", json_string_value(o));
}

/* "hub HUB; device DEVICE" of a member that both have. */
static void print_both(const json_t *o, const char *before, const char *what, const char *member)
{
	const json_t *hub = json_object_get(json_object_get(o, "hub"), member);
	const json_t *device = json_object_get(json_object_get(o, "device"), member);

	if (!hub && !device)
		return;
	printf("%s  %-9s hub ", before, what);
	for (int side = 0; side < 2; side++) {
		const json_t *value = side ? device : hub;

		if (json_is_array(value))
			print_list(value);
		else if (json_is_integer(value))
			printf("%lld", (long long)json_integer_value(value));
		else
			printf("%s", json_is_string(value) ? json_string_value(value) : "any");
		printf(side ? "\n" : ", device ");
	}
}

/* first: those of the first tunnel, which are told; the same is not told again. */
static void print_proposals(
	const json_t *o, const json_t *first, const char *before, const char *what)
{
	static const struct {
		const char *member, *name;
	} sets[] = {{"versions", "versions"}, {"encryption", "encryption"},
		{"integrity", "integrity"}, {"prf", "PRF"}, {"dh_groups", "DH groups"}};

	if (o != first && json_equal(o, first)) {
		printf("%s  %-9s as tunnel 0\n", before, what);
		return;
	}
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		const json_t *list = json_object_get(o, sets[i].member);

		if (!list)
			continue;
		printf("%s  %-9s %s ", before, what, sets[i].name);
		print_list(list);
		putchar('\n');
	}
	printf("%s  %-9s lifetime %llu s", before, what,
		(unsigned long long)field_number(o, "lifetime_s"));
	if (json_object_get(o, "esn"))
		printf(", extended sequence numbers %s", json_is_true(json_object_get(o, "esn"))
								 ? "if the device wants them"
								 : "off");
	putchar('\n');
}

/* Where keys are, never what they are. */
static void print_keys(const json_t *o, const char *before)
{
	static const struct {
		const char *member, *name;
	} named[] = {{"psk", "key"}, {"ppk", "PPK"}, {"ppk_identity", "PPK ID"},
		{"bgp_password", "BGP key"}};

	if (!strcmp(field_text(o, "auth"), "cert"))
		printf("%s  %-9s a certificate on both sides\n", before, "key");
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (json_object_get(o, named[i].member))
			printf("%s  %-9s %s\n", before, named[i].name,
				field_text(o, named[i].member));
	}
}

void print_device(const json_t *document, const char *before)
{
	const json_t *list = json_object_get(document, "device"), *o;
	const json_t *first = json_array_get(list, 0);
	size_t i;

	json_array_foreach(list, i, o) {
		printf("%stunnel %lld, what the device needs:\n", before,
			(long long)field_number(o, "tunnel"));
		print_both(o, before, "address", "address");
		print_both(o, before, "identity", "identity");
		print_both(o, before, "inside", "inside");
		print_both(o, before, "inside", "inside6");
		print_both(o, before, "networks", "cidrs");
		print_both(o, before, "AS", "asn");
		print_proposals(
			json_object_get(o, "ike"), json_object_get(first, "ike"), before, "IKE");
		print_proposals(
			json_object_get(o, "esp"), json_object_get(first, "esp"), before, "ESP");
		print_keys(o, before);
	}
}
