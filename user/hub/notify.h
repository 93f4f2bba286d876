/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told, in the protocol of sd_notify(3): a datagram of assignments to the
 * socket that $NOTIFY_SOCKET names. Without one, nothing happens. Ten lines here, or libsystemd in
 * every process.
 */
#ifndef SLUICE_HUB_NOTIFY_H
#define SLUICE_HUB_NOTIFY_H

#include <stdint.h>

/* Takes $NOTIFY_SOCKET and $WATCHDOG_USEC out of the environment, so that children do not have them. */
void notify_init(void);

/* Assignments, one a line: "READY=1", "STOPPING=1", "STATUS=text". What cannot be sent is not. */
void notify_send(const char *assignments);

/* To be called every second: tells a watchdog that asks for it, in half its time, that hub is alive. */
void notify_alive(uint64_t now_ns);

#endif
