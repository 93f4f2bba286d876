/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a site and of its tunnels: from the configuration, from operators, and from what the
 * children have reported. Nothing here asks anybody or tells anybody. Texts are terminated and UTF-8, and
 * enumerations have one of their values: whoever fills them in has looked.
 */
#ifndef SLUICE_STATE_SITE_H
#define SLUICE_STATE_SITE_H

#include "base/types.h"
#include "bgp/speaker.h"
#include "config/config.h"
#include "crypto/cert.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_ike.h"
#include "sluice/abi.h"
#include "state/event_ring.h"
#include "state/history.h"
#include "state/refusals.h"

#define SITE_SLOTS     SLUICE_MAX_SITES
#define SAS_PER_TUNNEL SLUICE_SA_SLOTS_PER_TUNNEL

/* Segments that the kernel drops. */
enum tunnel_md5 {
	TUNNEL_MD5_MISSING,    /* the device does not sign */
	TUNNEL_MD5_WRONG,      /* it signs with another password */
	TUNNEL_MD5_UNEXPECTED, /* it signs, and the site has no password here */
	TUNNEL_MD5_KINDS,
};

/* What ike said last of a tunnel. */
struct tunnel_ike {
	enum tunnel_phase phase;
	struct ip_endpoint peer;
	uint8_t ike_version; /* 1, 2; 0 when none */
	enum tunnel_key key; /* that the site has shown */
	bool nat_detected;
	char reason
		[REASON_CODE_SIZE]; /* a code of the catalogue; when up, of trouble, "" without */
	char detail[2 * REASON_TEXT_SIZE]; /* the sentence, and offered against expected */
	char ike_proposal[PROPOSAL_TEXT_SIZE];
	struct suite_numbers suite; /* the same in numbers */
};

/* An SA pair: what may be shown of it. */
struct tunnel_sa {
	uint32_t spi_in, spi_out; /* host order */
	char proposal[PROPOSAL_TEXT_SIZE];
	struct suite_numbers suite; /* the same in numbers */
	char local_ts[SELECTORS_TEXT_SIZE],
		remote_ts[SELECTORS_TEXT_SIZE]; /* what may go through */
	uint64_t created_wall_ns;
	uint32_t rekey_in_s; /* from creation */
	uint32_t expires_in_s;
	uint16_t inner_mtu;
	bool udp_encap;
	bool in_use; /* outbound packets leave on this pair */
};

/* How much fits, as data found out. */
struct tunnel_path {
	uint16_t path_mtu;  /* bytes of an outer packet */
	uint16_t inner_mtu; /* and of what is in it, with the SA that sends */
};

/* What bgp said last of the session. */
struct tunnel_bgp {
	enum bgp_state state;
	uint32_t prefixes_in, prefixes_out;
	uint32_t prefixes_in6, prefixes_out6; /* of these IPv6 */
	uint32_t kept_out;                    /* of those that came: not used */
	bool out_limited;                     /* there are more than the site may be told of */
	uint16_t hold_s;                      /* negotiated; 0: BGP itself notices no silence */
	uint8_t error_code, error_subcode;    /* of the last NOTIFICATION, either way */
	struct bgp_counts counts;
	uint64_t established_wall_ns; /* 0: it is not */
	uint64_t turned_wall_ns;      /* when it came up or ended last; 0: it did neither */
	enum bgp_why why;             /* of the first sentence in detail */
	/* See struct bgp_effect_state. CLOCK_MONOTONIC */
	uint64_t error_at_ns, refused_until_ns, unanswered_since_ns;
	char detail[BGP_DETAIL_SIZE];
};

/* What the BFD thread said last. */
struct tunnel_bfd {
	bool present;                /* false: there is no session */
	uint8_t state, remote_state; /* enum bfd_state */
	uint8_t diag, remote_diag;   /* enum bfd_diag */
	uint32_t interval_us;        /* between packets of the hub, negotiated */
	uint32_t detection_us;
	uint64_t packets_in, packets_out, packets_refused;
	uint32_t expirations;          /* how often the detection time passed in silence */
	struct imsg_bfd_resume resume; /* for the next bgp process; hub does not look into it */
};

/* What the site authenticated with. The chain is for the next ike process; hub does not look into it. */
struct site_cert {
	struct cert_facts facts;
	struct cert_chain chain;
};

/* What a tunnel had carried at one moment, in bytes. */
struct tunnel_sample {
	uint64_t at_ns, bytes[SLUICE_DIRECTIONS];
};

struct site_tunnel {
	bool admin_down;
	bool no_secret;        /* its keys cannot be read: ike has it as before, or not at all */
	uint64_t ike_refs;     /* of the references to keys by which ike has it; 0: it has not */
	uint64_t md5_print;    /* of the password that the kernel has for its session; 0: none */
	uint64_t password_ref; /* of the reference that it was read by; 0: of none, or not read */
	uint64_t psk_print; /* of the key that ike has, by which hub knows another one; 0: none */
	uint64_t previous_print,
		ppk_print;    /* the same of the key before, and of the post-quantum key */
	bool no_bfd;          /* BFD is configured, and there is no socket for it */
	bool draining;        /* the other tunnel is used, by the site and by the hub */
	bool moves;           /* it has ended, and begins again at another outside address */
	bool undrain;         /* no longer, once it carries */
	uint64_t leave_at_ns; /* when a tunnel that was told goodbye closes; 0: it was not */
	uint32_t ifindex;     /* kernel ESP: of its xfrm interface; 0: none */
	bool open;            /* TC lets packets through, routes may exist */
	/* The peer's address when it opened: IKE went there and back, where a peer merely moves to
	 * anybody may send from. */
	struct ip_addr came_from;
	uint64_t since_wall_ns;  /* of the present phase */
	uint64_t turned_wall_ns; /* when it came up last, or ceased to be; else when it began */
	struct tunnel_ike ike;
	struct ip_endpoint
		last_peer;       /* where its device was when it had an SA last; family 0: never */
	uint64_t refusals;       /* by ike, of who had not been authenticated */
	struct refusals refused; /* what ike has noted last of what failed */
	uint32_t sa_count;
	struct tunnel_sa sas[SAS_PER_TUNNEL];
	struct tunnel_path path; /* zero: data has said nothing */
	struct tunnel_bgp bgp;
	bool bgp_was_up; /* when the bgp process before this one ended */
	/* See hub/site/through.c. */
	uint64_t opened_ns, heard_ns, heard_out;
	char silent_text[2 * REASON_TEXT_SIZE]; /* "": something comes through it, or may */
	uint64_t ends_fine_ns;                  /* when its addresses were right last */
	char ends_text[REASON_TEXT_SIZE];       /* "": as configured, as far as is known */
	char deaf_text[REASON_TEXT_SIZE];       /* "": the device gets what is sent to it, or may */
	uint64_t half_open_ns,
		half_open_since_ns; /* its SYN was answered in vain: seen last, and since when */
	uint64_t md5_at_ns;         /* when its segments seemed to be signed wrongly; 0: never */
	uint64_t md5_told_ns[TUNNEL_MD5_KINDS]; /* when each kind was told last */
	enum tunnel_md5 md5_kind;
	char md5_text[REASON_TEXT_SIZE];
	struct ip_addr
		wrong_source; /* the last one that is not the site's; family 0: there was none */
	uint64_t wrong_source_ns;
	uint64_t stray_bfd_ns; /* when BFD packets came that nobody here waits for; 0: never */
	struct tunnel_bfd bfd;
	struct imsg_bfd_resume bfd_resume;   /* of the bgp process before, for the next one only */
	uint64_t activity_seen_ns;           /* last_in_ns that ike was told of */
	struct tunnel_stats counted;         /* since the start of the slot, as read last */
	struct tunnel_sample before, latest; /* a second apart; at_ns 0: there is none */
	struct tunnel_stats base;            /* what of that the tunnel did not count */
	struct site_cert *cert;              /* or NULL: 13 kB */
	int64_t cert_warned_s;               /* when its end was warned of last */
};

/* Counters of a site at one moment, less what the slot had before the site got it. */
struct site_sample {
	uint64_t at_ns;
	struct site_stats stats[SLUICE_DIRECTIONS];
};

struct site {
	uint32_t slot;
	uint32_t group; /* see hub_group_choose */
	struct site_conf conf;
	bool changed; /* by what is coming into force */
	struct site_tunnel tunnels[TUNNELS_PER_SITE];
	struct site_sample base, before, latest;
	struct history *history;
	uint32_t routes;         /* that lead to it */
	uint64_t routes_refused; /* that bgp reported against the rules */
	struct event_ring events[TUNNELS_PER_SITE][EVENT_KINDS];
};

/* The number of a tunnel, by which everybody names it. */
uint32_t tunnel_number(const struct site *site, unsigned int t);

/* What a tunnel says as long as ike has not said anything. */
const char *tunnel_awaits(const struct tunnel_conf *c);

/* "down", "negotiating", "up" */
const char *tunnel_phase_name(enum tunnel_phase phase);

/* The pair that outbound packets leave on; NULL: there is none. */
const struct tunnel_sa *tunnel_sa_in_use(const struct site_tunnel *t);

/* The largest packet that fits into the tunnel; 0: it has no SA to send by. */
uint32_t tunnel_mtu(const struct site_tunnel *t);

/* Routes may lead there: the tunnel is open, and so is its BGP session where it has one. */
bool tunnel_is_routed(const struct site *site, unsigned int t);

/* Counters since the site was configured; of a tunnel, since it began. */
struct site_stats site_counted(const struct site *site, enum sluice_direction d);
struct tunnel_stats tunnel_counted(const struct site *site, unsigned int t);

/* Bits per second over the last second: the difference of the two newest samples. */
struct site_rates {
	uint64_t offered_bps, delivered_bps, dropped_bps;
};
uint64_t tunnel_rate_now(const struct site *site, unsigned int t, enum sluice_direction d);
struct site_rates site_rates_now(const struct site *site, enum sluice_direction d);

/* Bits per second that a site may have in all: of a gateway, by all its tunnels. */
uint64_t site_cap(const struct site *site);

/*
 * The selectors of the pair in use that leave out an inside address of the session, and which one: BGP passes through the
 * SAs as all else does, or does not. NULL: neither is left out, as far as the text of the selectors shows.
 */
const char *tunnel_left_out(
	const struct site *site, unsigned int t, struct ip_addr *end, bool *of_device);

/* A session stands: what was in its way before is over. */
void tunnel_session_stands(struct site_tunnel *t, uint64_t now);

/* Whether segments with wrong signatures are the news of the tunnel's session. */
bool tunnel_md5_is_said(const struct site_tunnel *t, uint64_t now);

/* With all that it holds. */
void site_free(struct site *site);

#endif
