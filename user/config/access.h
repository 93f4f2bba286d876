/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the configuration that says what a site may send to whom. */
#ifndef SLUICE_CONFIG_ACCESS_H
#define SLUICE_CONFIG_ACCESS_H

#include "config/node.h"

walk_reader read_services; /* struct services_conf: any, tcp/PORT, udp/PORT */
walk_writer write_services;

#endif
