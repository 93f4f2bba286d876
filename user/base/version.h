/* SPDX-License-Identifier: Apache-2.0 */
/* Of all that is built here. */
#ifndef SLUICE_BASE_VERSION_H
#define SLUICE_BASE_VERSION_H

#define SLUICE_VERSION "0.1.0"

#endif
