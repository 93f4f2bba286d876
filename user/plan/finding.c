/* SPDX-License-Identifier: Apache-2.0 */
#include "plan/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const finding_severities[FINDING_SEVERITIES] = {
	[FINDING_NOTE] = "note",
	[FINDING_WARNING] = "warning",
	[FINDING_ERROR] = "error",
};

static struct finding *push(struct finding_scope *s, const char *about)
{
	struct findings *into = s->into;
	struct finding *f;

	into->list = realloc(into->list, (into->count + 1) * sizeof(*into->list));
	if (!into->list)
		abort();
	f = &into->list[into->count++];
	*f = (struct finding){.kind = s->rule->kind, .severity = s->rule->severity};
	snprintf(f->about, sizeof(f->about), "%s", about);
	return f;
}

struct finding *finding_add(struct finding_scope *s, const char *about, const char *format, ...)
{
	struct finding *f;
	va_list args;

	if (++s->of_rule > FINDINGS_LOOKED_AT) {
		free(s->one_too_many.sites);
		s->one_too_many = (struct finding){0};
		return &s->one_too_many;
	}
	f = push(s, about);
	va_start(args, format);
	vsnprintf(f->text, sizeof(f->text), format, args);
	va_end(args);
	return f;
}

void finding_is_of(struct finding *f, const char *site)
{
	if (f->site_count && !strcmp(f->sites[f->site_count - 1], site))
		return;
	f->sites = realloc(f->sites, (f->site_count + 1) * sizeof(*f->sites));
	if (!f->sites)
		abort();
	snprintf(f->sites[f->site_count++], SITE_NAME_SIZE, "%s", site);
}

void finding_text(struct finding *f, const char *format, ...)
{
	size_t at = strlen(f->text);
	va_list args;

	va_start(args, format);
	vsnprintf(f->text + at, sizeof(f->text) - at, format, args);
	va_end(args);
}
