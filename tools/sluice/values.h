/* SPDX-License-Identifier: Apache-2.0 */
/* What an object is to say, from the words of a command. */
#ifndef SLUICE_TOOL_VALUES_H
#define SLUICE_TOOL_VALUES_H

#include <jansson.h>
#include <stdbool.h>

/*
 * "KEY=VALUE", such as tunnels.1.med=50: a VALUE that begins with '[' or '{' is read as in a file, all else is text; none
 * takes the key away. What leads to the key comes before it. False: it is no such word, or that is no YAML.
 */
bool values_add(json_t *values, const char *before, const char *word);

/* What leads to the key of a word of `hub set`, where site_rate and tunnel.med are short. */
const char *values_of_hub(const char *word);

/* All of a file of YAML, "-": standard input. NULL: a line on standard error. */
json_t *values_of_file(const char *path);

/*
 * The words of a command about a site, kept until the program ends, where --KEY=VALUE is KEY=VALUE, and --as N, --address A,
 * --label K=V, --prefix P and --static are what they stand for.
 */
char **values_words(int *count, char **word);

#endif
