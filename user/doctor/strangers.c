/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that ike knows no tunnel for, and whose they probably are: they come from where the device of a tunnel was or
 * is to be, or their identity is that of one tunnel, and of no other, but for a few letters.
 */
#include "doctor/rule.h"

#include "ike/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATELY_NS     (600 * CLOCK_SECOND)
#define KNOCKS_LEAST  2  /* of a device that only its identity speaks for */
#define LETTERS_WRONG 3  /* of an identity that may be meant for another */
#define COMPARED_MOST 64 /* identities of strangers: they can be many, and it is a hint */
#define FAR           1000

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * How many letters have to be put in, taken out or changed (V. Levenshtein, 1965); FAR: too many. Only cells that can
 * still be few are looked at, and no row after one that has none: strangers choose one of the texts.
 */
static unsigned int distance(const char *a, size_t m, const char *b, size_t n)
{
	unsigned int row[IDENTITY_STR_SIZE + 1];

	if (m > n + LETTERS_WRONG || n > m + LETTERS_WRONG)
		return FAR;
	for (unsigned int j = 0; j <= LETTERS_WRONG && j <= n; j++)
		row[j] = j;
	for (size_t i = 1; i <= m; i++) {
		size_t from = i > LETTERS_WRONG ? i - LETTERS_WRONG : 1;
		size_t to = i + LETTERS_WRONG < n ? i + LETTERS_WRONG : n;
		unsigned int before = row[from - 1], best = FAR;

		row[from - 1] = from == 1 ? (unsigned int)i : FAR;
		if (i + LETTERS_WRONG <= n)
			row[to] = FAR;
		for (size_t j = from; j <= to; j++) {
			unsigned int change = before + (a[i - 1] != b[j - 1]);

			before = row[j];
			row[j] = least(change, least(row[j], row[j - 1]) + 1);
			best = least(best, row[j]);
		}
		if (best > LETTERS_WRONG)
			return FAR;
	}
	return row[n] <= LETTERS_WRONG ? row[n] : FAR;
}

/* What a tunnel's device is known by. */
struct known_by {
	uint32_t tunnel;
	struct ip_addr here, there; /* of the hub, and of the device; family 0: anywhere */
	uint64_t gone_wall_ns;      /* since when it is not up */
	char name[SITE_NAME_SIZE + 16];
	char identity[IDENTITY_STR_SIZE];
	size_t identity_len;
};

static void know(struct known_by *k, const struct model *m, const struct site *site, unsigned int t)
{
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct site_tunnel *state = &site->tunnels[t];

	*k = (struct known_by){.tunnel = tunnel_number(site, t),
		.here = config_local_address(m->config, &site->conf, t),
		.there =
			addr_is_set(&state->last_peer.addr) ? state->last_peer.addr : conf->address,
		.gone_wall_ns = state->turned_wall_ns};
	snprintf(k->name, sizeof(k->name), "site '%s' tunnel %u", site->conf.name, t);
	if (conf->identity.type && conf->identity.type != IKE_ID_DN) /* which is no DER here */
		identity_format(&conf->identity, k->identity);
	k->identity_len = strlen(k->identity);
}

static bool is_from_there(const struct known_by *k, const struct doctor_stranger *s)
{
	return addr_is_set(&k->there) && addr_equal(&k->there, &s->entry->remote.addr) &&
	       addr_equal(&k->here, &s->entry->local);
}

/* Its text says that it is this one's, which was found by its identity. */
static bool is_named(const struct known_by *k, const struct doctor_stranger *s)
{
	return s->entry->reason == REASON_UNKNOWN_ID && strstr(s->entry->detail, k->name);
}

static unsigned int letters_wrong(const struct known_by *k, const struct doctor_stranger *s)
{
	if (!s->compared || !s->entry->proven || s->entry->count < KNOCKS_LEAST ||
		s->entry->reason != REASON_UNKNOWN_ID || !s->identity_len || !k->identity_len ||
		!addr_equal(&k->here, &s->entry->local))
		return FAR;
	return distance(s->identity, s->identity_len, k->identity, k->identity_len);
}

/* Whose it is: by where it comes from, by its name, or by an identity that is nearer than any other. */
static void assign(struct doctor_stranger *s, const struct known_by *list, size_t count)
{
	unsigned int best = FAR, letters;

	s->tunnel = UINT32_MAX;
	for (size_t i = 0; i < count; i++) {
		if (s->entry->last_wall_ns < list[i].gone_wall_ns)
			continue;
		if (is_named(&list[i], s) || is_from_there(&list[i], s)) {
			s->tunnel = list[i].tunnel;
			return;
		}
		letters = letters_wrong(&list[i], s);
		if (letters < best)
			s->tunnel = list[i].tunnel;
		else if (letters == best)
			s->tunnel = UINT32_MAX;
		best = least(best, letters);
	}
}

static struct doctor_stranger read_entry(const struct unknown_entry *u)
{
	static const char mark[] = "identity ";
	struct doctor_stranger s = {.entry = u, .identity = strstr(u->detail, mark)};

	if (!s.identity) {
		s.identity = "";
		return s;
	}
	s.identity += sizeof(mark) - 1;
	s.identity_len = strcspn(s.identity, ",; ");
	while (s.identity_len && s.identity[s.identity_len - 1] == ':')
		s.identity_len--;
	return s;
}

/* The tunnels that are not up: to one that is up nobody comes as a stranger. */
static struct known_by *known_tunnels(const struct model *m, size_t *count)
{
	struct known_by *list = NULL;

	*count = 0;
	for (uint32_t i = 0; i < SITE_SLOTS; i++) {
		const struct site *site = m->sites[i];

		for (unsigned int t = 0; site && t < TUNNELS_PER_SITE; t++) {
			if (!site->conf.tunnels[t].configured ||
				site->tunnels[t].ike.phase == TUNNEL_UP)
				continue;
			list = realloc(list, (*count + 1) * sizeof(*list));
			if (!list)
				abort();
			know(&list[(*count)++], m, site, t);
		}
	}
	return list;
}

void doctor_strangers_read(const struct doctor_snapshot *s, struct doctor_strangers *l)
{
	size_t count;
	struct known_by *list = known_tunnels(s->model, &count);

	l->count = 0;
	for (size_t i = 0; s->whole && i < UNKNOWN_MAX; i++) {
		const struct unknown_entry *u = &s->model->unknown.places[i];
		struct doctor_stranger *to = &l->list[l->count];

		if (!u->count || u->last_wall_ns + LATELY_NS < s->wall_ns)
			continue;
		*to = read_entry(u);
		to->compared = l->count < COMPARED_MOST;
		assign(to, list, count);
		l->count++;
	}
	free(list);
}

const struct doctor_stranger *doctor_stranger_find(const struct doctor_case *c)
{
	const struct refusal *r = refusals_find(&c->state->refused, c->state->ike.reason);
	const struct doctor_stranger *found = NULL;

	for (size_t i = 0; i < c->strangers->count; i++) {
		const struct doctor_stranger *s = &c->strangers->list[i];
		uint64_t last = s->entry->last_wall_ns;

		if (s->tunnel == tunnel_number(c->site, c->tunnel) &&
			!(r && r->last_wall_ns > last) &&
			(!found || found->entry->last_wall_ns < last))
			found = s;
	}
	return found;
}
