/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration hub starts with. */
#include "hub/guard.h"
#include "hub/revision.h"
#include "hub/revision_parts.h"
#include "store/revisions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Else the one that was not confirmed stays, and hub tries again and again. */
static bool can_go_back(const struct revisions *store, uint64_t before, uint64_t number)
{
	char why[CONFIG_ERROR_SIZE];
	struct documents *d = before && before < number ? revisions_get(store, before, why) : NULL;
	struct config *c = d ? documents_config(d, why) : NULL;
	bool can = c;

	config_free(c);
	documents_free(d);
	return can;
}

enum chosen {
	CHOSEN,
	CHOSEN_DAMAGED, /* it cannot be used, and the note says why */
	CHOSEN_NOT_OURS,
};

static enum chosen choose_revision(
	const struct revisions *store, uint64_t number, const char *path, struct revision_start *s)
{
	json_t *info = revisions_info(store, number);
	char why[CONFIG_ERROR_SIZE] = "its revision.json cannot be read";
	uint64_t before = (uint64_t)number_in(info, "before");
	int64_t by = number_in(info, "confirm_by_s");

	if (info && strcmp(text_in(info, "file"), path) != 0) {
		snprintf(s->note, sizeof(s->note), "revision %" PRIu64 " is of %s", number,
			text_in(info, "file"));
		json_decref(info);
		return CHOSEN_NOT_OURS;
	}
	if (info && by && by <= wall_s() && can_go_back(store, before, number)) {
		snprintf(s->why, sizeof(s->why), "revision %" PRIu64 " was not confirmed in time",
			number);
		snprintf(s->note, sizeof(s->note), "%s: back to revision %" PRIu64, s->why, before);
		s->wrote = json_incref(json_object_get(info, "wrote"));
		json_decref(info);
		info = NULL;
		s->documents = revisions_get(store, before, why);
	} else if (info) {
		s->documents = revisions_get(store, number, why);
	}
	s->config = s->documents ? documents_config(s->documents, why) : NULL;
	if (s->config) {
		s->info = info;
		return CHOSEN;
	}
	snprintf(s->note, sizeof(s->note), "revision %" PRIu64 " cannot be used: %.*s", number,
		CONFIG_ERROR_SIZE - 64, why);
	documents_free(s->documents);
	s->documents = NULL;
	json_decref(s->wrote);
	s->wrote = NULL;
	json_decref(info);
	return CHOSEN_DAMAGED;
}

/* The newest one that can be used: files may have edits that nobody has applied, or that policy.yaml does not permit. */
static bool choose_newest(const struct revisions *store, const char *path, struct revision_start *s)
{
	uint64_t *numbers;
	size_t count = revisions_list(store, &numbers), i = 0;
	char damaged[CONFIG_ERROR_SIZE] = "";
	enum chosen chosen = CHOSEN_DAMAGED;

	for (; i < count && chosen == CHOSEN_DAMAGED; i++) {
		chosen = choose_revision(store, numbers[i], path, s);
		if (i == 0 && chosen == CHOSEN_DAMAGED)
			memcpy(damaged, s->note, sizeof(damaged));
	}
	if (damaged[0]) {
		snprintf(s->damaged, sizeof(s->damaged), "%.*s; %s", CONFIG_ERROR_SIZE - 64,
			damaged,
			chosen == CHOSEN ? "the newest one that can be used is in force"
					 : "the files are in force");
		memcpy(s->note, s->damaged, sizeof(s->note));
	}
	free(numbers);
	return chosen == CHOSEN;
}

/* Without them there is no hub, so they are in force all the same; but whoever looks is told. */
static void say_if_not_permitted(struct revision_start *s, const char *path)
{
	char why[CONFIG_ERROR_SIZE];
	size_t len = strlen(s->damaged);

	if (!s->damaged[0] || hub_guard_start(path, s->config, why))
		return;
	snprintf(s->damaged + len, sizeof(s->damaged) - len,
		", though policy.yaml does not permit them: %.*s", (int)strcspn(why, "\n"), why);
	memcpy(s->note, s->damaged, sizeof(s->note));
}

bool revision_choose(const char *directory, const char *path, bool files,
	struct revision_start *start, char error[CONFIG_ERROR_SIZE])
{
	const struct revisions store = {.directory = directory};
	uint64_t newest = revisions_newest(&store);
	int why = newest ? 0 : errno;
	struct stat st;

	memset(start, 0, sizeof(*start));
	if (why)
		snprintf(start->note, sizeof(start->note), "%.200s: %s; the files are in force",
			directory, strerror(why));
	/* What cannot be read twice is not what was applied. */
	if (!stat(path, &st) && !S_ISREG(st.st_mode))
		files = true;
	if (newest && !files && choose_newest(&store, path, start))
		return true;
	snprintf(start->why, sizeof(start->why), "%s",
		newest ? "sluiced started with the files" : "the first start");
	start->documents = documents_load(path, true, error);
	start->config = start->documents ? documents_config(start->documents, error) : NULL;
	if (start->config) {
		say_if_not_permitted(start, path);
		return true;
	}
	documents_free(start->documents);
	start->documents = NULL;
	return false;
}
