/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/secret/reads.h"

#include "base/clock.h"
#include "hub/secret/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AT_THE_START "at the start"

struct entry {
	char ref[CONFIG_SECRET_REF_SIZE];
	uint64_t print;
	int64_t read_s;
};

static struct {
	size_t count;
	struct entry *entries;
	const char *occasion;
	secret_read_told *told;
	void *context;
} reads = {.occasion = AT_THE_START};

void secret_reads_tell(secret_read_told *told, void *context)
{
	reads.told = told;
	reads.context = context;
	reads.occasion = AT_THE_START;
}

void secret_reads_at(const char *occasion)
{
	reads.occasion = occasion;
}

static struct entry *find(const char *ref)
{
	for (size_t i = 0; i < reads.count; i++) {
		if (!strcmp(reads.entries[i].ref, ref))
			return &reads.entries[i];
	}
	return NULL;
}

static struct entry *add(const char *ref)
{
	struct entry *e;

	reads.entries = reallocarray(reads.entries, reads.count + 1, sizeof(*reads.entries));
	if (!reads.entries)
		abort();
	e = &reads.entries[reads.count++];
	*e = (struct entry){0};
	snprintf(e->ref, sizeof(e->ref), "%s", ref);
	return e;
}

void secret_was_read(const char *ref, uint64_t print)
{
	struct entry *e = find(ref);
	bool is_new = !e, is_other = e && e->print != print;
	char why[80];

	if (!ref[0] || !print)
		return;
	if (!e)
		e = add(ref);
	e->print = print;
	e->read_s = (int64_t)(clock_wall() / CLOCK_SECOND);
	if (!reads.told || (!is_new && !is_other))
		return;
	snprintf(why, sizeof(why), "read %s%s", reads.occasion,
		is_other ? ": it is another one than before" : "");
	reads.told(reads.context, ref, why);
}

void secret_file_was_read(const char *ref, int fd)
{
	struct stat st;
	struct {
		uint64_t device, inode, size, s, ns;
	} file;

	if (fd < 0 || fstat(fd, &st))
		return;
	file.device = st.st_dev;
	file.inode = st.st_ino;
	file.size = (uint64_t)st.st_size;
	file.s = (uint64_t)st.st_mtim.tv_sec;
	file.ns = (uint64_t)st.st_mtim.tv_nsec;
	secret_was_read(ref, secret_print((const uint8_t *)&file, sizeof(file)));
}

int64_t secret_read_s(const char *ref)
{
	const struct entry *e = find(ref);

	return e ? e->read_s : 0;
}

static bool names(const struct config *c, const char *ref)
{
	const struct concentrator_conf *hub = &c->concentrator;
	char previous[CONFIG_SECRET_REF_SIZE];
	bool named = !strcmp(hub->certificate.key, ref) || !strcmp(hub->api_certificate.key, ref);

	for (uint32_t s = 0; s < c->site_count && !named; s++) {
		named = !strcmp(c->sites[s].bgp_password, ref);
		for (unsigned int t = 0; t < TUNNELS_PER_SITE && !named; t++) {
			const struct tunnel_conf *conf = &c->sites[s].tunnels[t];

			named = conf->configured &&
				(!strcmp(conf->psk, ref) || !strcmp(conf->ppk, ref) ||
					!strcmp(conf->certificate.key, ref) ||
					!strcmp(secret_previous(conf, previous), ref));
		}
	}
	return named;
}

void secret_reads_match(const struct config *c)
{
	size_t kept = 0;

	for (size_t i = 0; i < reads.count; i++) {
		if (c && names(c, reads.entries[i].ref))
			reads.entries[kept++] = reads.entries[i];
	}
	reads.count = kept;
	if (kept)
		return;
	free(reads.entries);
	reads.entries = NULL;
}
