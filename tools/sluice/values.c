/* SPDX-License-Identifier: Apache-2.0 */
#include "values.h"

#include "flat.h"

#include "store/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 10 }; /* more than the daemon takes */

const char *values_of_hub(const char *word)
{
	if (!strncmp(word, "concentrator.", 13) || !strncmp(word, "defaults.", 9))
		return "";
	return strncmp(word, "tunnel.", 7) ? "concentrator." : "defaults.";
}

bool values_add(json_t *values, const char *before, const char *word)
{
	const char *equals = strchr(word, '=');
	json_t *value;
	char *key;

	if (!equals || equals == word)
		return false;
	if (!equals[1])
		value = json_null();
	else if ((equals[1] == '[' || equals[1] == '{') && !flat_is_text(word))
		value = tree_read(equals + 1, strlen(equals + 1));
	else
		value = json_string(equals + 1);
	if (!value)
		return false;
	if (asprintf(&key, "%s%.*s", before, (int)(equals - word), word) < 0)
		abort();
	json_object_set_new(values, key, value);
	free(key);
	return true;
}

json_t *values_of_file(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = malloc(FILE_MAX);
	json_t *tree = NULL;
	size_t len;

	if (!text)
		abort();
	if (!f) {
		fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
		free(text);
		return NULL;
	}
	len = fread(text, 1, FILE_MAX, f);
	if (ferror(f))
		fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
	else if (len == FILE_MAX)
		fprintf(stderr, "sluice: %s: larger than any document of a site\n", path);
	else
		tree = tree_read(text, len);
	if (!tree && !ferror(f) && len < FILE_MAX)
		fprintf(stderr, "sluice: %s: it is no document of YAML\n", path);
	if (f != stdin)
		fclose(f);
	free(text);
	return tree;
}

/* Options of every command; all others are keys. */
static bool is_option(const char *word)
{
	static const char *const options[] = {"--socket=", "--host=", "--ca=", "--cert=", "--key=",
		"--token=", "--allow=", "--where=", "--columns=", "--sort=", "--format=",
		"--template=", "--confirm=", "--since=", "--iterations="};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (!strncmp(word, options[i], strlen(options[i])))
			return true;
	}
	return strncmp(word, "--", 2) != 0 || !strchr(word, '=');
}

static char *made(const char *before, const char *text, const char *after)
{
	char *word = malloc(strlen(before) + strlen(text) + strlen(after) + 1);

	if (!word)
		abort();
	sprintf(word, "%s%s%s", before, text, after);
	return word;
}

/* The key that an option with a value stands for; NULL: it is none of these. */
static const char *short_for(const char *word)
{
	static const char *const keys[][2] = {
		{"--as", "asn="}, {"--address", "address="}, {"--label", "labels."}};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (!strcmp(word, keys[i][0]))
			return keys[i][1];
	}
	return NULL;
}

char **values_words(int *count, char **word)
{
	static char **words; /* for as long as the program runs */
	char *prefixes = strdup("");
	bool fixed = false;
	int n = 0;

	words = calloc((size_t)*count * 2 + 2, sizeof(char *));
	if (!words || !prefixes)
		abort();
	for (int i = 0; i < *count; i++) {
		bool more = i + 1 < *count;

		if (more && short_for(word[i])) {
			words[n++] = made(short_for(word[i]), word[i + 1], "");
			i++;
		} else if (more && !strcmp(word[i], "--prefix")) {
			char *longer = made(prefixes, *prefixes ? ", '" : "'", word[++i]);

			free(prefixes);
			prefixes = made(longer, "'", "");
			free(longer);
		} else if (!strcmp(word[i], "--static")) {
			fixed = true;
			words[n++] = strdup("routing=static");
			words[n++] = strdup("class=gateway");
		} else {
			words[n++] = is_option(word[i]) ? word[i] : word[i] + 2;
		}
	}
	if (*prefixes)
		words[n++] = made(fixed ? "static_routes=[" : "prefixes=[", prefixes, "]");
	free(prefixes);
	*count = n;
	return words;
}
