/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <string.h>

void secret_wipe(void *bytes, size_t n)
{
	explicit_bzero(bytes, n);
}

bool secret_set(struct secret *s, const void *bytes, size_t len)
{
	secret_clear(s);
	if (len > sizeof(s->bytes))
		return false;
	memcpy(s->bytes, bytes, len);
	s->len = (uint16_t)len;
	return true;
}

void secret_clear(struct secret *s)
{
	secret_wipe(s, sizeof(*s));
}

bool secret_equal(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a, *y = b;
	uint8_t differ = 0;

	for (size_t i = 0; i < n; i++)
		differ |= x[i] ^ y[i];
	return differ == 0;
}

size_t secret_text_len(const uint8_t *bytes, size_t len)
{
	while (len && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	return len;
}
