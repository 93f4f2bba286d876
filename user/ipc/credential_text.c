/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/credential_text.h"

#include "base/secret.h"
#include "crypto/trust.h"
#include "ipc/msg_ike.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool credential_text_read(int own_fd, enum credential_part part, struct credential_text *out)
{
	static const size_t most[] = {[CREDENTIAL_CHAIN] = CERT_FILE_BYTES,
		[CREDENTIAL_KEY] = PRIVATE_KEY_BYTES,
		[CREDENTIAL_CA] = TRUST_CA_BYTES,
		[CREDENTIAL_CRL] = TRUST_CRL_BYTES};
	struct stat st;
	ssize_t n = 1;

	*out = (struct credential_text){0};
	if (own_fd < 0)
		return false;
	if (part <= CREDENTIAL_CRL && !fstat(own_fd, &st) && st.st_size > 0 &&
		(size_t)st.st_size <= most[part])
		out->bytes = malloc((size_t)st.st_size);
	while (out->bytes && n > 0 && out->len < (size_t)st.st_size) {
		n = read(own_fd, out->bytes + out->len, (size_t)st.st_size - out->len);
		out->len += n > 0 ? (size_t)n : 0;
	}
	close(own_fd);
	if (out->bytes && n >= 0 && out->len)
		return true;
	credential_text_free(out);
	return false;
}

void credential_text_free(struct credential_text *t)
{
	if (t->bytes)
		secret_wipe(t->bytes, t->len);
	free(t->bytes);
	*t = (struct credential_text){0};
}
