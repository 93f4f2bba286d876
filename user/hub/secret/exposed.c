/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret that somebody has written into a document: a label, a name or a remark is shown to everybody who may see the
 * site, and goes into revisions and tickets.
 */
#include "hub/secret/secret.h"

#include "base/log.h"
#include "hub/secret/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct search {
	const struct documents *in, *was;
	const struct documents *in_force; /* what has it already is warned of; NULL: all is */
	char *error;                      /* of the first one that is refused; "": none is */
	size_t count, size;
	char (*refs)[CONFIG_SECRET_REF_SIZE]; /* that were looked for */
};

static bool is_looked_for(const struct search *s, const char *ref)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!strcmp(s->refs[i], ref))
			return true;
	}
	return false;
}

static void note(struct search *s, const char *ref)
{
	if (s->count == s->size) {
		s->size = s->size ? 2 * s->size : 64;
		s->refs = realloc(s->refs, s->size * sizeof(*s->refs));
		if (!s->refs)
			abort();
	}
	snprintf(s->refs[s->count++], sizeof(*s->refs), "%s", ref);
}

static size_t read_ref(const char *ref, uint8_t bytes[SECRET_FILE_MAX])
{
	int fd = public_ref_open(ref);
	ssize_t n = fd >= 0 ? read(fd, bytes, SECRET_FILE_MAX) : -1;

	if (fd >= 0)
		close(fd);
	return n > 0 ? secret_text_len(bytes, (size_t)n) : 0;
}

static unsigned int line_of(const struct document *d, const char *at)
{
	unsigned int line = 1;

	for (const char *c = d->text; c < at; c++)
		line += *c == '\n';
	return line;
}

static const char *find(const struct document *d, const uint8_t *bytes, size_t len)
{
	return d ? memmem(d->text, d->len, bytes, len) : NULL;
}

static void tell(
	struct search *s, const struct document *d, const char *at, const char *ref, bool had)
{
	if (!s->in_force || had)
		log_warn("%s:%u: it has the secret %s in it, for everybody to read: take it "
			 "out, and use another secret",
			d->path, line_of(d, at), ref);
	else if (!s->error[0])
		snprintf(s->error, CONFIG_ERROR_SIZE,
			"%s:%u: it has the text of the secret %s in it, which everybody could read "
			"then, in kept revisions as well",
			d->path, line_of(d, at), ref);
}

static void look_for(struct search *s, const char *ref)
{
	uint8_t bytes[SECRET_FILE_MAX];
	size_t len;

	if (!ref[0] || is_looked_for(s, ref))
		return;
	note(s, ref);
	len = read_ref(ref, bytes);
	for (size_t i = 0; len >= 8 && i < s->in->count; i++) {
		const struct document *d = &s->in->list[i];
		const struct document *was = s->was ? documents_find(s->was, d->site) : NULL;
		const char *at = was && document_equal(was, d) ? NULL : find(d, bytes, len);

		if (at)
			tell(s, d, at, ref,
				s->in_force &&
					find(documents_find(s->in_force, d->site), bytes, len));
	}
	secret_wipe(bytes, sizeof(bytes));
}

static void look_for_sealed(void *context, const char *name, int64_t set_s)
{
	char ref[CONFIG_SECRET_REF_SIZE];

	(void)set_s;
	snprintf(ref, sizeof(ref), "secret:%s", name);
	look_for(context, ref);
}

static void look_for_all(struct search *s, const struct config *c)
{
	for (uint32_t i = 0; i < c->site_count; i++) {
		look_for(s, c->sites[i].bgp_password);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
			look_for(s, c->sites[i].tunnels[t].psk);
			look_for(s, c->sites[i].tunnels[t].psk_previous);
			look_for(s, c->sites[i].tunnels[t].ppk);
		}
	}
	(void)vault_each(look_for_sealed, s);
	free(s->refs);
}

void secrets_exposed(
	const struct config *c, const struct documents *in, const struct documents *was)
{
	look_for_all(&(struct search){.in = in, .was = was}, c);
}

bool secrets_stay_hidden(const struct config *c, const struct documents *in,
	const struct documents *in_force, bool only_changed, char error[CONFIG_ERROR_SIZE])
{
	error[0] = '\0';
	look_for_all(&(struct search){.in = in,
			     .was = only_changed ? in_force : NULL,
			     .in_force = in_force,
			     .error = error},
		c);
	return !error[0];
}
