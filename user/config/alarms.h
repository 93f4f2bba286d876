/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that says which alarms there are. */
#ifndef SLUICE_CONFIG_ALARMS_H
#define SLUICE_CONFIG_ALARMS_H

#include "config/node.h"

walk_reader read_alarms; /* struct alarms_conf: rules, standard ones that are changed and others */
walk_writer write_alarms;

#endif
