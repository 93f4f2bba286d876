/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names as text and as DER. */
#include "crypto/openssl.h"

#include <openssl/err.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DN_VALUE_SIZE 128

/* One "KEY=VALUE" up to a comma; NULL when it is none. Returns where the next one begins. */
static const char *add_part(X509_NAME *name, const char *text)
{
	char key[32], value[DN_VALUE_SIZE];
	size_t n = 0, used = 0;

	while (*text == ' ')
		text++;
	while (isalnum((unsigned char)*text) || *text == '.') {
		if (n + 1 == sizeof(key))
			return NULL;
		key[n++] = *text++;
	}
	key[n] = '\0';
	if (*text++ != '=')
		return NULL;
	for (n = 0; *text && *text != ','; text++) {
		bool escaped = *text == '\\';

		if (escaped && !*++text)
			return NULL;
		if (n + 1 == sizeof(value))
			return NULL;
		value[n++] = *text;
		if (escaped || *text != ' ')
			used = n; /* spaces before the comma are no part */
	}
	value[used] = '\0';
	if (!used || X509_NAME_add_entry_by_txt(name, key, MBSTRING_UTF8,
			     (const unsigned char *)value, (int)used, -1, 0) != 1)
		return NULL;
	return *text ? text + 1 : text;
}

X509_NAME *name_from_text(const char *text)
{
	X509_NAME *name = X509_NAME_new();

	if (!*text)
		text = NULL;
	while (name && text && *text)
		text = add_part(name, text);
	ERR_clear_error();
	if (text)
		return name;
	X509_NAME_free(name);
	return NULL;
}

bool dn_from_text(const char *text, struct ike_identity *id)
{
	struct ike_identity made = {.type = IKE_ID_DN};
	X509_NAME *name = name_from_text(text);
	int len = name ? i2d_X509_NAME(name, NULL) : 0;
	unsigned char *p = made.bytes;
	bool ok = len > 0 && len <= (int)sizeof(made.bytes);

	if (ok) {
		made.len = (uint8_t)i2d_X509_NAME(name, &p);
		*id = made;
	}
	X509_NAME_free(name);
	return ok;
}

static X509_NAME *decode(const void *der, size_t len)
{
	const unsigned char *p = der;
	X509_NAME *name = len <= CERT_DER_MAX ? d2i_X509_NAME(NULL, &p, (long)len) : NULL;

	ERR_clear_error();
	if (name && p == (const unsigned char *)der + len)
		return name;
	X509_NAME_free(name);
	return NULL;
}

void name_to_text(const X509_NAME *name, char text[CERT_NAME_SIZE])
{
	BIO *out = BIO_new(BIO_s_mem());
	char *bytes;
	long len = 0;

	if (out && X509_NAME_print_ex(out, name, 0,
			   XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_FN_SN | ASN1_STRFLGS_ESC_CTRL |
				   ASN1_STRFLGS_ESC_MSB | ASN1_STRFLGS_ESC_2253) >= 0)
		len = BIO_get_mem_data(out, &bytes);
	snprintf(text, CERT_NAME_SIZE, "%.*s", len > 0 ? (int)(len < 1024 ? len : 1024) : 1,
		len > 0 ? bytes : "?");
	BIO_free(out);
}

const char *dn_to_text(const void *der, size_t len, char text[CERT_NAME_SIZE])
{
	X509_NAME *name = decode(der, len);

	snprintf(text, CERT_NAME_SIZE, "?");
	if (name)
		name_to_text(name, text);
	X509_NAME_free(name);
	return text;
}

bool dn_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
	X509_NAME *x = decode(a, a_len), *y = decode(b, b_len);
	bool same = x && y && X509_NAME_cmp(x, y) == 0;

	X509_NAME_free(x);
	X509_NAME_free(y);
	return same;
}
