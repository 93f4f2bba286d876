/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule of a plan has found, and how it says so. */
#ifndef SLUICE_PLAN_FINDING_H
#define SLUICE_PLAN_FINDING_H

#include "plan/known.h"

#define FINDING_TEXT_SIZE  512
#define FINDING_MORE       "more" /* that a finding is about, which stands for all that are too many */
#define FINDINGS_OF_A_RULE 20     /* more of one kind are told as one, those that are new at last */
#define FINDINGS_LOOKED_AT 1000 /* of one kind, and more are only counted */
#define FINDING_RULES_MAX  32

enum finding_severity {
	FINDING_NOTE,    /* so it is */
	FINDING_WARNING, /* something may come of it */
	FINDING_ERROR,   /* something does not work, or will not */
	FINDING_SEVERITIES,
};

struct finding {
	const char *kind;
	enum finding_severity severity;
	bool fresh; /* the configuration before does not have it */
	uint32_t site_count;
	char (*sites)[SITE_NAME_SIZE]; /* all that it is of */
	char about[112];               /* what tells it from others of its kind and its sites */
	char text[FINDING_TEXT_SIZE];
};

struct findings {
	size_t count;
	struct finding *list; /* the worst first; among equals what is new */
	unsigned int uncounted[FINDING_RULES_MAX];
};

extern const char *const finding_severities[FINDING_SEVERITIES];

struct finding_rule;

/* What a rule looks at, and where it puts what it finds. */
struct finding_scope {
	const struct config *config;
	const struct plan_known *known; /* NULL: only the configuration is */
	const struct finding_rule *rule;
	struct findings *into;
	unsigned int of_rule; /* found so far */
	struct finding one_too_many;
};

struct finding_rule {
	const char *kind;
	enum finding_severity severity;
	void (*look)(struct finding_scope *s);
};

/* Adds one; finding_is_of() says whose it is, finding_text() appends to its text. */
__attribute__((format(printf, 3, 4))) struct finding *finding_add(
	struct finding_scope *s, const char *about, const char *format, ...);
void finding_is_of(struct finding *f, const char *site);
__attribute__((format(printf, 2, 3))) void finding_text(struct finding *f, const char *format, ...);

#endif
