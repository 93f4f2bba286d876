/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 2385: the kernel drops what is not signed as it should be before any process hears of it. It counts
 * that for the whole network namespace; which session it was is guessed from which ones wait.
 */
#include "hub/site/site.h"

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/snmp.h"
#include "hub/event/event.h"
#include "ipc/msg_bgp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NETSTAT_MAX 16384
#define ANSWER_NS   CLOCK_SECOND        /* an answer may take that long */
#define TOLD_NS     (60 * CLOCK_SECOND) /* of each kind one line of the log */

struct md5_seen {
	bool known; /* counts are those of a second ago */
	uint64_t counts[MD5_KINDS];
};

static const struct {
	const char *counter, *what;
	bool has_password;
} kinds[MD5_KINDS] = {
	{"TCPMD5NotFound", "came without the signature that bgp_password asks for", true},
	{"TCPMD5Failure", "were signed with another password than bgp_password", true},
	{"TCPMD5Unexpected", "were signed, and the site has no bgp_password here", false},
};

struct md5_seen *md5_seen_new(void)
{
	struct md5_seen *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	return m;
}

/* Segments that are dropped get no answer: who has got one waits for something else. */
static bool waits(const struct site *site, unsigned int t, unsigned int kind, uint64_t now)
{
	const struct tunnel_bgp *bgp = site ? &site->tunnels[t].bgp : NULL;

	return site && site->conf.tunnels[t].configured && site->conf.routing == ROUTING_BGP &&
	       site->tunnels[t].open && bgp->state != BGP_ESTABLISHED && bgp->unanswered_since_ns &&
	       now >= bgp->unanswered_since_ns + ANSWER_NS &&
	       (site->conf.bgp_password[0] != '\0') == kinds[kind].has_password;
}

static void say(struct hub *h, struct site *site, unsigned int t, unsigned int kind,
	unsigned int waiting, uint64_t now)
{
	struct site_tunnel *state = &site->tunnels[t];

	state->md5_at_ns = now;
	state->md5_kind = (enum tunnel_md5)kind;
	if (waiting == 1)
		snprintf(state->md5_text, sizeof(state->md5_text),
			"BGP segments %s (%s), perhaps of this session: the host counts those of "
			"anybody",
			kinds[kind].what, kinds[kind].counter);
	else
		snprintf(state->md5_text, sizeof(state->md5_text),
			"BGP segments %s (%s), perhaps of this session: %u wait, and the host "
			"counts "
			"those of anybody",
			kinds[kind].what, kinds[kind].counter, waiting);
	if (state->md5_told_ns[kind] && now < state->md5_told_ns[kind] + TOLD_NS)
		return;
	state->md5_told_ns[kind] = now;
	log_warn("site %s tunnel %u: %s", site->conf.name, t, state->md5_text);
	hub_note_bgp(h, tunnel_number(site, t), "BGP_MD5", state->md5_text);
}

void hub_md5_judge(struct hub *h, const uint64_t counts[MD5_KINDS], uint64_t now)
{
	for (unsigned int k = 0; k < MD5_KINDS; k++) {
		bool grown = h->md5->known && counts[k] > h->md5->counts[k];
		unsigned int waiting = 0;

		h->md5->counts[k] = counts[k];
		for (unsigned int i = 0; grown && i < SITE_SLOTS * TUNNELS_PER_SITE; i++)
			waiting +=
				waits(site_of_tunnel(&h->model, i), i % TUNNELS_PER_SITE, k, now);
		for (unsigned int i = 0; waiting && i < SITE_SLOTS * TUNNELS_PER_SITE; i++) {
			struct site *site = site_of_tunnel(&h->model, i);

			if (waits(site, i % TUNNELS_PER_SITE, k, now))
				say(h, site, i % TUNNELS_PER_SITE, k, waiting, now);
		}
	}
	h->md5->known = true;
}

void hub_md5_look(struct hub *h, uint64_t now)
{
	char text[NETSTAT_MAX];
	uint64_t counts[MD5_KINDS];
	FILE *f = fopen("/proc/net/netstat", "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	text[n] = '\0';
	for (unsigned int k = 0; k < MD5_KINDS; k++)
		counts[k] = snmp_number(text, "TcpExt:", kinds[k].counter);
	if (n)
		hub_md5_judge(h, counts, now);
}
