/* SPDX-License-Identifier: Apache-2.0 */
/* Text of somebody else, before it goes to a log, a terminal or JSON. */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at the start (RFC 3629 4); 0: it is none, or a control character. len > 0. */
size_t utf8_printable(const uint8_t *bytes, size_t len);

/* Puts '?' in the place of every byte that is not part of a printable character. */
void utf8_clean(char *text);

#endif
