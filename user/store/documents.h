/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of a configuration: sluice.yaml, hub.yaml, which is what commands have changed of the concentrator, and a
 * document of its own for each site that has one.
 */
#ifndef SLUICE_STORE_DOCUMENTS_H
#define SLUICE_STORE_DOCUMENTS_H

#include "config/config.h"

#include <jansson.h>

#define DOCUMENT_HUB       "/hub" /* in the place of a site's name, which none can have */
#define DOCUMENT_FILE_SIZE (SITE_NAME_SIZE + 16)

struct document {
	char path[CONFIG_PATH_SIZE]; /* of its file, which stands in messages */
	char site[SITE_NAME_SIZE];   /* whose it is; "": sluice.yaml, DOCUMENT_HUB: hub.yaml */
	bool of_root;                /* nobody else could have written its file */
	char *text;                  /* without an end of its own */
	size_t len;                  /* bytes */
};

struct documents {
	size_t count; /* the first is sluice.yaml, the others follow in the order of their names */
	struct document *list;
};

/* "sluice.yaml", "hub.yaml" or "sites/NAME.yaml", which messages about a document begin with. */
const char *document_file(const char *site, char file[DOCUMENT_FILE_SIZE]);

/*
 * Reads the file `path`, hub.yaml and all sites/NAME.yaml beside it. For documents_free(); NULL with a line for the first
 * mistake in `error`. What they say is not looked at. With `wait`, `path` may be a pipe or a terminal, which is read to its
 * end.
 */
struct documents *documents_load(const char *path, bool wait, char error[CONFIG_ERROR_SIZE]);
void documents_free(struct documents *d);
struct documents *documents_copy(const struct documents *d);

/* What they say, like config_read(). Which program is run (`exec:`) only root may have written. */
struct config *documents_config(const struct documents *d, char error[CONFIG_ERROR_SIZE]);

/* Both at once, of the files; waits for a pipe. */
struct config *documents_config_of(const char *path, char error[CONFIG_ERROR_SIZE]);

/* The one of a site, sluice.yaml with "", hub.yaml with DOCUMENT_HUB; NULL: there is none. */
const struct document *documents_find(const struct documents *d, const char *site);

/* Byte for byte. */
bool document_equal(const struct document *a, const struct document *b);

/* The same of those that may be NULL: there is none. */
bool document_is(const struct document *a, const struct document *b);

/*
 * Whether any byte of them differs. `tell` hears of each document that does: `was` is NULL where it is new, `is`
 * where it is gone.
 */
typedef void documents_difference(
	void *context, const char *site, const struct document *was, const struct document *is);
bool documents_differ(const struct documents *was, const struct documents *is,
	documents_difference *tell, void *context);

/* All of the text into an open file, and that to the disk. False with errno. */
bool document_write(int fd, const char *text, size_t len);

/*
 * Makes the documents beside the file `path` what they are here, or, with `only`, an array of names, those of that
 * name, where "" is sluice.yaml; without, that is left alone unless `main`. A file that is there keeps its owner and its
 * mode, and a link leads to it as before. One that is not what it was in `seen` any more is left alone, and `error` says
 * so; if it is sluice.yaml, all are. NULL: none is. Waits for the disk. False with what could not be written, in a sentence.
 */
bool documents_restore(const struct documents *d, const char *path, bool main, const json_t *only,
	const struct documents *seen, char error[CONFIG_ERROR_SIZE]);

/* Removes files that a documents_restore() of before was killed in the middle of. */
void documents_sweep(const char *path);

/* Messages about them name the files beside the file `path`, from wherever they were read. */
void documents_stand(struct documents *d, const char *path);

/* A document whose file another than root may write is not root's either, whoever sets it. */
void documents_keep_owner(struct documents *d, const struct documents *files, const char *site);

/* A document becomes that text, malloc'ed; NULL: there is none any more. */
void documents_put(struct documents *d, const char *site, char *own_text, size_t len);

#endif
