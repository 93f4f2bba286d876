/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

size_t utf8_printable(const uint8_t *bytes, size_t len)
{
	/* RFC 3629 4: the second byte decides what is too long, a surrogate, or out of range. */
	static const struct {
		uint8_t first, first_last, second, second_last, len;
	} forms[] = {{0x20, 0x7e, 0, 0, 1}, {0xc2, 0xc2, 0xa0, 0xbf, 2},
		{0xc3, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		size_t n = forms[i].len;

		if (bytes[0] < forms[i].first || bytes[0] > forms[i].first_last)
			continue;
		if (n > len ||
			(n > 1 && (bytes[1] < forms[i].second || bytes[1] > forms[i].second_last)))
			return 0;
		for (size_t k = 2; k < n; k++) {
			if (bytes[k] >> 6 != 2)
				return 0;
		}
		return n;
	}
	return 0;
}

void utf8_clean(char *text)
{
	size_t left = strlen(text);

	while (left) {
		size_t n = utf8_printable((const uint8_t *)text, left);

		if (!n)
			*text = '?';
		text += n ? n : 1;
		left -= n ? n : 1;
	}
}
