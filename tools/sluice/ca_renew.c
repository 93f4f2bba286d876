/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sluice ca renew`: what ends soon, made anew in its place. It may run every day: before
 * something is due, it changes nothing.
 */
#include "ca.h"

#include "client.h"
#include "crypto/trust.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The same subject, names and length of life; nothing else that it may have said is carried over. */
static bool renew(const struct ca_options *o, const struct ca *ca, const struct cert *old,
	const struct cert_facts *facts)
{
	struct ca_options again = *o;
	int64_t life = facts->not_after - facts->not_before;

	again.renew = true;
	again.subject = facts->subject;
	again.days = o->days ? o->days : (long)((life + CA_DAY_S / 2) / CA_DAY_S);
	if (!again.days)
		again.days = 1;
	if (!cert_names(old, again.names, CA_NAMES_MAX, &again.name_count))
		return ca_fail(
			"%s: it has names that only `sluice ca issue --renew` can repeat", o->name);
	return ca_issue_with(&again, ca);
}

static bool renew_certificate(const struct ca_options *o, const struct ca *ca)
{
	struct ca_state state = {0};
	struct cert_facts facts;
	char path[CA_PATH_SIZE];
	struct cert *old;
	bool ok = true;

	snprintf(path, sizeof(path), "%.400s/issued/%.64s.pem", ca->path, o->name);
	old = ca_read_cert(path, false);
	if (!old || !ca_state_read(ca->path, &state)) {
		cert_free(old);
		return false;
	}
	cert_facts(old, &facts);
	if (ca_state_has(&state, facts.serial))
		ok = ca_fail("%s: it was revoked", path);
	else if (time(NULL) >= cert_warn_from(facts.not_before, facts.not_after))
		ok = renew(o, ca, old, &facts);
	else
		printf("%s: not due yet: %lld days are left\n", path,
			(long long)((facts.not_after - time(NULL)) / CA_DAY_S));
	ca_state_free(&state);
	cert_free(old);
	return ok;
}

/* A list of which two thirds are over is followed by one as long. */
static bool renew_list(const struct ca_options *o, const char *authority)
{
	struct trust *t = trust_new(false);
	struct trust_crl_facts facts = {0};
	char path[CA_PATH_SIZE], error[200];
	struct ca_state state = {0};
	struct ca ca = {0};
	bool ok = ca_open(o, authority, &ca) && ca_path(path, ca.path, "crl.pem", NULL);
	size_t len = 0;
	char *text = ok ? ca_read(path, &len, false) : NULL;
	int64_t life;

	ok = text != NULL;
	if (ok && !(ok = trust_add_crl(t, text, len, error, sizeof(error))))
		ca_fail("%s: %s", path, error);
	if (ok)
		trust_crl(t, 0, &facts);
	life = facts.next_update - facts.this_update;
	if (ok && time(NULL) >= facts.this_update + life * 2 / 3) {
		long days = (long)((life + CA_DAY_S / 2) / CA_DAY_S);

		ok = ca_state_read(ca.path, &state) &&
		     ca_state_revoke(&ca, &state, NULL, days > 0 ? days : 1);
		if (ok)
			puts(path);
	}
	ca_state_free(&state);
	free(text);
	trust_free(t);
	ca_close(&ca);
	return ok;
}

int ca_renew(const struct ca_options *o)
{
	struct dirent **entries;
	struct ca ca;
	bool ok;
	int count;

	if (!ca_open(o, o->authority, &ca))
		return CLIENT_REFUSED;
	ok = renew_certificate(o, &ca);
	ca_close(&ca);
	count = scandir(o->directory, &entries, NULL, alphasort);
	if (count < 0) {
		ca_fail("%s: %s", o->directory, strerror(errno));
		return CLIENT_REFUSED;
	}
	/* The lists of all: one that is out of date can close a hub for everybody. */
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.')
			ok = renew_list(o, entries[i]->d_name) && ok;
		free(entries[i]);
	}
	free(entries);
	return ok ? CLIENT_OK : CLIENT_REFUSED;
}
