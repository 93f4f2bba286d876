/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/table.h"

#include "base/log.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

static_assert(sizeof(bool) == 1, "a bool is a byte");

static uint32_t number_at(const uint8_t *at, size_t size)
{
	uint32_t n32;
	uint16_t n16;

	switch (size) {
	case sizeof(n32):
		memcpy(&n32, at, sizeof(n32));
		return n32;
	case sizeof(n16):
		memcpy(&n16, at, sizeof(n16));
		return n16;
	default:
		return *at;
	}
}

static void clean_text(char *text, size_t size)
{
	text[size - 1] = '\0';
	utf8_clean(text);
	/* What is behind the end is nobody's: nothing of it goes on. */
	memset(text + strlen(text), 0, size - strlen(text));
}

static void clean_addr(uint8_t *at)
{
	struct ip_addr a;

	memcpy(&a, at, sizeof(a));
	if (a.family != AF_INET && a.family != AF_INET6)
		memset(at, 0, sizeof(a));
}

bool imsg_clean(const struct imsg_field *fields, void *payload)
{
	for (const struct imsg_field *f = fields; f && f->kind != FIELD_END; f++) {
		uint8_t *at = (uint8_t *)payload + f->offset;

		switch (f->kind) {
		case FIELD_BOOL:
			*at = *at != 0;
			break;
		case FIELD_TEXT:
			clean_text((char *)at, f->size);
			break;
		case FIELD_ENUM:
			if (number_at(at, f->size) >= f->limit)
				return false;
			break;
		case FIELD_ADDR:
			clean_addr(at);
			break;
		case FIELD_END:
			break;
		}
	}
	return true;
}

static bool has_shape(const struct imsg_row *r, uint32_t len)
{
	switch (r->shape) {
	case IMSG_LIST:
		return len % r->size == 0;
	case IMSG_BYTES:
		return len >= r->size;
	default:
		return len == r->size;
	}
}

static bool clean_all(const struct imsg_row *r, const struct imsg *m)
{
	uint32_t count = r->shape == IMSG_LIST ? m->len / (uint32_t)r->size : 1;

	for (uint32_t i = 0; r->fields && i < count; i++) {
		if (!imsg_clean(r->fields, (uint8_t *)m->payload + i * r->size))
			return false;
	}
	return true;
}

static bool give(const struct imsg_row *rows, void *context, struct imsg *m)
{
	const struct imsg_row *r = rows;

	while (r->type != IMSG_INVALID && r->type != m->type)
		r++;
	if (r->type == IMSG_INVALID) {
		log_error("message %u is not for this process", m->type);
		return false;
	}
	if (!has_shape(r, m->len)) {
		log_error("message %u has %u bytes, %zu expected", m->type, m->len, r->size);
		return false;
	}
	if (r->fd == IMSG_NEEDS_FD && m->fd < 0) {
		log_error("message %u came without its descriptor", m->type);
		return false;
	}
	if (r->fd == IMSG_NO_FD && m->fd >= 0)
		close(imsg_take_fd(m));
	if (!clean_all(r, m)) {
		log_error("message %u tells what cannot be", m->type);
		return false;
	}
	r->take(context, m);
	return true;
}

bool imsg_give(const struct imsg_row *rows, void *context, const struct imsg *m)
{
	struct imsg own = *m;
	bool ok = give(rows, context, &own);

	if (own.fd >= 0)
		close(own.fd);
	return ok;
}

int imsg_take_fd(struct imsg *m)
{
	int fd = m->fd;

	m->fd = -1;
	return fd;
}
