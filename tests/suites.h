/* SPDX-License-Identifier: Apache-2.0 */
/* Suites in strongSwan's words, for the programs that speak IKE with it. */
#ifndef SLUICE_TESTS_SUITES_H
#define SLUICE_TESTS_SUITES_H

#include "base/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum { ENCR, PRF, INTEG, GROUP } kind;
	uint16_t id, bits;
} suite_words[] = {
	{"aes128", ENCR, 12, 128},
	{"aes192", ENCR, 12, 192},
	{"aes256", ENCR, 12, 256},
	{"aes128gcm16", ENCR, 20, 128},
	{"aes256gcm16", ENCR, 20, 256},
	{"chacha20poly1305", ENCR, 28, 0},
	{"prfsha1", PRF, 2, 0},
	{"prfsha256", PRF, 5, 0},
	{"prfsha384", PRF, 6, 0},
	{"prfsha512", PRF, 7, 0},
	{"sha1", INTEG, 2, 0},
	{"sha256", INTEG, 12, 0},
	{"sha384", INTEG, 13, 0},
	{"sha512", INTEG, 14, 0},
	{"modp1024", GROUP, 2, 0},
	{"modp1536", GROUP, 5, 0},
	{"modp2048", GROUP, 14, 0},
	{"modp3072", GROUP, 15, 0},
	{"modp4096", GROUP, 16, 0},
	{"modp6144", GROUP, 17, 0},
	{"modp8192", GROUP, 18, 0},
	{"ecp256", GROUP, 19, 0},
	{"ecp384", GROUP, 20, 0},
	{"ecp521", GROUP, 21, 0},
	{"modp1024s160", GROUP, 22, 0},
	{"modp2048s224", GROUP, 23, 0},
	{"modp2048s256", GROUP, 24, 0},
	{"x25519", GROUP, 31, 0},
};

/* Adds the algorithms of a suite to the sets of its kinds; a NULL set takes none. */
static inline void add_suite(char *text, struct algorithm_set *sets[4])
{
	for (char *word = strtok(text, "-"); word; word = strtok(NULL, "-")) {
		bool found = false;

		for (size_t i = 0; i < sizeof(suite_words) / sizeof(suite_words[0]); i++) {
			struct algorithm_set *set = sets[suite_words[i].kind];

			if (strcmp(suite_words[i].name, word) != 0 || !set)
				continue;
			set->items[set->count].id = suite_words[i].id;
			set->items[set->count++].key_bits = suite_words[i].bits;
			found = true;
		}
		if (!found) {
			fprintf(stderr, "unknown algorithm %s\n", word);
			exit(2);
		}
	}
}

#endif
