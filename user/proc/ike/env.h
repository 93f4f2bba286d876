/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine of the ike process asks of its surroundings. */
#ifndef SLUICE_PROC_IKE_ENV_H
#define SLUICE_PROC_IKE_ENV_H

#include "proc/ike/spis.h"
#include "ike/engine.h"

/* Randomness, the time of day, and where SPIs are told. `spis` outlives the engine. */
struct engine_env ike_env(struct ike_spis *spis);

#endif
