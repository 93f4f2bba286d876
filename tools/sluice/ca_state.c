/* SPDX-License-Identifier: Apache-2.0 */
/* What an authority revoked: state.json, from which the list is made. */
#include "ca.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CRL_DAYS 30

void ca_state_free(struct ca_state *s)
{
	free(s->revoked);
	*s = (struct ca_state){0};
}

static bool add(struct ca_state *s, const char *serial, int64_t at)
{
	struct issue_revoked *more =
		realloc(s->revoked, (s->count + 1) * sizeof(struct issue_revoked));

	if (!more)
		return ca_fail("out of memory");
	s->revoked = more;
	s->revoked[s->count] = (struct issue_revoked){.at = at};
	snprintf(s->revoked[s->count++].serial, CERT_SERIAL_SIZE, "%s", serial);
	return true;
}

static bool is_serial(const char *text)
{
	return text && text[0] && strlen(text) < CERT_SERIAL_SIZE &&
	       !text[strspn(text, "0123456789abcdef")];
}

static bool read_document(const json_t *document, struct ca_state *s)
{
	const json_t *number = json_object_get(document, "crl_number"), *entry;
	const json_t *list = json_object_get(document, "revoked");
	size_t i;

	if (!json_is_integer(number) || json_integer_value(number) < 0 || !json_is_array(list))
		return false;
	s->crl_number = (uint64_t)json_integer_value(number);
	json_array_foreach(list, i, entry) {
		const char *serial = json_string_value(json_object_get(entry, "serial"));
		const json_t *at = json_object_get(entry, "at");

		if (!is_serial(serial) || !json_is_integer(at) ||
			!add(s, serial, json_integer_value(at)))
			return false;
	}
	return true;
}

bool ca_state_read(const char *authority_path, struct ca_state *s)
{
	char path[CA_PATH_SIZE];
	json_t *document;
	json_error_t error;
	bool ok;

	*s = (struct ca_state){0};
	if (!ca_path(path, authority_path, "state.json", NULL))
		return false;
	/* A file that is lost must not pass for "nothing was ever revoked". */
	document = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!document)
		return ca_fail("%s: %s", path, error.text);
	ok = read_document(document, s);
	json_decref(document);
	if (ok)
		return true;
	ca_state_free(s);
	return ca_fail("%s: not what `sluice ca` wrote", path);
}

bool ca_state_has(const struct ca_state *s, const char *serial)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!strcmp(s->revoked[i].serial, serial))
			return true;
	}
	return false;
}

static bool write_state(const struct ca *ca, const struct ca_state *s)
{
	json_t *list = json_array(), *document;
	char path[CA_PATH_SIZE], *text;
	bool ok;

	for (size_t i = 0; i < s->count; i++)
		json_array_append_new(list, json_pack("{s:s, s:I}", "serial", s->revoked[i].serial,
						    "at", (json_int_t)s->revoked[i].at));
	document =
		json_pack("{s:I, s:o}", "crl_number", (json_int_t)s->crl_number, "revoked", list);
	text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	ok = text && ca_path(path, ca->path, "state.json", NULL) &&
	     ca_write(path, text, strlen(text), true, true);
	free(text);
	return ok;
}

/* The state first: a list that knows more than the state would be forgotten by the next one. */
bool ca_state_revoke(const struct ca *ca, struct ca_state *s, const char *serial, long days)
{
	int64_t now = time(NULL);
	struct issued list = {0};
	char path[CA_PATH_SIZE];
	bool ok;

	if (serial && !add(s, serial, now))
		return false;
	s->crl_number++;
	ok = issue_crl(ca->cert, ca->key, s->revoked, s->count, s->crl_number, now,
		now + (days ? days : CRL_DAYS) * CA_DAY_S, &list);
	if (!ok)
		ca_fail("the revocation list could not be signed");
	ok = ok && write_state(ca, s) && ca_path(path, ca->path, "crl.pem", NULL) &&
	     ca_write(path, list.pem, list.len, false, true);
	issued_free(&list);
	return ok;
}
