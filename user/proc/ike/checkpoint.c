/* SPDX-License-Identifier: Apache-2.0 */
#include "proc/ike/checkpoint.h"

#include "base/log.h"
#include "crypto/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECKPOINT_MAGIC 0x534c4943        /* "SLIC" */
#define SLOT_STRIDE      ((off_t)64 << 20) /* the file is sparse: only what is written takes memory */

/* Stored before the bytes of a slot. Written after them. */
struct slot_head {
	uint32_t magic;
	uint32_t len;
	uint64_t generation;
	uint8_t checksum[SHA256_LEN]; /* of generation and bytes */
};

void ike_checkpoint_init(struct ike_checkpoint *c)
{
	*c = (struct ike_checkpoint){.fd = -1};
}

void ike_checkpoint_open(struct ike_checkpoint *c, int own_fd)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = own_fd;
}

static bool checksum(uint64_t generation, const void *bytes, size_t len, uint8_t out[SHA256_LEN])
{
	struct chunk chunks[] = {{&generation, sizeof(generation)}, {bytes, len}};

	return hash_sha256(chunks, 2, out);
}

static bool grow(struct ike_checkpoint *c)
{
	size_t size = ENGINE_CHECKPOINT_SIZE(IKE_TUNNELS_MAX);

	if (!c->buffer) {
		c->buffer = malloc(size); /* touched only as far as it is filled */
		c->size = size;
	}
	return c->buffer != NULL;
}

static bool write_all(int fd, const void *bytes, size_t len, off_t at)
{
	const uint8_t *p = bytes;

	while (len) {
		ssize_t n = pwrite(fd, p, len, at);

		if (n <= 0)
			return false;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

void ike_checkpoint_save(struct ike_checkpoint *c, const struct engine *e, uint64_t now)
{
	struct slot_head head = {.magic = CHECKPOINT_MAGIC}, none = {0};
	off_t at = c->generation % 2 ? 0 : SLOT_STRIDE;
	size_t len;

	if (c->fd < 0 || !grow(c))
		return;
	len = engine_checkpoint(e, c->buffer, c->size, now);
	head.len = (uint32_t)len;
	head.generation = c->generation + 1;
	/* Head away, bytes, head: the slot is either whole or nothing. */
	if (!len || !checksum(head.generation, c->buffer, len, head.checksum) ||
		!write_all(c->fd, &none, sizeof(none), at) ||
		!write_all(c->fd, c->buffer, len, at + (off_t)sizeof(head)) ||
		!write_all(c->fd, &head, sizeof(head), at))
		log_error("the state of the IKE SAs could not be saved: %s", strerror(errno));
	else
		c->generation++;
	secret_wipe(c->buffer, len);
}

/* Reads one slot into the buffer; its generation, or 0 when it is not whole. */
static uint64_t read_slot(struct ike_checkpoint *c, off_t at, size_t *len)
{
	uint8_t expected[SHA256_LEN];
	struct slot_head head;

	if (pread(c->fd, &head, sizeof(head), at) != (ssize_t)sizeof(head) ||
		head.magic != CHECKPOINT_MAGIC || head.len > c->size)
		return 0;
	if (pread(c->fd, c->buffer, head.len, at + (off_t)sizeof(head)) != (ssize_t)head.len)
		return 0;
	if (!checksum(head.generation, c->buffer, head.len, expected) ||
		memcmp(expected, head.checksum, SHA256_LEN) != 0)
		return 0;
	*len = head.len;
	return head.generation;
}

bool ike_checkpoint_load(struct ike_checkpoint *c, struct engine *e, uint64_t now)
{
	struct slot_head none = {0};
	uint64_t first, second;
	size_t len = 0;
	bool ok;

	if (c->fd < 0 || !grow(c))
		return false;
	first = read_slot(c, 0, &len);
	second = read_slot(c, SLOT_STRIDE, &len);
	c->generation = first > second ? first : second;
	if (first > second)
		first = read_slot(c, 0, &len);
	if (!c->generation)
		return false;
	(void)write_all(c->fd, &none, sizeof(none), 0);
	(void)write_all(c->fd, &none, sizeof(none), SLOT_STRIDE);
	ok = engine_restore(e, c->buffer, len, now);
	secret_wipe(c->buffer, len);
	return ok;
}

void ike_checkpoint_close(struct ike_checkpoint *c)
{
	if (c->fd >= 0)
		close(c->fd);
	free(c->buffer);
	ike_checkpoint_init(c);
}
