/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sealed store of secrets, `secret:NAME` in the configuration: a directory that only root may enter holds a file for
 * each, sealed with AES-256-GCM, to which its name is bound. The key is the systemd credential "secrets-key", 32 bytes, if
 * the service has one; else a file beside the directory, which is made when it is needed first. Against who can read
 * both, it seals nothing.
 */
#ifndef SLUICE_HUB_SECRET_VAULT_H
#define SLUICE_HUB_SECRET_VAULT_H

#include "base/secret.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VAULT_DIRECTORY "/var/lib/sluice/secrets"
#define VAULT_KEY       "secrets-key" /* of the credential; beside the directory: secrets.key */
#define VAULT_NAME_MAX  (SITE_NAME_SIZE - 1)
#define VAULT_LEN_MAX   64 /* bytes of one: what a pre-shared key may have */

/* Another directory than VAULT_DIRECTORY, for tests. */
void vault_use(const char *directory);

/*
 * False with errno: ENOENT, there is none of that name; EBADMSG, it was changed or has another name; EKEYREJECTED, it was
 * sealed with another key; ENOKEY, the key cannot be had; EINVAL, it cannot be called that; else the disk.
 */
bool vault_get(const char *name, struct secret *out);

/* The same as a sealed memfd; -1 with errno. */
int vault_open(const char *name);

/*
 * It is on the disk then. False with errno: what was there is, or, where only the directory could not be brought to the
 * disk, the new one, see file_replace().
 */
bool vault_set(const char *name, const void *bytes, size_t len);

/* False with errno; where it is gone, and only that is not on the disk, it can be deleted once more. */
bool vault_delete(const char *name);

/* Removes what is left of one that was being written when hub was killed. */
void vault_sweep(void);

bool vault_has(const char *name);

/* False with errno. The names in no order; when each was set, in seconds since the epoch. */
typedef void vault_visit(void *context, const char *name, int64_t set_s);
bool vault_each(vault_visit *visit, void *context);

/* A sentence for such an errno. */
const char *vault_why(int error);

/* A new pre-shared key that every device takes: 32 letters and digits, not with a 0 in front. */
#define VAULT_MADE_LEN 32
void vault_make(struct secret *out);

/* A memfd with these bytes that nobody can change; -1 with errno. */
int vault_memfd(const void *bytes, size_t len);

#endif
