/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that says who may ask the daemon for what. */
#ifndef SLUICE_CONFIG_ROLES_H
#define SLUICE_CONFIG_ROLES_H

#include "config/node.h"

walk_reader read_access; /* struct access_conf: a group of users, its role, its scope */
walk_writer write_access;

#endif
