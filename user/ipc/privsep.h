/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a child gives up what it does not need: its own user, an empty root, no capabilities, no way
 * to gain any, no core dumps (they would hold keys), and a seccomp filter with the calls of its role.
 */
#ifndef SLUICE_IPC_PRIVSEP_H
#define SLUICE_IPC_PRIVSEP_H

#include <stdbool.h>
#include <sys/types.h>

/* The user that a role runs as: "sluice-ike", "sluice-bgp", "sluice-data", "sluice-api", "sluice-remote", "sluice-watch". */
const char *privsep_user(const char *role, char name[32]);

/* Its number; 0 when it does not exist. */
uid_t privsep_uid(const char *role);

/* True when the users of all roles exist; else the first missing one is in `missing`. */
bool privsep_users_exist(char missing[32]);

/* Gives everything up, for good. Says why on standard error and exits when it cannot. */
void privsep_drop(const char *role);

/* The same but for one capability, such as CAP_NET_ADMIN; -1: none. */
void privsep_drop_keeping(const char *role, int capability);

/* The same with a directory as its root, which stays open; -1: the empty one. */
void privsep_drop_into(const char *role, int directory);

#endif
