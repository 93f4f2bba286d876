/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of findings. */
#ifndef SLUICE_PLAN_RULES_H
#define SLUICE_PLAN_RULES_H

#include "plan/finding.h"

extern const struct finding_rule finding_rules[]; /* ends with one without a kind */

/* overlap.c */
void finding_overlaps(struct finding_scope *s);

/* devices.c */
void finding_devices_doubted(struct finding_scope *s);
void finding_devices_closed(struct finding_scope *s);

#endif
