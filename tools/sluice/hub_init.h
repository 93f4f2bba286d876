/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice hub init`: the first files of a hub, before there is a daemon that could be asked. */
#ifndef SLUICE_TOOL_HUB_INIT_H
#define SLUICE_TOOL_HUB_INIT_H

/* From "init" on; returns the exit status. */
int hub_init_main(int argc, char **argv);

#endif
