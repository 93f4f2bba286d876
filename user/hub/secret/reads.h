/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which secrets hub has read to have them used: by ike, or by the kernel. What is read again and is what it was is no news;
 * another one is, and so is one that was not used before.
 */
#ifndef SLUICE_HUB_SECRET_READS_H
#define SLUICE_HUB_SECRET_READS_H

#include "config/config.h"

#include <stdint.h>

/* Hears of each that is news: a reference, and a sentence. NULL: nobody does. */
typedef void secret_read_told(void *context, const char *ref, const char *why);
void secret_reads_tell(secret_read_told *told, void *context);

/* On which occasion hub reads from now on, such as "by apply"; lives as long as the program. */
void secret_reads_at(const char *occasion);

/* It was read, and is given to who uses it; `print` is of secret_print(). */
void secret_was_read(const char *ref, uint64_t print);
/* The same of a file that is too large to look at, by what the disk says of it. */
void secret_file_was_read(const char *ref, int fd);

/* When it was read last, news or not: seconds since the epoch; 0: not since hub started. */
int64_t secret_read_s(const char *ref);

/* What a configuration does not refer to is forgotten; NULL: everything. */
void secret_reads_match(const struct config *c);

#endif
