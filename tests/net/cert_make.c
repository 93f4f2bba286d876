/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate with a validity that `sluice ca` does not give: for tests of what is about to end.
 *
 *   cert_make CA.pem CA.key KEY.pem IDENTITY FROM TO     days from now; the PEM goes to standard output
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

int main(int argc, char **argv)
{
	static char text[3][PRIVATE_KEY_BYTES];
	size_t len[3];
	struct ike_identity name = {.type = IKE_ID_FQDN};
	struct issue_request r = {.subject = "CN=made",
		.names = &name,
		.name_count = 1,
		.key_usage = "digitalSignature"};
	struct private_key *ca_key, *key;
	struct cert *ca, *c;
	struct issued pem;

	if (argc != 7)
		return 2;
	for (int i = 0; i < 3; i++)
		len[i] = read_file(argv[1 + i], text[i], sizeof(text[i]));
	name.len = (uint8_t)strnlen(argv[4], sizeof(name.bytes));
	memcpy(name.bytes, argv[4], name.len);
	r.not_before = time(NULL) + atol(argv[5]) * 86400;
	r.not_after = time(NULL) + atol(argv[6]) * 86400;
	ca = cert_read(text[0], len[0], error, sizeof(error));
	ca_key = private_key_read(text[1], len[1], error, sizeof(error));
	key = private_key_read(text[2], len[2], error, sizeof(error));
	c = ca && ca_key && key ? issue_cert(&r, key, ca, ca_key) : NULL;
	if (!c || !cert_write(c, &pem)) {
		fprintf(stderr, "cert_make: %s\n", error);
		return 1;
	}
	fputs(pem.pem, stdout);
	issued_free(&pem);
	cert_free(c);
	cert_free(ca);
	private_key_free(key);
	private_key_free(ca_key);
	return 0;
}
