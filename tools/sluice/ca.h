/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `sluice ca`: a certification authority in a directory, for those who have none.
 *
 *   DIR/AUTHORITY/ca.key, ca.pem      its key and certificate; the first authority is "root"
 *   DIR/AUTHORITY/chain.pem           a subordinate: its certificate and those up to the root
 *   DIR/AUTHORITY/crl.pem             its revocation list, made anew by each revocation
 *   DIR/AUTHORITY/state.json          what was revoked, and the number of the last list
 *   DIR/AUTHORITY/issued/NAME.pem     a certificate and its chain, what the device is given
 *   DIR/AUTHORITY/issued/NAME.key     its key
 *   DIR/AUTHORITY/issued/NAME.SERIAL.pem   a certificate that NAME.pem replaced
 *
 * What was issued is known from the certificates themselves. Every function that can fail prints why.
 */
#ifndef SLUICE_TOOL_CA_H
#define SLUICE_TOOL_CA_H

#include "crypto/issue.h"

#include <stdbool.h>
#include <stddef.h>

#define CA_DIRECTORY  "/etc/sluice/ca"
#define CA_ROOT       "root"
#define CA_PATH_SIZE  512
#define CA_NAME_SIZE  65
#define CA_NAMES_MAX  16    /* identities of one certificate */
#define CA_ISSUED_MAX 16384 /* certificates of one authority */
#define CA_DAY_S      INT64_C(86400)

/* Words of the command line. */
struct ca_options {
	const char *directory;
	const char *authority;
	const char *name;
	const char *subject; /* NULL: CN=NAME */
	struct ike_identity names[CA_NAMES_MAX];
	size_t name_count;
	long days; /* 0: the default of the command */
	enum key_kind kind;
	unsigned int rsa_bits;
	bool key_given, renew, json;
};

/* An authority that is there. */
struct ca {
	char path[CA_PATH_SIZE];
	struct private_key *key;
	struct cert *cert;
	struct cert_facts facts;
	struct issued chain; /* PEM up to, without, the root; empty for a root */
};

/* `sluice ca ...`; argv[0] is "ca". Returns the exit status. */
int ca_main(int argc, char **argv);

/* ---- ca.c: the commands ---- */

int ca_init(const struct ca_options *o);
int ca_subordinate(const struct ca_options *o);
int ca_issue(const struct ca_options *o);
int ca_renew(const struct ca_options *o);
int ca_revoke(const struct ca_options *o);
int ca_crl(const struct ca_options *o);
int ca_list(const struct ca_options *o);

/* ---- ca_store.c ---- */

/* "sluice: ..." on standard error; false, for `return ca_fail(...)`. */
__attribute__((format(printf, 1, 2))) bool ca_fail(const char *format, ...);

/* Joins the parts up to a NULL with slashes; false when that is too long. */
bool ca_path(char path[CA_PATH_SIZE], ...) __attribute__((sentinel));

/* A directory only its owner can enter; one that is there already is fine. */
bool ca_make_directory(const char *path);

/* One command at a time; the descriptor, or -1. */
int ca_lock(const char *directory);

/*
 * Writes a file as a whole or not at all. Without `replace`, a file that is there stays, and that is
 * an error. `secret`: mode 0600, else 0644 (the directory keeps others out of both).
 */
bool ca_write(const char *path, const char *text, size_t len, bool secret, bool replace);

/* The whole text of a file; NULL when it cannot be had, with the reason printed unless `quiet`. */
char *ca_read(const char *path, size_t *len, bool quiet);

/* Reads an authority. `ca_close` frees what it holds. */
bool ca_open(const struct ca_options *o, const char *authority, struct ca *ca);
void ca_close(struct ca *ca);

/* Reads the first certificate of a file. */
struct cert *ca_read_cert(const char *path, bool quiet);

/* ---- ca_issue.c ---- */

/* Issues o->name; with o->renew for the key that is there, and the old certificate is kept. */
bool ca_issue_with(const struct ca_options *o, const struct ca *ca);

/* ---- ca_state.c: what was revoked ---- */

struct ca_state {
	uint64_t crl_number;
	size_t count;
	struct issue_revoked *revoked; /* malloc'ed */
};

bool ca_state_read(const char *authority_path, struct ca_state *s);
void ca_state_free(struct ca_state *s);
bool ca_state_has(const struct ca_state *s, const char *serial);

/* Adds (unless serial is NULL), signs a new list that is good for so many days, and writes both. */
bool ca_state_revoke(const struct ca *ca, struct ca_state *s, const char *serial, long days);

/* ---- ca_list.c ---- */

/* Calls visit with each certificate that an authority issued, its name without ".pem". */
bool ca_each_issued(const char *authority_path,
	void (*visit)(void *context, const char *name, const struct cert *c), void *context);

#endif
