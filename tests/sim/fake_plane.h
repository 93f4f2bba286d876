/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel as hub sees it through user/dataplane: BPF maps, the inside device and its routes, outside devices,
 * addresses. All of it are tables that a test fills and looks at. What would be a fault whoever does it is asserted
 * here: the trie is written before the kernel's table, and left after it.
 */
#ifndef TESTS_SIM_FAKE_PLANE_H
#define TESTS_SIM_FAKE_PLANE_H

#include "fake_host.h"
#include "fake_link.h"
#include "fake_maps.h"
#include "fake_programs.h"
#include "fake_tables.h"

#endif
