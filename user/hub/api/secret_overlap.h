/* SPDX-License-Identifier: Apache-2.0 */
/* While devices may have either of two secrets: what is said of it, and its end. */
#ifndef SLUICE_HUB_API_SECRET_OVERLAP_H
#define SLUICE_HUB_API_SECRET_OVERLAP_H

#include "hub/hub.h"
#include "hub/secret/rotation.h"

#include <jansson.h>

#define SECRET_SENTENCE_SIZE 1024
#define SECRET_BUSY          "a configuration is being applied, which may use it; try again"

/* What has become of a secret that was set, and of what it means for who uses it. */
const char *secret_set_sentence(
	struct hub *h, const char *name, enum rotation done, char text[SECRET_SENTENCE_SIZE]);

/* What waits, for the plan of an apply that would put it in force: a finding for each. */
void secret_add_findings(struct hub *h, json_t *plan);

/* What waits is used from now on: before tunnels are told of their secrets. */
void secret_take_over(struct hub *h);
/* Or it is not: a warning of each that says why. */
void secret_say_waiting(const char *why);

/*
 * Deletes NAME.previous. Who could use it is told as soon as it is gone, whether or not its directory is on the disk.
 * False with errno, and `why` says what is so now.
 */
bool secret_overlap_end(struct hub *h, const char *previous, char why[ROTATION_WHY_SIZE]);

/*
 * Ends overlaps that nobody needs any more: SECRET_OVERLAP_S have passed, and each device has shown the present
 * secret.
 */
#define SECRET_OVERLAP_S      3600
#define SECRET_OVERLAP_LOOK_S 60 /* other configurations are read only where one is over */
void secret_overlaps_look(struct hub *h, int64_t wall_s);

#endif
