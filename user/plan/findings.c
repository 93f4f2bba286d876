/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/findings.h"

#include "plan/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_site(const struct finding *f, const char *site)
{
	for (uint32_t i = 0; i < f->site_count; i++) {
		if (!strcmp(f->sites[i], site))
			return true;
	}
	return false;
}

/* One of all these sites, or of more. */
static bool stood_already(const struct findings *was, const struct finding *f)
{
	for (size_t i = 0; i < was->count; i++) {
		const struct finding *old = &was->list[i];
		bool all = true;

		if (strcmp(old->kind, f->kind) || strcmp(old->about, f->about))
			continue;
		for (uint32_t s = 0; s < f->site_count; s++)
			all = all && has_site(old, f->sites[s]);
		if (all)
			return true;
	}
	return false;
}

static size_t rank_of(const char *kind)
{
	size_t rank = 0;

	while (finding_rules[rank].kind && strcmp(finding_rules[rank].kind, kind))
		rank++;
	return rank;
}

static int worse_first(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	size_t i, k;

	if (x->severity != y->severity)
		return x->severity < y->severity ? 1 : -1;
	if (x->fresh != y->fresh)
		return x->fresh ? -1 : 1;
	i = rank_of(x->kind);
	k = rank_of(y->kind);
	if (i != k)
		return i < k ? -1 : 1;
	return strcmp(x->text, y->text);
}

static struct findings *look(const struct findings_of *of)
{
	struct findings *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	for (const struct finding_rule *rule = finding_rules; rule->kind; rule++) {
		struct finding_scope scope = {
			.config = of->config, .known = of->known, .rule = rule, .into = f};

		rule->look(&scope);
		free(scope.one_too_many.sites);
		if (scope.of_rule > FINDINGS_LOOKED_AT)
			f->uncounted[rule - finding_rules] = scope.of_rule - FINDINGS_LOOKED_AT;
	}
	return f;
}

struct folded {
	unsigned int kept, more;
	struct finding *last;
};

static void tell_more(struct folded *of, unsigned int uncounted)
{
	if (!of->last)
		return;
	free(of->last->sites);
	of->last->sites = NULL;
	of->last->site_count = 0;
	snprintf(of->last->about, sizeof(of->last->about), FINDING_MORE);
	snprintf(of->last->text, sizeof(of->last->text), "%u more of this kind",
		of->more + uncounted);
}

/* Of each kind, as bad as they are, the first ones stay, and one stands for the others. */
static void fold(struct findings *f)
{
	struct folded kinds[FINDING_RULES_MAX][FINDING_SEVERITIES] = {{{0}}};
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		const struct finding *next = &f->list[i];
		struct folded *of = &kinds[rank_of(next->kind)][next->severity];

		if (++of->kept <= FINDINGS_OF_A_RULE) {
			f->list[kept++] = *next;
		} else if (!of->more++) {
			of->last = &f->list[kept++];
			*of->last = *next;
		} else {
			free(f->list[i].sites);
		}
	}
	for (size_t rank = 0; finding_rules[rank].kind; rank++) {
		for (int s = 0; s < FINDING_SEVERITIES; s++)
			tell_more(&kinds[rank][s],
				(enum finding_severity)s == finding_rules[rank].severity
					? f->uncounted[rank]
					: 0);
	}
	f->count = kept;
}

struct findings *findings_make(const struct findings_of *was, const struct findings_of *is)
{
	struct findings *before = look(was), *f = look(is);

	for (size_t i = 0; i < f->count; i++)
		f->list[i].fresh = !stood_already(before, &f->list[i]);
	if (f->count)
		qsort(f->list, f->count, sizeof(*f->list), worse_first);
	fold(f);
	findings_free(before);
	return f;
}

void findings_free(struct findings *f)
{
	for (size_t i = 0; f && i < f->count; i++)
		free(f->list[i].sites);
	if (f)
		free(f->list);
	free(f);
}
