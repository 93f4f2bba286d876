/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice ca list`, `revoke`, `crl`: what was issued, and what of it is taken back. */
#include "ca.h"

#include "base/date.h"
#include "client.h"
#include "format.h"
#include "table.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool has_suffix(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n > s && !strcmp(name + n - s, suffix);
}

bool ca_each_issued(const char *authority_path,
	void (*visit)(void *context, const char *name, const struct cert *c), void *context)
{
	char directory[CA_PATH_SIZE], path[CA_PATH_SIZE], name[CA_PATH_SIZE];
	struct dirent **entries;
	int count;

	if (!ca_path(directory, authority_path, "issued", NULL))
		return false;
	count = scandir(directory, &entries, NULL, alphasort);
	if (count < 0)
		return ca_fail("%s: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct cert *c = NULL;

		if (i < CA_ISSUED_MAX && has_suffix(entries[i]->d_name, ".pem") &&
			ca_path(path, directory, entries[i]->d_name, NULL))
			c = ca_read_cert(path, false);
		if (c) {
			snprintf(name, sizeof(name), "%.*s", (int)strlen(entries[i]->d_name) - 4,
				entries[i]->d_name);
			visit(context, name, c);
		}
		cert_free(c);
		free(entries[i]);
	}
	free(entries);
	return true;
}

/* ---- revocation ---- */

/* By name or by serial number. */
struct wanted {
	const char *word;
	char serial[CERT_SERIAL_SIZE];
};

static void find(void *context, const char *name, const struct cert *c)
{
	struct wanted *w = context;
	struct cert_facts facts;

	cert_facts(c, &facts);
	if (!strcmp(name, w->word) || !strcmp(facts.serial, w->word))
		memcpy(w->serial, facts.serial, sizeof(w->serial));
}

static bool revoke(const struct ca_options *o, const struct ca *ca, bool one)
{
	struct wanted w = {.word = o->name};
	struct ca_state state;
	bool ok;

	if (one && !ca_each_issued(ca->path, find, &w))
		return false;
	if (one && !w.serial[0])
		return ca_fail("'%s' issued nothing named '%s', and no such serial number",
			o->authority, o->name);
	if (!ca_state_read(ca->path, &state))
		return false;
	if (one && ca_state_has(&state, w.serial))
		ok = ca_fail("%s is revoked already", w.serial);
	else
		ok = ca_state_revoke(ca, &state, one ? w.serial : NULL, o->days);
	if (ok)
		printf("%s/crl.pem\n", ca->path);
	ca_state_free(&state);
	return ok;
}

static int revoke_or_renew(const struct ca_options *o, bool one)
{
	struct ca ca;
	bool ok;

	if (!ca_open(o, o->authority, &ca))
		return CLIENT_REFUSED;
	ok = revoke(o, &ca, one);
	ca_close(&ca);
	return ok ? CLIENT_OK : CLIENT_REFUSED;
}

int ca_revoke(const struct ca_options *o)
{
	return revoke_or_renew(o, true);
}

int ca_crl(const struct ca_options *o)
{
	return revoke_or_renew(o, false);
}

/* ---- the list ---- */

struct listing {
	const char *authority;
	const struct ca_state *state;
	json_t *array;
};

static const char *state_of(const struct listing *l, const struct cert_facts *f)
{
	int64_t now = time(NULL);

	return ca_state_has(l->state, f->serial)                    ? "revoked"
	       : now > f->not_after                                 ? "expired"
	       : now < f->not_before                                ? "not-yet-valid"
	       : now >= cert_warn_from(f->not_before, f->not_after) ? "expiring"
								    : "ok";
}

static void add_one(void *context, const char *name, const struct cert *c)
{
	struct listing *l = context;
	char from[DATE_TEXT_SIZE], to[DATE_TEXT_SIZE];
	struct cert_facts f;

	cert_facts(c, &f);
	json_array_append_new(l->array,
		json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "authority",
			l->authority, "name", name, "ca", (int)f.ca, "subject", f.subject, "names",
			f.names, "key", f.key, "not_before", date_format(f.not_before, from),
			"not_after", date_format(f.not_after, to), "serial", f.serial,
			"fingerprint", f.fingerprint, "state", state_of(l, &f)));
}

/* A root is listed with what it issued, since nobody else issued it. */
static bool add_authority(const struct ca_options *o, const char *authority, json_t *array)
{
	char path[CA_PATH_SIZE], file[CA_PATH_SIZE];
	struct ca_state state;
	struct listing l = {.authority = authority, .state = &state, .array = array};
	struct cert *root;
	bool ok;

	if (!ca_path(path, o->directory, authority, NULL) || !ca_path(file, path, "ca.pem", NULL) ||
		!ca_state_read(path, &state))
		return false;
	root = strcmp(authority, CA_ROOT) ? NULL : ca_read_cert(file, false);
	if (root)
		add_one(&l, CA_ROOT, root);
	cert_free(root);
	ok = ca_each_issued(path, add_one, &l);
	ca_state_free(&state);
	return ok;
}

static void print_table(const json_t *array)
{
	static const struct table_column columns[] = {{"AUTHORITY", 0, 0, 0}, {"NAME", 0, 0, 0},
		{"SUBJECT", 0, 1, 1}, {"NAMES", 0, 1, 3}, {"KEY", 0, 0, 5},
		{"VALID UNTIL", 0, 0, 0}, {"STATE", 0, 0, 0}, {"SERIAL", 0, 1, 4}, {NULL, 0, 0, 0}};
	static const char *const fields[] = {
		"authority", "name", "subject", "names", "key", "not_after", "state", "serial"};
	const json_t *o;
	struct table t;
	size_t i;

	table_init(&t, columns);
	json_array_foreach(array, i, o) {
		table_row(&t);
		for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++)
			table_text(&t, field_text(o, fields[f]));
	}
	table_print(&t, "nothing was issued");
}

int ca_list(const struct ca_options *o)
{
	json_t *array = json_array(), *document;
	struct dirent **entries;
	int count = scandir(o->directory, &entries, NULL, alphasort);
	bool ok = true;

	if (count < 0)
		ok = ca_fail("%s: %s", o->directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.' && ok)
			ok = add_authority(o, entries[i]->d_name, array);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	document = json_pack("{s:o}", "certificates", array);
	if (ok && o->json) {
		json_dumpf(document, stdout, JSON_INDENT(2));
		puts("");
	} else if (ok) {
		print_table(array);
	}
	json_decref(document);
	return ok ? CLIENT_OK : CLIENT_REFUSED;
}
