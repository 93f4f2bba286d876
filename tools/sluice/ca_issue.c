/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice ca init`, `subordinate`, `issue`: new keys and certificates. */
#include "ca.h"

#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROOT_DAYS        3650
#define SUBORDINATE_DAYS 1825
#define ISSUE_DAYS       365
#define BACKDATE_S       300 /* clocks of devices differ a little */

static const char state_empty[] = "{\n  \"crl_number\": 0,\n  \"revoked\": []\n}\n";

/* A certificate for key by issuer (NULL: itself) that does not outlive its issuer. */
static struct cert *sign(const struct ca_options *o, const struct private_key *key,
	const struct ca *issuer, struct issue_request *r, long days)
{
	char subject[CA_NAME_SIZE + 8];
	struct cert *c;

	snprintf(subject, sizeof(subject), "CN=%s", o->name);
	r->subject = o->subject ? o->subject : subject;
	r->names = o->names;
	r->name_count = o->name_count;
	r->not_before = time(NULL) - BACKDATE_S;
	r->not_after = time(NULL) + (o->days ? o->days : days) * CA_DAY_S;
	if (issuer && r->not_before < issuer->facts.not_before)
		r->not_before = issuer->facts.not_before;
	if (issuer && r->not_after > issuer->facts.not_after) {
		r->not_after = issuer->facts.not_after;
		fprintf(stderr, "sluice: it ends with its authority, before the days asked for\n");
	}
	if (r->not_after <= time(NULL)) {
		ca_fail("the authority '%s' has expired", o->authority);
		return NULL;
	}
	c = issue_cert(r, key, issuer ? issuer->cert : NULL, issuer ? issuer->key : key);
	if (!c)
		ca_fail("the certificate could not be made; the subject is '%s'", r->subject);
	return c;
}

static struct private_key *new_key(const struct ca_options *o)
{
	struct private_key *key = private_key_new(o->kind, o->rsa_bits);

	if (!key)
		ca_fail("the key could not be made");
	return key;
}

/* The certificate, followed by its issuers up to, without, the root. */
static bool write_cert(
	const char *path, const struct cert *c, const struct ca *issuer, bool replace)
{
	size_t chain_len = issuer ? issuer->chain.len : 0;
	struct issued pem;
	char *all;
	bool ok;

	if (!cert_write(c, &pem))
		return ca_fail("out of memory");
	all = malloc(pem.len + chain_len + 1);
	if (!all)
		return ca_fail("out of memory");
	memcpy(all, pem.pem, pem.len);
	if (chain_len)
		memcpy(all + pem.len, issuer->chain.pem, chain_len);
	ok = ca_write(path, all, pem.len + chain_len, false, replace);
	issued_free(&pem);
	free(all);
	return ok;
}

/* The key first; it goes again when its certificate cannot be written. */
static bool write_pair(const char *key_path, const struct private_key *key, const char *cert_path,
	const struct cert *c, const struct ca *issuer)
{
	struct issued pem;
	bool ok;

	if (!access(cert_path, F_OK))
		return ca_fail("%s: is there already, and is not overwritten", cert_path);
	if (!private_key_write(key, &pem))
		return ca_fail("out of memory");
	ok = ca_write(key_path, pem.pem, pem.len, true, false);
	issued_free(&pem);
	if (ok && !write_cert(cert_path, c, issuer, false)) {
		(void)unlink(key_path);
		ok = false;
	}
	return ok;
}

/* A new authority in its directory; `issuer` NULL: a root. */
static bool make_authority(const struct ca_options *o, const struct ca *issuer, long days)
{
	struct issue_request r = {.ca = true,
		.path_len = issuer ? 0 : -1,
		.key_usage = "critical,keyCertSign,cRLSign"};
	char path[CA_PATH_SIZE], issued[CA_PATH_SIZE], key_path[CA_PATH_SIZE];
	char cert_path[CA_PATH_SIZE], state_path[CA_PATH_SIZE], chain_path[CA_PATH_SIZE];
	struct private_key *key = NULL;
	struct cert *c = NULL;
	struct ca_state state = {0};
	struct ca made = {0};
	bool ok = ca_path(path, o->directory, o->name, NULL) &&
		  ca_path(issued, path, "issued", NULL) &&
		  ca_path(key_path, path, "ca.key", NULL) &&
		  ca_path(cert_path, path, "ca.pem", NULL) &&
		  ca_path(chain_path, path, "chain.pem", NULL) &&
		  ca_path(state_path, path, "state.json", NULL);

	if (ok && !access(key_path, F_OK))
		ok = ca_fail("%s: is there already, and is not overwritten", key_path);
	ok = ok && ca_make_directory(path) && ca_make_directory(issued);
	if (ok)
		key = new_key(o);
	if (key)
		c = sign(o, key, issuer, &r, days);
	ok = c && ca_write(state_path, state_empty, strlen(state_empty), true, true) &&
	     (!issuer || write_cert(chain_path, c, issuer, true)) &&
	     write_pair(key_path, key, cert_path, c, NULL);
	/* An empty list from the start: the hub can require one. */
	if (ok) {
		ok = ca_open(o, o->name, &made) && ca_state_read(path, &state) &&
		     ca_state_revoke(&made, &state, NULL, 0);
		ca_state_free(&state);
		ca_close(&made);
	}
	/* Its issuer lists it, and can revoke it, by this copy. */
	if (ok && issuer && ca_path(path, issuer->path, "issued", NULL)) {
		snprintf(cert_path, sizeof(cert_path), "%.400s/%.64s.pem", path, o->name);
		ok = write_cert(cert_path, c, NULL, false);
	}
	if (ok)
		printf("%s: %s\n", o->name, key_path);
	cert_free(c);
	private_key_free(key);
	return ok;
}

int ca_init(const struct ca_options *o)
{
	return make_authority(o, NULL, ROOT_DAYS) ? CLIENT_OK : CLIENT_REFUSED;
}

int ca_subordinate(const struct ca_options *o)
{
	struct ca issuer;
	bool ok;

	if (!ca_open(o, o->authority, &issuer))
		return CLIENT_REFUSED;
	if (issuer.chain.len)
		ok = ca_fail("only the root issues subordinate authorities");
	else
		ok = make_authority(o, &issuer, SUBORDINATE_DAYS);
	ca_close(&issuer);
	return ok ? CLIENT_OK : CLIENT_REFUSED;
}

/* ---- peers ---- */

static struct private_key *read_key(const char *path)
{
	size_t len;
	char *text = ca_read(path, &len, false), error[200] = "";
	struct private_key *key = text ? private_key_read(text, len, error, sizeof(error)) : NULL;

	if (text && !key)
		ca_fail("%s: %s", path, error);
	free(text);
	return key;
}

/* The old certificate stays, under its serial number: it may have to be revoked yet. */
static bool keep_old(const char *directory, const char *name, const char *cert_path)
{
	struct cert *old = ca_read_cert(cert_path, false);
	struct cert_facts facts;
	char kept[CA_PATH_SIZE];

	if (!old)
		return false;
	cert_facts(old, &facts);
	cert_free(old);
	snprintf(kept, sizeof(kept), "%.380s/%.64s.%s.pem", directory, name, facts.serial);
	return !link(cert_path, kept) || ca_fail("%s: cannot be kept as %s", cert_path, kept);
}

bool ca_issue_with(const struct ca_options *o, const struct ca *ca)
{
	/* RFC 4945 5.1.3.2 and 5.1.3.12: this usage, and no extended one. */
	struct issue_request r = {.key_usage = "critical,digitalSignature"};
	char directory[CA_PATH_SIZE], key_path[CA_PATH_SIZE], cert_path[CA_PATH_SIZE];
	struct private_key *key;
	struct cert *c = NULL;
	bool ok;

	if (!ca_path(directory, ca->path, "issued", NULL))
		return false;
	snprintf(key_path, sizeof(key_path), "%.400s/%.64s.key", directory, o->name);
	snprintf(cert_path, sizeof(cert_path), "%.400s/%.64s.pem", directory, o->name);
	if (!o->renew && !access(cert_path, F_OK))
		return ca_fail(
			"%s: is there already; --renew issues another for the same key", cert_path);
	key = o->renew ? read_key(key_path) : new_key(o);
	if (key)
		c = sign(o, key, ca, &r, ISSUE_DAYS);
	ok = c && (o->renew ? keep_old(directory, o->name, cert_path) &&
					  write_cert(cert_path, c, ca, true)
			    : write_pair(key_path, key, cert_path, c, ca));
	if (ok)
		printf("%s\n%s\n", cert_path, key_path);
	cert_free(c);
	private_key_free(key);
	return ok;
}

int ca_issue(const struct ca_options *o)
{
	struct ca ca;
	bool ok;

	if (!ca_open(o, o->authority, &ca))
		return CLIENT_REFUSED;
	ok = ca_issue_with(o, &ca);
	ca_close(&ca);
	return ok ? CLIENT_OK : CLIENT_REFUSED;
}
