/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/data_saved.h"

#include "base/secret.h"
#include "ipc/msg_sa.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool digest(const struct saved_sa *s, uint8_t out[SHA256_LEN])
{
	struct chunk chunks[] = {{&s->in_use, sizeof(s->in_use)}, {&s->add, sizeof(s->add)}};

	return hash_sha256(chunks, 2, out);
}

/* The record is absent while it changes. */
static void begin(struct saved_sa *s)
{
	__atomic_store_n(&s->present, 0, __ATOMIC_SEQ_CST);
}

static void commit(struct saved_sa *s)
{
	__atomic_store_n(&s->present, digest(s, s->digest), __ATOMIC_SEQ_CST);
}

/* The file is sparse, and reading a page would make it. */
static uint32_t records(int fd)
{
	off_t at = 0, end = 0;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		at = lseek(fd, at, SEEK_HOLE);
		if (at <= end)
			break;
		end = at;
	}
	return (uint32_t)(((size_t)end + sizeof(struct saved_sa) - 1) / sizeof(struct saved_sa));
}

struct saved_sa *data_saved_map(int own_fd, uint32_t *count)
{
	void *at = mmap(NULL, DATA_SAVED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd, 0);

	*count = records(own_fd);
	if (*count > SLUICE_SA_ENTRIES)
		*count = SLUICE_SA_ENTRIES;
	close(own_fd);
	return at == MAP_FAILED ? NULL : at;
}

void data_saved_put(struct saved_sa *s, const struct imsg_sa_add *add)
{
	begin(s);
	memcpy(&s->add, add, sizeof(*add));
	s->in_use = false;
	s->counted_replay = s->counted_auth = 0;
	commit(s);
}

void data_saved_wipe(struct saved_sa *s)
{
	begin(s);
	secret_wipe(s, sizeof(*s));
}

void data_saved_use(struct saved_sa *s, bool in_use)
{
	if (!s->present || s->in_use == in_use)
		return;
	begin(s);
	s->in_use = in_use;
	commit(s);
}

void data_saved_move(struct saved_sa *s, const struct ip_endpoint *remote)
{
	if (!s->present || s->add.remote.addr.family != remote->addr.family)
		return;
	begin(s);
	s->add.remote = *remote;
	commit(s);
}

bool data_saved_whole(const struct saved_sa *s)
{
	uint8_t expected[SHA256_LEN];

	return s->present == 1 && digest(s, expected) && !memcmp(expected, s->digest, SHA256_LEN);
}
