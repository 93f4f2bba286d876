/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that ike knows no tunnel for, and whose they probably are: they come from where the device of a tunnel was or
 * is to be, or their identity is that of a tunnel but for a few letters.
 */
#include "doctor/rule.h"

#include "ike/identity.h"

#include <stdio.h>
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
 * Whether one becomes the other by so few letters that are put in, taken out or changed (V. Levenshtein, 1965). Only
 * cells that can still be few are looked at, and no row after one that has none: strangers choose one of the texts.
 */
static bool is_near(const char *a, size_t m, const char *b, size_t n)
{
	unsigned int row[IDENTITY_STR_SIZE + 1];

	if (m > n + LETTERS_WRONG || n > m + LETTERS_WRONG)
		return false;
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
			return false;
	}
	return row[n] <= LETTERS_WRONG;
}

static bool is_at_its_address(const struct doctor_case *c, const struct unknown_entry *u)
{
	const struct ip_addr *at = addr_is_set(&c->state->last_peer.addr)
					   ? &c->state->last_peer.addr
					   : &c->conf->address;

	return addr_is_set(at) && addr_equal(at, &u->remote.addr);
}

/* By what a stranger may be known to be this tunnel's device. */
struct known_by {
	char name[SITE_NAME_SIZE + 16];
	char identity[IDENTITY_STR_SIZE]; /* "": by none */
	size_t identity_len;
};

static struct known_by known_by(const struct doctor_case *c)
{
	const struct ike_identity *id = &c->conf->identity;
	struct known_by k = {0};

	snprintf(k.name, sizeof(k.name), "site '%s' tunnel %u", c->site->conf.name, c->tunnel);
	if (id->type && id->type != IKE_ID_DN) /* which is no DER here */
		identity_format(id, k.identity);
	k.identity_len = strlen(k.identity);
	return k;
}

/* Its text names the site and the tunnel, or its identity is nearly the one that is expected. */
static bool is_meant(const struct known_by *k, const struct doctor_stranger *s)
{
	if (s->entry->reason != REASON_UNKNOWN_ID)
		return false;
	if (strstr(s->entry->detail, k->name))
		return true;
	return s->compared && s->entry->proven && s->entry->count >= KNOCKS_LEAST &&
	       s->identity_len && k->identity_len &&
	       is_near(s->identity, s->identity_len, k->identity, k->identity_len);
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

void doctor_strangers_read(const struct doctor_snapshot *s, struct doctor_strangers *l)
{
	l->count = 0;
	for (size_t i = 0; s->whole && i < UNKNOWN_MAX; i++) {
		const struct unknown_entry *u = &s->model->unknown.places[i];

		if (!u->count || u->last_wall_ns + LATELY_NS < s->wall_ns)
			continue;
		l->list[l->count] = read_entry(u);
		l->list[l->count].compared = l->count < COMPARED_MOST;
		l->count++;
	}
}

const struct doctor_stranger *doctor_stranger_find(const struct doctor_case *c)
{
	const struct ip_addr here =
		config_local_address(c->s->model->config, &c->site->conf, c->tunnel);
	const struct refusal *r = refusals_find(&c->state->refused, c->state->ike.reason);
	const struct doctor_stranger *found = NULL;
	const struct known_by k = known_by(c);

	for (size_t i = 0; i < c->strangers->count; i++) {
		const struct doctor_stranger *s = &c->strangers->list[i];
		uint64_t last = s->entry->last_wall_ns;

		if (last < c->state->turned_wall_ns || (r && r->last_wall_ns > last) ||
			(found && found->entry->last_wall_ns >= last))
			continue;
		if ((is_at_its_address(c, s->entry) && addr_equal(&s->entry->local, &here)) ||
			is_meant(&k, s))
			found = s;
	}
	return found;
}
