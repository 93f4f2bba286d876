/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations as text, and whether they are taken. */
#ifndef SLUICE_TESTS_UNIT_CONFIG_LAB_H
#define SLUICE_TESTS_UNIT_CONFIG_LAB_H

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HUB                                                                                        \
	"concentrator:\n"                                                                          \
	"  name: hub\n"                                                                            \
	"  endpoints:\n"                                                                           \
	"    - { device: wan0, addresses: [198.51.100.1, '2001:db8:a::1'] }\n"                     \
	"    - { device: wan1, addresses: [198.51.101.1] }\n"

#define SITE                                                                                       \
	"sites:\n"                                                                                 \
	"  - name: a\n"                                                                            \
	"    asn: 65001\n"                                                                         \
	"    tunnels:\n"                                                                           \
	"      - { inside: 169.254.10.0/30, identity: a.example, psk: 'file:/k' }\n"

#define T0 "169.254.10.0/30, identity: a.example, psk: 'file:/k'"
#define WITH(options)                                                                              \
	HUB "sites:\n  - name: a\n    asn: 65001\n    tunnels:\n      - { inside: " T0             \
	    ", " options " }\n"

static inline struct config *must_parse(const char *text)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("t", text, strlen(text), error);

	if (!c)
		fail_msg("%s", error);
	return c;
}

static inline void must_refuse(const char *text, const char *message)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = config_parse("t", text, strlen(text), error);

	if (c)
		fail_msg("accepted; wanted: %s", message);
	if (!strstr(error, message))
		fail_msg("message: %s\nwanted: %s", error, message);
}

#endif
