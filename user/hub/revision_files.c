/* SPDX-License-Identifier: Apache-2.0 */
/* Files beside what is in force: which differ, which it has written, and which it has still to write. */
#include "hub/revision.h"

#include "base/log.h"
#include "hub/hub.h"
#include "hub/revision_parts.h"
#include "store/revisions.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void revision_note_wrote(json_t *info)
{
	json_t *writes = json_object_get(info, "writes");

	if (writes)
		json_object_set_new(info, "wrote", json_deep_copy(writes));
}

/*
 * Those of the names whose file says what the document says, or, where there is no such document, is none. NULL: files
 * cannot be read.
 */
static json_t *files_that_say(
	const struct hub *h, const json_t *names, const struct documents *documents)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *files = documents_load(revision_path(h), false, error);
	json_t *same = files ? json_array() : NULL, *name;
	size_t i;

	if (!files)
		log_warn("files may not be what is in force: %s", error);
	json_array_foreach(names, i, name) {
		const char *site = json_string_value(name);

		if (files && site &&
			document_is(documents_find(files, site), documents_find(documents, site)))
			json_array_append(same, name);
	}
	documents_free(files);
	return same;
}

json_t *revision_wrote(const struct hub *h)
{
	const json_t *wrote = json_object_get(revision_json(h), "wrote");
	json_t *names = wrote ? files_that_say(h, wrote, revision_documents(h)) : NULL;

	return names ? names : json_array();
}

static void tell_pending(const struct hub *h)
{
	char error[CONFIG_ERROR_SIZE];
	struct documents *files = documents_load(revision_path(h), false, error);
	json_t *names = files ? revision_files_differ(revision_documents(h), files) : NULL, *name;
	size_t i;

	if (!files)
		log_warn("the files are not what is in force: %s", error);
	json_array_foreach(names, i, name)
		log_warn("%s has edits that are not in force; `sluice plan` shows what they would "
			 "do",
			json_string_value(name));
	json_decref(names);
	documents_free(files);
}

/* From now on it is a person who makes a file what it was before. */
static void forget_writes(struct hub *h)
{
	const struct revisions store = {.directory = revision_directory(h)};

	json_object_del(revision_json(h), "writes");
	if (!revisions_note(&store, revision_number(h), revision_json(h)))
		log_error("%s: %s; files that are edited now may be taken for unwritten at the "
			  "next start",
			store.directory, strerror(errno));
}

/* NULL: that cannot be found out. */
static json_t *left_to_write(
	const struct hub *h, const struct documents *before, const char *why_none)
{
	if (before)
		return files_that_say(h, json_object_get(revision_json(h), "writes"), before);
	log_warn("files of revision %" PRIu64 " may not be written: %s", revision_number(h),
		why_none);
	return NULL;
}

json_t *revision_unwritten(const struct hub *h)
{
	bool any = json_object_get(revision_json(h), "writes");
	char error[CONFIG_ERROR_SIZE] = "";
	struct documents *before = any ? revision_get(h, revision_before(h), error) : NULL;
	json_t *left = any ? left_to_write(h, before, error) : NULL;

	documents_free(before);
	return left ? left : json_array();
}

/* A file that a command was about to write when hub ended: it is what it was before, and no edit of a person. */
static void write_what_is_left(struct hub *h)
{
	const json_t *writes = json_object_get(revision_json(h), "writes"), *name;
	char error[CONFIG_ERROR_SIZE] = "", file[DOCUMENT_FILE_SIZE];
	struct documents *before = writes ? revision_get(h, revision_before(h), error) : NULL;
	json_t *left = writes ? left_to_write(h, before, error) : NULL;
	size_t i;

	json_array_foreach(left, i, name)
		log_warn("%s was not written when revision %" PRIu64 " came into force: it is now",
			document_file(json_string_value(name), file), revision_number(h));
	error[0] = '\0';
	if (left &&
		(!json_array_size(left) || documents_restore(revision_documents(h),
						   revision_path(h), false, left, before, error)))
		forget_writes(h);
	if (error[0])
		log_warn("%s", error);
	json_decref(left);
	documents_free(before);
}

void revision_files_begin(struct hub *h)
{
	write_what_is_left(h);
	tell_pending(h);
}

static void add_name(
	void *context, const char *site, const struct document *was, const struct document *is)
{
	char file[DOCUMENT_FILE_SIZE];

	(void)was, (void)is;
	json_array_append_new(context, json_string(document_file(site, file)));
}

json_t *revision_files_differ(const struct documents *was, const struct documents *is)
{
	json_t *names = json_array();

	documents_differ(was, is, add_name, names);
	return names;
}
