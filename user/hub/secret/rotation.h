/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a sealed secret is replaced. NAME is what is used. Another one of that name waits as NAME.next, and nobody uses it
 * until `sluice apply` takes it over: then NAME.next becomes NAME, and what that was is NAME.previous, which devices may
 * use until the overlap ends.
 */
#ifndef SLUICE_HUB_SECRET_ROTATION_H
#define SLUICE_HUB_SECRET_ROTATION_H

#include "base/secret.h"
#include "hub/secret/vault.h"

#include <stdbool.h>

#define VAULT_NEXT     ".next"
#define VAULT_PREVIOUS ".previous"

enum rotation {
	ROTATION_DONE,    /* it is used wherever the name stands: there was none */
	ROTATION_WAITS,   /* for `sluice apply` */
	ROTATION_BAD,     /* no secret that is replaced can be called so */
	ROTATION_REFUSED, /* the overlap of the one before is not over, or another one waits */
	ROTATION_FAILED,  /* nothing was changed */
};

#define ROTATION_WHY_SIZE 200

/*
 * Sets a secret. With `over` it takes the place of one that waits. `why` says why it is refused or has failed.
 */
enum rotation rotation_set(
	const char *name, const struct secret *s, bool over, char why[ROTATION_WHY_SIZE]);

/* NAME of NAME.next or NAME.previous, whichever `suffix` is; false: the name has another end. */
bool rotation_base(const char *name, const char *suffix, char base[SITE_NAME_SIZE]);

/*
 * What waits is used from now on. `tell` hears of each; `why` is NULL, or why it waits further, and what was used is used.
 */
typedef void rotation_told(void *context, const char *name, const char *why);
void rotation_apply(rotation_told *tell, void *context);

/*
 * For the start: hub was killed while one that waited took the place of another. Where it is used already it waits no more,
 * and where it is not, the one that is used is none of before.
 */
void rotation_mend(void);

/* Deletes a secret, with what waits to be it and what it was before. False with errno. */
bool rotation_delete(const char *name);

#endif
