/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new configuration changes, and what that means for a hub that runs with the old one. Whether a change
 * is refused or interrupts something is said by the rows of the options (config/options.h), and, where they leave it
 * open, by what is known of the tunnels (known.h). No I/O.
 */
#ifndef SLUICE_PLAN_PLAN_H
#define SLUICE_PLAN_PLAN_H

#include "config/config.h"
#include "config/node.h"
#include "plan/known.h"

#define CHANGE_TEXT_SIZE 256

enum change_kind {
	CHANGE_OF_OPTION,
	CHANGE_ADDED,   /* a site, or a tunnel of one that stays */
	CHANGE_REMOVED, /* the same */
};

struct change {
	enum change_kind kind;
	char site[SITE_NAME_SIZE];       /* "": it is of the concentrator */
	int tunnel;                      /* -1: it is of the site as a whole */
	const struct walk_field *option; /* NULL: something was added or removed */
	enum change_effect effect;
	char was[CHANGE_TEXT_SIZE],
		is[CHANGE_TEXT_SIZE]; /* as the file has it, cut off if it is long */
};

/* A tunnel that something differs of, or that ends because what it refers to has changed. */
struct tunnel_effect {
	char site[SITE_NAME_SIZE];
	unsigned int tunnel;
	enum change_effect effect;
};

/* The concentrator's changes first, then those of sites in the order of the new configuration, then sites that go. */
struct plan {
	size_t count;
	struct change *changes;
	size_t tunnel_count; /* in the order of the configuration before; none that begins */
	struct tunnel_effect *tunnels;
	enum change_effect most; /* of all of them; that something begins is none */
};

/* What an effect is called: see sluice(1), plan. */
extern const char *const plan_effects[CHANGE_EFFECTS];

/*
 * The strongest effect that a name permits: "rekey" is what may be heard of when keys are next made anew. False: no effect
 * is called so, or it is refused in any case.
 */
bool plan_effect_named(const char *name, enum change_effect *most);

/*
 * Compares two configurations. With what is known (`was` is in force then) what depends on it is decided; with NULL it
 * stays CHANGE_JUDGED. For plan_free().
 */
struct plan *plan_make(
	const struct config *was, const struct config *is, const struct plan_known *known);
void plan_free(struct plan *plan);

/*
 * Whether a hub that runs cannot do what the plan says, or, with `next_start`, one that starts anew; then `text` says why.
 */
bool plan_refusal(const struct plan *plan, bool next_start, char *text, size_t size);

/*
 * The strongest effect on tunnel t of a site when its configuration becomes another one: CHANGE_TUNNEL when it
 * has the tunnel only before or only afterwards, CHANGE_UNSAID when nothing differs that concerns the tunnel.
 */
enum change_effect plan_tunnel_effect(const struct plan_known *known, const struct site_conf *was,
	const struct site_conf *is, unsigned int t);

/*
 * Whether tunnel t, as `site` has it, ends at another outside address of the hub than before, and so is another one. What
 * its endpoint's device is changes nothing of that.
 */
bool plan_endpoint_moves(const struct concentrator_conf *was, const struct concentrator_conf *is,
	const struct site_conf *site, unsigned int t);

/*
 * The same of what differs in the concentrator, for a tunnel that `site` has before and afterwards; what is in force at
 * once concerns no tunnel.
 */
enum change_effect plan_hub_effect(const struct plan_known *known,
	const struct concentrator_conf *was, const struct concentrator_conf *is,
	const struct site_conf *site, unsigned int t);

#endif
