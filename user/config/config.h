/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of one concentrator: plain structs, and the function that reads them from
 * YAML. Reading is strict: an unknown or repeated key, a value out of range, or two parts that
 * contradict each other is an error with the line it stands on, and yields no configuration.
 *
 * Every struct is zeroed before it is filled, padding included, so memcmp() tells whether two
 * parts of two configurations are the same.
 */
#ifndef SLUICE_CONFIG_CONFIG_H
#define SLUICE_CONFIG_CONFIG_H

#include "alarm/rule.h"
#include "base/addr.h"
#include "base/role.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_CONCENTRATED_MAX 100 /* sites of the concentrator class */
#define CONFIG_GATEWAYS_MAX     50  /* sites of the gateway class */
#define CONFIG_SITES_MAX        (CONFIG_CONCENTRATED_MAX + CONFIG_GATEWAYS_MAX)
#define CONFIG_SERVICES_MAX     32  /* of the hub, for sites */
#define CONFIG_ACCESS_MAX       16  /* groups of users */
#define CONFIG_NETWORKS_MAX     64  /* prefixes of one list */
#define CONFIG_STATICS_MAX      100 /* static routes of a site */
#define CONFIG_LABELS_MAX       16
#define CONFIG_LABEL_SIZE       32 /* of a label's key */
#define CONFIG_LABEL_VALUE_SIZE 64
#define CONFIG_ENDPOINTS        2
#define CONFIG_ADDRESSES_MAX    2 /* of an endpoint: one per family */
#define CONFIG_DEVICE_SIZE      16
#define CONFIG_SECRET_REF_SIZE  256
#define CONFIG_DN_SIZE          256  /* of a distinguished name as text */
#define CONFIG_CERT_FILES_MAX   16   /* of authorities, and of revocation lists */
#define CONFIG_ERROR_SIZE       4096 /* several mistakes, a line each */
#define CONFIG_PATH_SIZE        256
#define CONFIG_FILE_MAX         (4u << 20) /* bytes */

/* One outside attachment of the hub. Tunnel i of every site ends on endpoint i. */
struct endpoint_conf {
	char device[CONFIG_DEVICE_SIZE];
	uint32_t address_count;
	struct ip_addr addresses[CONFIG_ADDRESSES_MAX];
};

/* Whether devices see by the MED which tunnel is the second choice. */
enum med_mode {
	MED_EQUAL,
	MED_PRIMARY_BACKUP,
};

/* Who does ESP: workers over AF_XDP, or the kernel. */
enum dataplane_choice {
	DATAPLANE_AUTO, /* AF_XDP */
	DATAPLANE_AF_XDP,
	DATAPLANE_XFRM,
};

/* Which sources a site's packets may have. */
enum source_choice {
	SOURCES_STRICT, /* its own: announced and taken, or declared */
	SOURCES_LOOSE,  /* any but the hub's and those of other sites */
	SOURCES_OFF,
};

/* What of the hub itself sites reach; protocol 0: everything. */
struct service_conf {
	uint8_t protocol;
	uint16_t port;
};

struct services_conf {
	uint32_t count;
	struct service_conf services[CONFIG_SERVICES_MAX];
};

/* What the members of a group of users may do, or over TCP whoever has a certificate. */
struct user_grant {
	char group[SITE_NAME_SIZE];       /* "": of users, none */
	char certificate[CONFIG_DN_SIZE]; /* its subject; "": none */
	struct grant grant;
};

struct access_conf {
	uint32_t count;
	struct user_grant grants[CONFIG_ACCESS_MAX];
};

struct networks_conf {
	uint32_t count;
	struct ip_prefix prefixes[CONFIG_NETWORKS_MAX];
};

struct accept_conf {
	uint32_t count; /* 0: everything */
	struct prefix_rule rules[CONFIG_NETWORKS_MAX];
};

struct statics_conf {
	uint32_t count;
	struct ip_prefix prefixes[CONFIG_STATICS_MAX];
};

/* What people sort sites by; the hub does nothing by it. */
struct labels_conf {
	uint32_t count;
	struct label_conf {
		char key[CONFIG_LABEL_SIZE], value[CONFIG_LABEL_VALUE_SIZE];
	} labels[CONFIG_LABELS_MAX];
};

/* One of many small sites, or a connection of its own with more to choose. */
enum site_class {
	SITE_CONCENTRATOR,
	SITE_GATEWAY,
};

enum site_routing {
	ROUTING_BGP,
	ROUTING_STATIC, /* of gateways only */
};

/* What a tunnel of a gateway may carry. */
enum site_bandwidth {
	BANDWIDTH_STANDARD,
	BANDWIDTH_LARGE,
};

struct refs_conf {
	uint32_t count;
	char refs[CONFIG_CERT_FILES_MAX][CONFIG_SECRET_REF_SIZE];
};

/* Our certificate (PEM, with what leads to the authority) and its key; "" where there is none. */
struct certificate_conf {
	char chain[CONFIG_SECRET_REF_SIZE];
	char key[CONFIG_SECRET_REF_SIZE];
};

/* Standard rules that are changed or switched off, each as a whole, and others. */
struct alarms_conf {
	uint32_t count;
	struct alarm_rule rules[ALARM_OWN_MAX];
};

struct concentrator_conf {
	char name[SITE_NAME_SIZE];
	uint32_t asn;
	struct ip_addr router_id; /* IPv4 */
	bool router_id_follows;   /* it was not chosen, but follows from the addresses or the AS */
	uint32_t endpoint_count;
	struct endpoint_conf endpoints[CONFIG_ENDPOINTS];
	struct networks_conf networks; /* behind the hub, announced to every site */
	struct ike_identity identity;  /* of the hub; type none: the outside address */
	uint64_t site_rate;            /* bit/s, each direction, of a site without its own */
	uint64_t site_pps;
	uint64_t aggregate_rate; /* bit/s, each direction */
	uint64_t burst;          /* bytes */
	struct packet_options packets;
	bool outside_forwarding; /* of packets in clear that are not the hub's own */
	uint32_t workers;        /* 0: as many as CPUs and receive queues allow */
	uint32_t route_table;    /* kernel table, 254 = main */
	uint32_t hold_s, keepalive_s;
	bool site_to_site;
	bool allow_fast_dpd;                  /* DPD timeouts below 30 s */
	struct ip_endpoint metrics;           /* family 0: none */
	char log_directory[CONFIG_PATH_SIZE]; /* "": no files */
	struct certificate_conf certificate;
	struct refs_conf ca, crl; /* whom sites' certificates must come from; who was revoked */
	bool crl_required;
	bool graceful_restart; /* RFC 4724 */
	uint8_t med_mode;      /* enum med_mode */
	uint32_t drain_med;    /* less than that of a drained tunnel */
	uint8_t dataplane;     /* enum dataplane_choice */
	uint8_t source_check;  /* enum source_choice, of a site without its own */
	struct services_conf site_services;
	struct access_conf access;
	struct alarms_conf alarms;
	struct ip_endpoint api; /* HTTP over TLS; family 0: on the control socket only */
	uint8_t api_role;       /* enum role: whoever comes that way may no more */
	struct certificate_conf api_certificate;
	struct refs_conf api_ca;  /* whom certificates of clients must come from */
	struct refs_conf api_crl; /* and which of them are revoked */
};

/* Which member of a set is chosen when the peer offers several. */
enum proposal_order {
	ORDER_STRONGEST_FIRST,
	ORDER_LOWEST_FIRST,
	ORDER_AS_LISTED,
};

/* Whether and how one of a tunnel's logs is written. */
enum log_form {
	LOG_FORM_JSON,
	LOG_FORM_TEXT,
	LOG_FORM_OFF,
};

/* RFC 5880; multiplier 0: off. */
struct bfd_conf {
	uint32_t interval_us; /* both directions */
	uint8_t multiplier;
};

struct tunnel_conf {
	bool configured;
	uint8_t activity_log, bgp_log; /* enum log_form */
	uint8_t order; /* enum proposal_order; the sets in options are sorted by it already */
	struct ip_addr address; /* outside address of the site; family 0: any */
	/* Who the site has to be, and who the hub says it is. An IKE_ID_DN is text here; hub encodes it. */
	struct ike_identity identity;
	struct ike_identity local_identity;
	struct ip_prefix inside;  /* /30: hub .1, site .2 */
	struct ip_prefix inside6; /* /126, or unset */
	char psk_previous
		[CONFIG_SECRET_REF_SIZE];    /* taken as well, until the site has the new one */
	char ppk[CONFIG_SECRET_REF_SIZE];    /* post-quantum key; with options.ppk_id */
	char psk[CONFIG_SECRET_REF_SIZE];    /* file:PATH or cred:NAME; "" with certificates */
	struct certificate_conf certificate; /* else that of the concentrator */
	struct selector_set local_ts, remote_ts;
	struct ike_options options;
	struct tunnel_packet_options packets;
	uint32_t med;
};

struct site_conf {
	char name[SITE_NAME_SIZE];
	char group[SITE_NAME_SIZE];      /* sites of one location share it; "" = alone */
	char takes_over[SITE_NAME_SIZE]; /* another site, in whose group it is; "": none */
	bool takes_over_now;             /* what both have goes by this one; else by the other */
	uint32_t asn;
	struct ip_addr address; /* default of its tunnels */
	uint8_t outer_family;   /* AF_INET or AF_INET6 */
	uint8_t site_class;     /* enum site_class */
	uint8_t routing;        /* enum site_routing */
	uint8_t bandwidth;      /* enum site_bandwidth */
	uint8_t source_check;   /* enum source_choice */
	bool ecmp;              /* both tunnels carry what goes to the site */
	uint64_t rate;          /* bit/s */
	uint64_t pps;
	uint32_t max_prefixes_in, max_prefixes_out;
	bool allow_default;
	bool share_default;  /* other sites hear of it */
	bool ttl_security;   /* RFC 5082: BGP packets come with a TTL of 255 or not at all */
	bool as_override;    /* its own AS in a path to it is replaced by the hub's */
	bool propagate;      /* what is learned from it goes into the tables */
	uint8_t allow_as_in; /* how often the hub's AS may be in a path from it */
	uint8_t bgp_family;  /* of the addresses that the session runs over; AF_INET, AF_INET6 */
	struct bfd_conf bfd;
	char bgp_password[CONFIG_SECRET_REF_SIZE]; /* RFC 2385; "": none */
	struct statics_conf statics;               /* with ROUTING_STATIC */
	struct accept_conf accept;                 /* what it may announce */
	struct networks_conf prefixes; /* pain 14: what it owns; none: first come, first served */
	struct labels_conf labels;
	struct tunnel_conf tunnels[TUNNELS_PER_SITE];
};

struct config {
	struct concentrator_conf concentrator;
	uint32_t site_count;
	struct site_conf sites[CONFIG_SITES_MAX];
	uint8_t tunnel_auth; /* enum auth: of a tunnel that does not say, by defaults.tunnel */
};

/* A document of the configuration: sluice.yaml, hub.yaml, or the one of a site. */
struct config_text {
	const char *name; /* stands in messages: "NAME:LINE: WHERE: WHAT" */
	const char *site; /* whose document it is; NULL: sluice.yaml, and of a later one hub.yaml */
	const char *text;
	size_t len; /* bytes */
};

/*
 * Reads and checks a whole configuration; texts[0] is sluice.yaml, the others are hub.yaml, if there is one,
 * and documents of sites.
 * Returns the configuration, for config_free(), or NULL with a line for each mistake in `error`.
 */
struct config *config_read(
	const struct config_text *texts, size_t count, char error[CONFIG_ERROR_SIZE]);

/* Reads sluice.yaml alone, from memory; otherwise like config_read(). */
struct config *config_parse(
	const char *name, const char *text, size_t len, char error[CONFIG_ERROR_SIZE]);

/*
 * What is allowed and hardly meant: tells each in a sentence, which names the sites, and one that has it. Two sites with one
 * AS do not hear of each other, for example.
 */
#define CONFIG_DOUBT_SIZE 400
enum config_doubt_kind {
	DOUBT_SELECTORS, /* they leave out what BGP runs between */
	DOUBT_SAME_AS,
};
typedef void config_doubt(
	void *context, enum config_doubt_kind kind, const struct site_conf *site, const char *text);
void config_doubts(const struct config *c, config_doubt *tell, void *context);

void config_free(struct config *c);

/* The site of that name; NULL: there is none. */
const struct site_conf *config_site(const struct config *c, const char *name);

/* Whether two sites share what they own: they are of one group, or one takes over the other. */
bool config_same_place(const struct site_conf *a, const struct site_conf *b);
/*
 * Whether two sites have a prefix of which only one place may be the owner: declared, or a static route. It is stored then;
 * without a group, and without takes_over, both could not be there.
 */
bool config_are_rivals(
	const struct site_conf *a, const struct site_conf *b, struct ip_prefix *shared);
/* The site that goes before this one, of what both have, and of what lies within that; NULL: none. */
const struct site_conf *config_gives_way_to(const struct config *c, const struct site_conf *site);

/* Inside addresses of a block: the hub has the first host address, the site the second. */
struct ip_addr config_inside_hub(const struct ip_prefix *inside);
struct ip_addr config_inside_site(const struct ip_prefix *inside);

/* The hub's outside address that tunnel t of a site ends on; family 0 when it has none. */
struct ip_addr config_local_address(
	const struct config *c, const struct site_conf *site, unsigned int t);
struct ip_addr concentrator_local_address(
	const struct concentrator_conf *c, const struct site_conf *site, unsigned int t);

/*
 * A router ID that nobody has chosen stays as it was when the hub began: sessions are not to end because an address that
 * they have nothing to do with is another one.
 */
void config_keep_router_id(struct concentrator_conf *is, const struct concentrator_conf *was);

#endif
