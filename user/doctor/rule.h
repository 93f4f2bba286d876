/* SPDX-License-Identifier: Apache-2.0 */
/* The rules' own: a row, and what its condition looks at and notes. */
#ifndef SLUICE_DOCTOR_RULE_H
#define SLUICE_DOCTOR_RULE_H

#include "doctor/doctor.h"

#include "base/clock.h"
#include "ike/reason.h"

#define DOCTOR_GRACE_NS (10 * CLOCK_SECOND) /* until then whatever begins may come up by itself */
#define DOCTOR_SILENT_NS                                                                           \
	(35 * CLOCK_SECOND) /* by then ike has told of a negotiation that went on no further */
#define DOCTOR_WORDS 6

struct doctor_case;

enum doctor_rule_flag {
	/* Told at once: the device or the kernel has said so, and nothing that only begins looks like it. */
	DOCTOR_AT_ONCE = 1 << 0,
	DOCTOR_BESIDE =
		1 << 1, /* it is no cause of what the rungs above say: they are looked at, too */
	DOCTOR_SILENCE =
		1
		<< 2, /* nothing comes: where that is so of all tunnels of an address, it is its fault */
	DOCTOR_SWALLOWS = 1 << 3, /* of the hub: tunnels that do not carry are so because of it */
	DOCTOR_SWALLOWS_DEAD = 1 << 4, /* the same of those that have no keys */
};

struct doctor_rule {
	const char *id;
	enum doctor_rung rung;
	enum doctor_severity severity;
	unsigned int flags;
	enum reason reason; /* for conditions that compare with what ike says */
	bool (*holds)(struct doctor_case *c);
	/*
	 * {NAME} is a word of the case (words.c); what stands in brackets is left out when a word within it is empty. The
	 * sentence follows the name of site and tunnel, and so does `both`, when both tunnels have it; NULL: the same.
	 */
	const char *sentence, *both;
	const char *hub, *device;
};

struct doctor_word {
	const char *name;
	char text[2 * REASON_TEXT_SIZE];
};

/* Who was refused lately, whom no tunnel is known for, and the identity that he gave; length 0: none. */
struct doctor_stranger {
	const struct unknown_entry *entry;
	const char *identity;
	size_t identity_len;
	bool compared;   /* with those of tunnels */
	uint32_t tunnel; /* whose device it probably is; UINT32_MAX: of none, or of several */
};

struct doctor_strangers {
	size_t count;
	struct doctor_stranger list[UNKNOWN_MAX];
};

/* What is looked at: a tunnel, a site, an endpoint, or the hub; and what the condition notes. */
struct doctor_case {
	const struct doctor_snapshot *s;
	const struct site *site; /* NULL: of the hub */
	unsigned int tunnel;     /* of the site */
	const struct site_tunnel *state;
	const struct tunnel_conf *conf;
	unsigned int endpoint, address; /* of an endpoint, when site is NULL */
	const struct doctor_rule *rule;
	const struct doctor_strangers *strangers;
	const struct doctor_stranger *stranger; /* is probably its device: once searched */
	bool searched;
	/* What follows is of one rule. */
	uint64_t since_wall_ns, last_wall_ns;
	uint32_t count;
	char evidence[DOCTOR_TEXT_SIZE];
	unsigned int word_count;
	struct doctor_word words[DOCTOR_WORDS];
};

/* Ended by a row whose id is NULL. */
extern const struct doctor_rule doctor_rules_hub[], doctor_rules_endpoint[], doctor_rules_site[];
/* Of a tunnel, in this order. */
extern const struct doctor_rule doctor_rules_ike[], doctor_rules_esp[], doctor_rules_bgp[];
/* What is told when all tunnels of an address have fallen silent. */
extern const struct doctor_rule doctor_rule_silent_address;

/* words.c */
__attribute__((format(printf, 3, 4))) void doctor_word(
	struct doctor_case *c, const char *name, const char *format, ...);
void doctor_expand(const struct doctor_case *c, const char *pattern, char text[DOCTOR_TEXT_SIZE]);
/* "64 min" */
#define DOCTOR_SPAN_SIZE 32
const char *doctor_span(uint64_t seconds, char text[DOCTOR_SPAN_SIZE]);
/* "120 Mbit/s" */
const char *doctor_rate(uint64_t bps, char text[DOCTOR_SPAN_SIZE]);

/* The wall clock at a moment of the monotonic one; 0 for 0. */
uint64_t doctor_wall(const struct doctor_snapshot *s, uint64_t mono_ns);

/* strangers.c */
void doctor_strangers_read(const struct doctor_snapshot *s, struct doctor_strangers *l);
/*
 * The one that was refused last and is probably the tunnel's device: since that went, and not before what ike says of it.
 * NULL: there is none.
 */
const struct doctor_stranger *doctor_stranger_find(const struct doctor_case *c);

/* verdict.c */
enum doctor_verdict doctor_judge(
	const struct doctor_snapshot *s, const struct site *site, unsigned int t);
/* Whether the tunnel has been as it is for less than that. */
bool doctor_is_young(const struct doctor_case *c, uint64_t ns);

#endif
