/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens when an option of a running hub changes. Each key of the configuration has one of these in its
 * row (options.c); user/plan compares configurations by them. A later one interrupts more than an earlier one.
 */
#ifndef SLUICE_CONFIG_EFFECT_H
#define SLUICE_CONFIG_EFFECT_H

enum change_effect {
	CHANGE_UNSAID, /* of no row */
	CHANGE_ELSEWHERE, /* what takes its value from this key, or stands in it, has an effect of its own */
	CHANGE_LIVE,    /* in force at once, and no tunnel and no session is interrupted */
	CHANGE_NEXT,    /* in force from the tunnel's next negotiation on; what runs goes on */
	CHANGE_PAUSE,   /* packets are lost for a moment; no session and no tunnel ends */
	CHANGE_SESSION, /* the site's BGP sessions are closed and begin anew */
	CHANGE_JUDGED, /* a tunnel is set up anew, unless what it has negotiated is what it could negotiate now */
	CHANGE_ANEW, /* the tunnel is set up anew */
	CHANGE_TUNNEL, /* the tunnel ends, and another one takes its place: its counters begin at zero */
	CHANGE_SITE,    /* refused: the site has to be removed, and another one created */
	CHANGE_RESTART, /* refused while sluiced runs */
	CHANGE_EFFECTS,
};

#endif
