/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate with a validity that `sluice ca` does not give: for tests of what is about to end.
 *
 *   cert_make CA.pem CA.key KEY.pem IDENTITY FROM TO     days from now; the PEM goes to standard output
 *   cert_make CA.pem CA.key crl FROM TO                  an empty revocation list
 */
#include "crypto/issue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static char error[200];

static size_t read_file(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "r");
	size_t len = f ? fread(text, 1, size, f) : 0;

	if (!len) {
		perror(path);
		exit(1);
	}
	fclose(f);
	return len;
}

static int64_t days_from_now(const char *text)
{
	return time(NULL) + atol(text) * 86400;
}

static bool make_cert(
	const struct cert *ca, const struct private_key *ca_key, char **words, struct issued *pem)
{
	static char text[PRIVATE_KEY_BYTES];
	size_t len = read_file(words[0], text, sizeof(text));
	struct private_key *key = private_key_read(text, len, error, sizeof(error));
	struct ike_identity name = {
		.type = IKE_ID_FQDN, .len = (uint8_t)strnlen(words[1], sizeof(name.bytes))};
	struct issue_request r = {.subject = "CN=made",
		.names = &name,
		.name_count = 1,
		.not_before = days_from_now(words[2]),
		.not_after = days_from_now(words[3]),
		.key_usage = "digitalSignature"};
	struct cert *c;
	bool ok;

	memcpy(name.bytes, words[1], name.len);
	c = key ? issue_cert(&r, key, ca, ca_key) : NULL;
	ok = c && cert_write(c, pem);
	cert_free(c);
	private_key_free(key);
	return ok;
}

int main(int argc, char **argv)
{
	static char text[2][PRIVATE_KEY_BYTES];
	struct private_key *ca_key;
	struct issued pem = {0};
	struct cert *ca;
	size_t len[2];
	bool ok;

	if (argc != 7 && argc != 6)
		return 2;
	for (int i = 0; i < 2; i++)
		len[i] = read_file(argv[1 + i], text[i], sizeof(text[i]));
	ca = cert_read(text[0], len[0], error, sizeof(error));
	ca_key = private_key_read(text[1], len[1], error, sizeof(error));
	ok = ca && ca_key &&
	     (argc == 7 ? make_cert(ca, ca_key, argv + 3, &pem)
			: issue_crl(ca, ca_key, NULL, 0, 1, days_from_now(argv[4]),
				  days_from_now(argv[5]), &pem));
	if (ok)
		fputs(pem.pem, stdout);
	else
		fprintf(stderr, "cert_make: %s\n", error);
	issued_free(&pem);
	cert_free(ca);
	private_key_free(ca_key);
	return ok ? 0 : 1;
}
