/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BFD over sockets: a thread of the bgp process with an event loop of its own, so that neither
 * routes in their thousands nor the data plane's load delay a packet. It is told of sessions, and
 * tells of their states, by messages (imsg.h) over a socket pair, and shares nothing else.
 */
#ifndef SLUICE_PROC_BGP_BFD_LOOP_H
#define SLUICE_PROC_BGP_BFD_LOOP_H

/*
 * Starts the thread, with real-time priority where that is permitted, else with *unhurried the errno that says why
 * not; call it before privileges are dropped. Returns the other end of its channel: IMSG_BFD_SESSION and
 * IMSG_BGP_TUNNEL go in, IMSG_BFD_STATE comes out, and closing it ends the thread, which bfd_loop_join then waits for.
 * -1 on failure.
 */
int bfd_loop_start(int *unhurried);
void bfd_loop_join(void);

#endif
