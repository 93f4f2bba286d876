/* SPDX-License-Identifier: Apache-2.0 */
/* Every key of the configuration: one line each, with where it stands, its name and what it may be. */
#include "config/options.h"

#include <stdio.h>

static void list(const char *where, const struct walk_field *fields)
{
	for (const struct walk_field *f = fields; f->key; f++) {
		printf("%s\t%s\t", where, f->key);
		for (unsigned int i = 0; f->words && f->words[i]; i++)
			printf("%s%s", i ? " or " : "", f->words[i]);
		printf("%s\n", f->words ? "" : f->range ? f->range : "-");
	}
}

int main(void)
{
	list("hub", options_concentrator);
	list("site", options_site);
	list("tunnel", options_tunnel);
	return 0;
}
