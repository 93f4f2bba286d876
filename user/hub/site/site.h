/* SPDX-License-Identifier: Apache-2.0 */
/* Sites and their tunnels: they come and go, open and close, and whoever has to know of it is told. */
#ifndef SLUICE_HUB_SITE_SITE_H
#define SLUICE_HUB_SITE_SITE_H

#include "hub/hub.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

/*
 * sites.c: a site of the configuration comes, goes, or is another one now. It and its tunnels are told to the
 * children.
 */
void hub_site_add(struct hub *h, const struct site_conf *conf, uint32_t slot); /* SITE_SLOTS: any */
void hub_site_remove(struct hub *h, struct site *site);
/* Tunnels that become others are replaced. Those that stay are told of in hub_sites_settle(). */
void hub_site_change(struct hub *h, struct site *site, const struct site_conf *conf);

/*
 * sites.c. Whether a change of its site to `is` makes tunnel t another one, or none; NULL: the site goes.
 */
bool hub_tunnel_is_replaced(const struct site *site, unsigned int t, const struct site_conf *is);
/*
 * The hub's outside addresses are others: tunnels that end at one that changes end, and when sites and sockets are as
 * h->config has them those of them that are still there begin again. In between nothing else is done to them.
 */
void hub_tunnels_move(struct hub *h, const struct concentrator_conf *was);
void hub_tunnels_moved(struct hub *h);
/*
 * After a change of several sites: what one gave up another may have taken, and group numbers may have moved. Repeating
 * what did not change does nothing; but a key file may have another content, which interrupts whom it is read for. So
 * files are read for sites that were added or changed, and for others as they were asked for.
 */
enum settle {
	SETTLE_CHANGED,      /* for no other site */
	SETTLE_CERTIFICATES, /* also for tunnels with certificates, of which all were read again */
	SETTLE_ALL,
};
void hub_sites_settle(struct hub *h, enum settle whom);

/* sites.c: reads the counters of all sites. */
void hub_sample(struct hub *h);

/*
 * minutes.c: what sites have in a minute, for watch. After each sample; the clock is that of the wall, by which minutes are
 * told apart.
 */
struct minutes *minutes_new(void);
void minutes_free(struct minutes *m);
void hub_minutes_look(struct hub *h, uint64_t wall_ns);
/* What waits goes to watch; all of it, since watch has opened its file; so many, in their order, are on the disk. */
void hub_minutes_send(struct hub *h);
void hub_minutes_heard(struct hub *h);
void hub_minutes_stored(struct hub *h, uint32_t count);

/* tell.c: what children are told. All that a child has to know of sites. */
void hub_sites_send(struct hub *h, struct process *p);
/* To bgp: all that the configuration and operators say of a neighbour. Its password is read when it is told first. */
void hub_bgp_neighbor_send(struct hub *h, const struct site *site, unsigned int t);
/* The same of those that lack a socket for BFD, which there may be now. */
void hub_bfd_again(struct hub *h);
/* To bgp and its BFD: the tunnel carries, or no longer does. */
void hub_bgp_tunnel_send(struct hub *h, uint32_t tunnel, bool up);
/* Tells ike and bgp of a tunnel again, by its files as they are now. */
void hub_tunnel_send(struct hub *h, const struct site *site, unsigned int t);
/* To one of them alone. */
void hub_ike_tunnel_send(struct hub *h, const struct site *site, unsigned int t);
void hub_data_tunnel_send(struct hub *h, const struct site *site, unsigned int t, bool present);
/* To data, bgp and ike, in this order: there is such a tunnel. */
void hub_tunnel_introduce(struct hub *h, const struct site *site, unsigned int t);

/* tunnels.c. Opens a tunnel for traffic, or closes it: TC, routes and BGP follow at once. */
void hub_tunnel_open(struct hub *h, uint32_t tunnel);
void hub_tunnel_close(struct hub *h, uint32_t tunnel);
/* It is up as before, and its peer has begun anew, maybe elsewhere. */
void hub_tunnel_afresh(struct hub *h, uint32_t tunnel);

/* tunnel_sas.c: ike has a pair, or has no longer; data found out how much fits. */
void hub_sa_info(struct hub *h, const struct imsg_sa_info *m);
void hub_sa_gone(struct hub *h, const struct imsg_sa_ref *m);
void hub_tunnel_path(struct hub *h, const struct imsg_data_path *m);

/*
 * sources.c: tells TC which inside addresses a tunnel has, whose it is, and whether it is open; nothing when
 * it is not present. And for all of them, after any change of the configuration, which prefixes are
 * declared as whose, and what the hub serves to sites.
 */
void hub_tunnel_record(struct hub *h, uint32_t tunnel, bool present);
void hub_sources_set(struct hub *h);
/* What TC was told last; a new one has nothing. */
struct source_set *hub_sources_new(void);
void hub_sources_free(struct source_set *s);

/* rates.c: the limits of sites and of all together; while the latter is short it is shared fairly. */
struct rates *rates_new(void);
void rates_free(struct rates *r);
void hub_aggregate_set(struct hub *h); /* before the first site's */
void hub_rates_set(struct hub *h, const struct site *site);
void hub_rates_forget(struct hub *h, uint32_t slot);

#define HUB_BACKUP_MED 100 /* more than on tunnel 0, with med_mode primary-backup */

static inline uint32_t hub_backup_med(uint32_t med)
{
	return med < UINT32_MAX - HUB_BACKUP_MED ? med + HUB_BACKUP_MED : UINT32_MAX;
}

/* interfaces.c: the xfrm interfaces of kernel ESP; without it they do nothing. */
bool hub_interfaces_open(struct hub *h, char error[CONFIG_ERROR_SIZE]);
void hub_interfaces_close(struct hub *h);
void hub_interface_add(struct hub *h, const struct site *site, unsigned int t);
void hub_interface_del(struct hub *h, uint32_t tunnel);
void hub_interface_mtu_set(struct hub *h, uint32_t tunnel, uint32_t mtu);
/* Whether this machine can do what the configuration asks for; else a sentence says what it lacks. */
bool hub_dataplane_probe(struct hub *h, char error[CONFIG_ERROR_SIZE]);

/* inside_sockets.c: the listeners for BGP on the inside device; -1: there is none of the family. */
struct inside_sockets *inside_sockets_new(void);
void inside_sockets_free(struct inside_sockets *s);
int hub_bgp_listener(const struct hub *h, int family);

/*
 * RFC 2385: connections from the peer's end of a tunnel must be signed with the site's password, or with none where it
 * has none. It is read again; the one of before stays where the same reference cannot be read any more, and else nobody
 * gets in. The bgp process never sees it, but site_tunnel.md5_print, which says nothing of it.
 */
void hub_bgp_password_read(struct hub *h, const struct site *site, unsigned int t);
/* From this address no signature is wanted. */
void hub_bgp_password_forget(const struct hub *h, const struct ip_addr *peer);
/* Listens for BGP of one family; false with errno set. */
bool hub_bgp_listen(struct hub *h, int family);

/*
 * md5.c. Once a second: whether the kernel has dropped segments for their signature, and whose they may be.
 * The second one is told what it counts.
 */
#define MD5_KINDS TUNNEL_MD5_KINDS
struct md5_seen *md5_seen_new(void); /* nothing is known; free() ends it */
void hub_md5_look(struct hub *h, uint64_t now);
void hub_md5_judge(struct hub *h, const uint64_t counts[MD5_KINDS], uint64_t now);

/*
 * half_open.c. Once a second: whether devices whose attempts come to nothing leave the answer to their SYN
 * unacknowledged. Then, of one whose ESP came in at heard_ns last: whether that goes on although the device is there.
 */
void hub_half_open_look(struct hub *h, uint64_t now);
bool tunnel_is_half_open(const struct site_tunnel *state, uint64_t heard_ns, uint64_t now);

/*
 * through.c. Once a second, of an open tunnel: whether anything comes through it, and between the right addresses.
 * The second one is told what the data plane has seen of the latter; at_ns 0: nothing.
 */
void hub_through_look(struct hub *h, uint32_t tunnel, const struct tunnel_stats *s, uint64_t now);
void hub_through_judge(struct hub *h, uint32_t tunnel, const struct tunnel_stats *s,
	const struct strange_session *x, uint64_t now);

/* secrets_again.c: looks for the secrets that tunnels wait for. */
void hub_secrets_again(struct hub *h);
/* Has programs asked for the secrets that they tell: all, or those that have not told theirs yet. Waits for none. */
void hub_programs_ask(struct hub *h, bool all);

#endif
