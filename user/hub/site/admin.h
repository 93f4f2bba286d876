/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator asks of a tunnel: down, up, drain. It is kept over a restart of the daemon.
 *
 * A tunnel that goes down on purpose leaves: its BGP session ends with a NOTIFICATION, the hub's own
 * routes move, and the tunnel carries for LEAVE_MS more, so that the NOTIFICATION arrives and what is on
 * its way is not lost. Then IKE deletes its SAs.
 */
#ifndef SLUICE_HUB_SITE_ADMIN_H
#define SLUICE_HUB_SITE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

struct admin;
struct hub;
struct site;

#define LEAVE_MS 1000

/* What is asked for is kept in a file of this directory, whose name must stay where it is. */
struct admin *admin_new(const char *directory);
void admin_free(struct admin *a);

/* Reads what was asked for before this start of the daemon. Called before the first site is added. */
void admin_load(struct hub *h);

/* Whether what was asked for last could be written to the file: else it is forgotten when the daemon ends. */
bool admin_is_kept(const struct hub *h);

/* Sets the tunnels of a site that is being added to what was asked of them. */
void admin_restore(struct hub *h, struct site *site);

/* The site is removed: another one of its name begins anew. */
void admin_forget(struct hub *h, const struct site *site);

/*
 * Forgets what was asked of a tunnel that its site no longer has. One that only changes keeps what was asked of
 * it: who has taken a tunnel down means to put it up himself, whatever its addresses are by then.
 */
void admin_forget_tunnel(struct hub *h, struct site *site, unsigned int t);

/*
 * Takes tunnel t of the site down for good, or both (t < 0). Without `force`, the last tunnel that
 * carries is not taken down. NULL, or why not.
 */
const char *admin_down(struct hub *h, struct site *site, int t, bool force);

/*
 * Lets the device return. A drain of the tunnel ends when its BGP session is there again, so that nothing
 * moves to it before it can carry.
 */
const char *admin_up(struct hub *h, struct site *site, int t);

/*
 * Moves the traffic to the other tunnel while this one stays up: that of the site by MED, the hub's
 * own by preference. NULL, or why the other one cannot carry.
 */
const char *admin_drain(struct hub *h, struct site *site, unsigned int t);

/* The tunnel has its session, or, without BGP, its SAs: a drain that waited for that ends. */
void admin_carries(struct hub *h, uint32_t tunnel);

/* asked.c: keeps what was asked of the site; tells both its neighbours which of them is drained. */
void admin_save(struct hub *h, const struct site *site);
void admin_tell_drain(struct hub *h, const struct site *site);

/* leave.c. Tells the neighbour goodbye while the tunnel carries; false: there is nobody to tell. */
bool tunnel_leave(struct hub *h, uint32_t tunnel);

/* IKE deletes what is left of a tunnel that was told goodbye, unless it was wanted back meanwhile. */
void tunnel_left(struct hub *h, struct site *site, unsigned int t);

#endif
