/* SPDX-License-Identifier: Apache-2.0 */
/* Finds and reads the files of a configuration: sluice.yaml, and hub.yaml and the directory sites/ beside it. */
#include "store/documents.h"

#include "base/file.h"
#include "config/values.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX "yaml"

static bool is_site(const char *site)
{
	return site[0] && strcmp(site, DOCUMENT_HUB) != 0;
}

const char *document_file(const char *site, char file[DOCUMENT_FILE_SIZE])
{
	if (is_site(site))
		snprintf(file, DOCUMENT_FILE_SIZE, "sites/%.31s." SUFFIX, site);
	else
		strcpy(file, site[0] ? "hub." SUFFIX : "sluice." SUFFIX);
	return file;
}

/* The directory that a file stands in, or one in it. */
static void beside(const char *path, const char *name, char to[PATH_MAX])
{
	char *copy = strdup(path);

	if (!copy)
		abort();
	snprintf(to, PATH_MAX, "%.3800s/%.200s", dirname(copy), name);
	free(copy);
}

struct reading {
	struct documents *to;
	char *error; /* CONFIG_ERROR_SIZE */
	bool wait;   /* a pipe or a terminal is read, too */
};

static bool say(struct reading *f, const char *path, const char *what)
{
	snprintf(f->error, CONFIG_ERROR_SIZE, "%.*s: %s", CONFIG_PATH_SIZE, path, what);
	return false;
}

/* Until its end. */
static bool read_stream(struct reading *f, struct document *to, int fd)
{
	ssize_t n = -1;

	to->text = malloc(CONFIG_FILE_MAX);
	if (!to->text)
		return say(f, to->path, "out of memory");
	while (to->len < CONFIG_FILE_MAX &&
		(n = read(fd, to->text + to->len, CONFIG_FILE_MAX - to->len)) > 0)
		to->len += (size_t)n;
	if (n < 0)
		return say(f, to->path, strerror(errno));
	return n == 0 || say(f, to->path, "larger than 4 MiB");
}

static bool read_open(struct reading *f, struct document *to, int fd)
{
	struct stat st;
	ssize_t n = 0;

	if (fstat(fd, &st) < 0)
		return say(f, to->path, strerror(errno));
	to->of_root = file_is_of_root(&st);
	if (f->wait && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return read_stream(f, to, fd);
	if (S_ISFIFO(st.st_mode) && !to->site[0])
		return say(f, to->path, "a pipe can be read at the start and by --check only");
	if (!S_ISREG(st.st_mode))
		return say(f, to->path, "not a file");
	if (st.st_size >= CONFIG_FILE_MAX)
		return say(f, to->path, "larger than 4 MiB");
	to->text = malloc((size_t)st.st_size + 1);
	if (!to->text)
		return say(f, to->path, "out of memory");
	while (to->len < (size_t)st.st_size &&
		(n = read(fd, to->text + to->len, (size_t)st.st_size - to->len)) > 0)
		to->len += (size_t)n;
	if (to->len == (size_t)st.st_size)
		return true;
	return say(f, to->path, n < 0 ? strerror(errno) : "changed while it was read");
}

static bool read_file(struct reading *f, const char *path, const char *site)
{
	struct document *to = reallocarray(f->to->list, f->to->count + 1, sizeof(*to));
	bool ok;
	int fd;

	if (!to)
		return say(f, path, "out of memory");
	f->to->list = to;
	to += f->to->count++;
	memset(to, 0, sizeof(*to));
	snprintf(to->site, sizeof(to->site), "%s", site);
	if (snprintf(to->path, sizeof(to->path), "%s", path) >= (int)sizeof(to->path))
		return say(f, path, "the path is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC | (f->wait ? 0 : O_NONBLOCK));
	if (fd < 0)
		return say(f, path, strerror(errno));
	ok = read_open(f, to, fd);
	close(fd);
	return ok;
}

/* What editors and packages leave beside a file is not a document; a wrong ending is a mistake. */
static int is_document(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot && e->d_name[0] != '.' && (!strcmp(dot + 1, SUFFIX) || !strcmp(dot + 1, "yml"));
}

static bool read_document(struct reading *f, const char *directory, const char *file)
{
	char path[CONFIG_PATH_SIZE + NAME_MAX + 2], name[NAME_MAX + 1];
	char *dot;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	snprintf(name, sizeof(name), "%s", file);
	dot = strrchr(name, '.');
	if (strcmp(dot + 1, SUFFIX) != 0)
		return say(f, path, "the document of a site is called NAME." SUFFIX);
	*dot = '\0';
	if (!name_is_valid(name))
		return say(f, path,
			"a site cannot have this name: 1 to 31 letters, digits, '-', '_', '.'");
	return read_file(f, path, name);
}

static bool read_documents(struct reading *f, const char *path)
{
	char directory[CONFIG_PATH_SIZE], *copy = strdup(path);
	struct dirent **found = NULL;
	bool ok = copy != NULL;
	int n = 0;

	if (!copy)
		return say(f, path, "out of memory");
	if (snprintf(directory, sizeof(directory), "%s/sites", dirname(copy)) >=
		(int)sizeof(directory))
		ok = say(f, path, "the path is too long");
	else
		n = scandir(directory, &found, is_document, alphasort);
	free(copy);
	if (n < 0)
		return errno == ENOENT || say(f, directory, strerror(errno));
	if (n > CONFIG_SITES_MAX)
		ok = say(f, directory, "more documents than a concentrator can have sites");
	for (int i = 0; i < n; i++) {
		ok = ok && read_document(f, directory, found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return ok;
}

struct documents *documents_load(const char *path, bool wait, char error[CONFIG_ERROR_SIZE])
{
	struct reading f = {.to = calloc(1, sizeof(*f.to)), .error = error, .wait = wait};
	char hub[PATH_MAX];
	bool ok;

	if (!f.to)
		abort();
	error[0] = '\0';
	ok = read_file(&f, path, "");
	f.wait = false; /* all others are files */
	beside(path, "hub." SUFFIX, hub);
	if (ok && (!access(hub, F_OK) || errno != ENOENT))
		ok = read_file(&f, hub, DOCUMENT_HUB);
	if (ok && read_documents(&f, path))
		return f.to;
	documents_free(f.to);
	return NULL;
}

struct documents *documents_copy(const struct documents *d)
{
	struct documents *copy = calloc(1, sizeof(*copy));

	if (!copy || !(copy->list = calloc(d->count, sizeof(*copy->list))))
		abort();
	copy->count = d->count;
	for (size_t i = 0; i < d->count; i++) {
		copy->list[i] = d->list[i];
		copy->list[i].text = malloc(d->list[i].len + 1);
		if (!copy->list[i].text)
			abort();
		memcpy(copy->list[i].text, d->list[i].text, d->list[i].len);
	}
	return copy;
}

void documents_free(struct documents *d)
{
	for (size_t i = 0; d && i < d->count; i++)
		free(d->list[i].text);
	if (d)
		free(d->list);
	free(d);
}

static bool runs(const char *ref)
{
	return !strncmp(ref, "exec:", 5);
}

static bool runs_any(const struct site_conf *site)
{
	bool any = runs(site->bgp_password);

	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++)
		any |= runs(site->tunnels[t].psk) || runs(site->tunnels[t].psk_previous) ||
		       runs(site->tunnels[t].ppk);
	return any;
}

static bool programs_are_roots(
	const struct documents *d, const struct config *c, char error[CONFIG_ERROR_SIZE])
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		const struct document *it = documents_find(d, c->sites[i].name);

		if (!it)
			it = documents_find(d, "");
		if (!runs_any(&c->sites[i]) || !it || it->of_root)
			continue;
		snprintf(error, CONFIG_ERROR_SIZE,
			"%s: site '%s': exec: may stand only in a file that is root's, and that "
			"nobody else can write",
			it->path, c->sites[i].name);
		return false;
	}
	return true;
}

struct config *documents_config(const struct documents *d, char error[CONFIG_ERROR_SIZE])
{
	struct config_text *texts = calloc(d->count, sizeof(*texts));
	struct config *c;

	if (!texts)
		abort();
	for (size_t i = 0; i < d->count; i++) {
		const struct document *it = &d->list[i];

		texts[i] = (struct config_text){.name = it->path,
			.site = is_site(it->site) ? it->site : NULL,
			.text = it->text,
			.len = it->len};
	}
	c = config_read(texts, d->count, error);
	free(texts);
	if (!c || programs_are_roots(d, c, error))
		return c;
	config_free(c);
	return NULL;
}

struct config *documents_config_of(const char *path, char error[CONFIG_ERROR_SIZE])
{
	struct documents *d = documents_load(path, true, error);
	struct config *c = d ? documents_config(d, error) : NULL;

	documents_free(d);
	return c;
}

const struct document *documents_find(const struct documents *d, const char *site)
{
	for (size_t i = 0; i < d->count; i++) {
		if (!strcmp(d->list[i].site, site))
			return &d->list[i];
	}
	return NULL;
}

bool document_equal(const struct document *a, const struct document *b)
{
	return a->len == b->len && !memcmp(a->text, b->text, a->len);
}

bool document_is(const struct document *a, const struct document *b)
{
	return a && b ? document_equal(a, b) : !a && !b;
}

bool documents_differ(const struct documents *was, const struct documents *is,
	documents_difference *tell, void *context)
{
	bool any = false;

	for (size_t i = 0; i < is->count; i++) {
		const struct document *old = documents_find(was, is->list[i].site);

		if (old && document_equal(old, &is->list[i]))
			continue;
		any = true;
		if (tell)
			tell(context, is->list[i].site, old, &is->list[i]);
	}
	for (size_t i = 0; i < was->count; i++) {
		if (documents_find(is, was->list[i].site))
			continue;
		any = true;
		if (tell)
			tell(context, was->list[i].site, &was->list[i], NULL);
	}
	return any;
}

/* ---- writing ---- */

bool document_write(int fd, const char *text, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return !fsync(fd);
}

/* What a file was is what it stays: whose it is, and who may read it. */
static bool keep_owner(int fd, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno == ENOENT;
	return !fchmod(fd, st.st_mode & 07777) && !fchown(fd, st.st_uid, st.st_gid);
}

/* The directory is one of that name in its parent, which has to be on the disk as well. */
static bool make_directory(const char *path)
{
	char parent[PATH_MAX + 4];

	if (mkdir(path, 0755))
		return errno == EEXIST;
	snprintf(parent, sizeof(parent), "%s/..", path);
	return file_sync_directory(parent);
}

struct restoring {
	char directory[PATH_MAX]; /* of the documents of sites */
	const char *main;         /* where sluice.yaml is */
	const json_t *only;       /* names of documents; NULL: all, and sluice.yaml if `main` */
	bool with_main;
	bool main_now; /* it is written last: a site that moves out of it stands twice until then, and never nowhere */
	const struct documents *seen; /* what the files may be replaced from; NULL: anything */
	char *error;
	bool ok, any;
	bool edited; /* the last one, at the last moment */
};

static bool is_meant(const struct restoring *r, const char *site)
{
	const json_t *name;
	size_t i;

	if (r->main_now != !site[0])
		return false;
	json_array_foreach(r->only, i, name) {
		if (!strcmp(json_string_value(name), site))
			return true;
	}
	return !r->only && (site[0] || r->with_main);
}

/* The file, once more; NULL: there was none. What cannot be read any more is another one. */
static bool is_still(const char *path, const struct document *was)
{
	char error[CONFIG_ERROR_SIZE];
	struct reading f = {.to = calloc(1, sizeof(*f.to)), .error = error};
	bool same;

	if (!f.to)
		abort();
	if (access(path, F_OK) && errno == ENOENT)
		same = !was;
	else
		same = was && read_file(&f, path, was->site) && document_equal(was, &f.to->list[0]);
	documents_free(f.to);
	return same;
}

/* One that was saved while the new text went to the disk stays, and r->edited is set. */
static bool is_edited(struct restoring *r, const char *path, const struct document *was)
{
	r->edited = r->seen && !is_still(path, was);
	return r->edited;
}

/* Whole, or as it was; a file that was there is on the disk then, wherever a link leads to. */
static bool replace_file(struct restoring *r, const char *path, const struct document *was,
	const struct document *is)
{
	char temporary[PATH_MAX], *real = realpath(path, NULL);
	const char *target = real ? real : path; /* behind a link: that stays one */
	bool ok = false;
	int fd, why;

	if (!real && errno != ENOENT)
		return false;
	fd = file_open_beside(target, temporary);
	if (fd >= 0) {
		ok = keep_owner(fd, target) && document_write(fd, is->text, is->len);
		why = errno;
		close(fd);
		errno = why;
	}
	if (ok && (is_edited(r, path, was) || rename(temporary, target)))
		ok = false;
	why = errno;
	if (!ok && fd >= 0)
		(void)unlink(temporary);
	errno = why;
	if (ok && real)
		ok = file_sync_directory(dirname(real));
	why = errno;
	free(real);
	errno = why;
	return ok;
}

static void say_edited(struct restoring *r, const char *file)
{
	snprintf(r->error, CONFIG_ERROR_SIZE,
		"%s was edited meanwhile, and stays as it is: the edit is not in force", file);
}

static void restore_one(
	void *context, const char *site, const struct document *was, const struct document *is)
{
	struct restoring *r = context;
	char path[PATH_MAX], file[DOCUMENT_FILE_SIZE];

	if (!r->ok || !is_meant(r, site))
		return;
	document_file(site, file);
	if (r->seen && !document_is(documents_find(r->seen, site), was)) {
		say_edited(r, file);
		return;
	}
	if (site[0])
		beside(r->main, file, path);
	else
		snprintf(path, sizeof(path), "%s", r->main);
	r->edited = false;
	if (is)
		r->ok = (!is_site(site) || make_directory(r->directory)) &&
			replace_file(r, path, was, is);
	else
		r->ok = !is_edited(r, path, was) && !unlink(path);
	r->any = true;
	if (r->edited) {
		r->ok = true;
		say_edited(r, file);
	} else if (!r->ok) {
		snprintf(r->error, CONFIG_ERROR_SIZE, "%.200s could not be written back: %s", path,
			strerror(errno));
	}
}

/* A site that moves out of sluice.yaml would stand in both then. */
static bool main_is_edited(
	struct restoring *r, const struct documents *files, const struct documents *d)
{
	const struct document *was = documents_find(files, ""), *is = documents_find(d, "");

	r->main_now = true;
	if (!r->seen || !is_meant(r, "") || document_is(is, was) ||
		document_is(documents_find(r->seen, ""), was))
		return false;
	snprintf(r->error, CONFIG_ERROR_SIZE,
		"sluice.yaml was edited meanwhile: no file was written, and the edit is not in "
		"force");
	return true;
}

bool documents_restore(const struct documents *d, const char *path, bool main, const json_t *only,
	const struct documents *seen, char error[CONFIG_ERROR_SIZE])
{
	struct documents *files = documents_load(path, false, error);
	struct restoring r = {.main = path,
		.only = only,
		.with_main = main,
		.seen = seen,
		.error = error,
		.ok = files != NULL};
	char main_directory[PATH_MAX];

	beside(path, "sites", r.directory);
	beside(path, ".", main_directory);
	if (r.ok && main_is_edited(&r, files, d)) {
		documents_free(files);
		return true;
	}
	r.main_now = false;
	if (r.ok)
		(void)documents_differ(files, d, restore_one, &r);
	r.main_now = true;
	if (r.ok)
		(void)documents_differ(files, d, restore_one, &r);
	documents_free(files);
	if (r.any && r.ok &&
		((!file_sync_directory(r.directory) && errno != ENOENT) ||
			!file_sync_directory(main_directory))) {
		snprintf(error, CONFIG_ERROR_SIZE, "%.200s: %s", r.directory, strerror(errno));
		r.ok = false;
	}
	return r.ok;
}

void documents_sweep(const char *path)
{
	char directory[PATH_MAX];

	beside(path, ".", directory);
	file_sweep(directory);
	beside(path, "sites", directory);
	file_sweep(directory);
}

/* ---- one of them changed ---- */

void documents_stand(struct documents *d, const char *path)
{
	char place[PATH_MAX], file[DOCUMENT_FILE_SIZE];

	for (size_t i = 0; i < d->count; i++) {
		struct document *it = &d->list[i];

		beside(path, document_file(it->site, file), place);
		snprintf(it->path, sizeof(it->path), "%.*s", CONFIG_PATH_SIZE - 1,
			it->site[0] ? place : path);
	}
}

void documents_keep_owner(struct documents *d, const struct documents *files, const char *site)
{
	struct document *it = (struct document *)documents_find(d, site);
	const struct document *file = documents_find(files, site);

	if (it && file && !file->of_root)
		it->of_root = false;
}

static int by_site(const void *a, const void *b)
{
	const struct document *x = a, *y = b;

	return strcmp(x->site, y->site);
}

void documents_put(struct documents *d, const char *site, char *own_text, size_t len)
{
	struct document *it = (struct document *)documents_find(d, site);

	if (it && own_text) {
		free(it->text);
	} else if (it) {
		free(it->text);
		*it = d->list[--d->count];
	} else if (own_text) {
		d->list = reallocarray(d->list, d->count + 1, sizeof(*d->list));
		if (!d->list)
			abort();
		it = &d->list[d->count++];
		memset(it, 0, sizeof(*it));
		snprintf(it->site, sizeof(it->site), "%s", site);
	}
	if (own_text) {
		it->text = own_text;
		it->len = len;
		it->of_root = true; /* whoever sets it has been judged */
	}
	/* sluice.yaml has no name, and is the first. */
	qsort(d->list, d->count, sizeof(*d->list), by_site);
}
