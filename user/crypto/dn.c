/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names as text and as DER. */
#include "crypto/openssl.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DN_VALUE_SIZE 256
#define DN_KEY_SIZE   32

/* How other programs call what OpenSSL has another short name for. */
static const struct {
	const char *name, *known;
} aliases[] = {
	{"E", "emailAddress"},
	{"EMAIL", "emailAddress"},
	{"S", "ST"},
	{"T", "title"},
};

/* RFC 4512 1.4: letters, digits and hyphens behind a letter, or numbers with one dot between. */
static bool is_key(const char *key)
{
	if (isalpha((unsigned char)key[0]))
		return !strchr(key, '.');
	if (!isdigit((unsigned char)key[0]))
		return false;
	for (; *key; key++) {
		if (!isdigit((unsigned char)*key) &&
			(*key != '.' || !isdigit((unsigned char)key[1])))
			return false;
	}
	return true;
}

/* The name of an attribute up to '='; false when there is none. RFC 4514 3: case does not matter. */
static bool read_key(const char **text, char key[DN_KEY_SIZE])
{
	size_t n = 0;

	while (isalnum((unsigned char)**text) || **text == '.' || **text == '-') {
		if (n + 1 == DN_KEY_SIZE)
			return false;
		key[n++] = *(*text)++;
	}
	key[n] = '\0';
	while (**text == ' ')
		(*text)++;
	if (!n || !is_key(key) || *(*text)++ != '=')
		return false;
	for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (!strcasecmp(key, aliases[i].name))
			strcpy(key, aliases[i].known);
	}
	for (size_t i = 0; OBJ_txt2nid(key) == NID_undef && i < n; i++)
		key[i] = (char)toupper((unsigned char)key[i]);
	return true;
}

/* RFC 4514 2.4: a backslash goes before a special character or two hexadecimal digits. */
static bool read_escape(const char **text, char *out)
{
	const char *p = *text + 1;

	if (isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1])) {
		char pair[3] = {p[0], p[1], '\0'};

		*out = (char)strtoul(pair, NULL, 16);
		*text = p + 2;
		return *out != '\0';
	}
	*out = *p;
	*text = p + 1;
	return *p && strchr(" \"#+,;<=>\\", *p);
}

/* A value up to ',' or '+'; its length, or 0 when it is none. */
static size_t read_value(const char **text, char value[DN_VALUE_SIZE])
{
	size_t n = 0, used = 0;

	while (**text == ' ')
		(*text)++;
	while (**text && **text != ',' && **text != '+') {
		bool escaped = **text == '\\';

		if (n + 1 == DN_VALUE_SIZE)
			return 0;
		if (!escaped)
			value[n] = *(*text)++;
		else if (!read_escape(text, &value[n]))
			return 0;
		n++;
		if (escaped || value[n - 1] != ' ')
			used = n; /* spaces at the end are no part */
	}
	value[used] = '\0';
	return used;
}

/*
 * One "KEY=VALUE", of its own or of the RDN before it. Returns where the next one begins, NULL when it
 * is none; *joins tells whether that is of the same RDN (RFC 4514 2.2).
 */
static const char *add_part(X509_NAME *name, const char *text, bool *joins)
{
	char key[DN_KEY_SIZE], value[DN_VALUE_SIZE];
	int set = *joins ? -1 : 0;
	size_t len;

	while (*text == ' ')
		text++;
	if (!read_key(&text, key))
		return NULL;
	len = read_value(&text, value);
	if (!len || X509_NAME_add_entry_by_txt(name, key, MBSTRING_UTF8,
			    (const unsigned char *)value, (int)len, -1, set) != 1)
		return NULL;
	*joins = *text == '+';
	return *text ? text + 1 : text;
}

X509_NAME *name_from_text(const char *text)
{
	X509_NAME *name = X509_NAME_new();
	bool joins = false;

	if (!*text)
		text = NULL;
	while (name && text && *text)
		text = add_part(name, text, &joins);
	ERR_clear_error();
	if (text && !joins)
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
		made.len = (uint16_t)i2d_X509_NAME(name, &p);
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
				   ASN1_STRFLGS_ESC_MSB | ASN1_STRFLGS_ESC_2253 |
				   ASN1_STRFLGS_UTF8_CONVERT) >= 0)
		len = BIO_get_mem_data(out, &bytes);
	if (len >= CERT_NAME_SIZE)
		snprintf(text, CERT_NAME_SIZE, "%.*s...", CERT_NAME_SIZE - 4, bytes);
	else
		snprintf(text, CERT_NAME_SIZE, "%.*s", len > 0 ? (int)len : 1,
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
