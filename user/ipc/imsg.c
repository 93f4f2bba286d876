/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/imsg.h"

#include "base/log.h"
#include "base/secret.h"
#include "ipc/descriptor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

struct imsg_head {
	uint32_t type;
	uint32_t len;
};

static_assert(sizeof(struct imsg_head) == 8, "header");

struct imsg_out {
	TAILQ_ENTRY(imsg_out) link;
	int fd;
	size_t len;
	uint8_t bytes[];
};

TAILQ_HEAD(imsg_queue, imsg_out);

struct imsg_channel {
	struct event *readable, *writable;
	int fd;
	imsg_handler *on_message;
	imsg_gone *on_gone;
	void *context;
	struct imsg_queue queue;
	size_t queued; /* bytes in it */
	size_t pace;   /* see imsg_channel_pace(); 0: as much as comes */
	bool gone;
	bool ended;   /* on_gone was called */
	bool answers; /* IMSG_PING */
	bool *freed;  /* set while a handler runs: the channel was freed in it */
};

/* One datagram out. 0: taken, 1: would block, -1: peer gone. */
static int send_one(int fd, const struct imsg_out *out)
{
	if (descriptor_send(fd, out->bytes, out->len, out->fd, MSG_DONTWAIT) >= 0)
		return 0;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 1 : -1;
}

static void out_free(struct imsg_out *out)
{
	if (out->fd >= 0)
		close(out->fd);
	secret_wipe(out->bytes, out->len);
	free(out);
}

/* Whether more is read from the other end, which takes what it gets too slowly. */
static void follow_queue(struct imsg_channel *c)
{
	if (c->ended)
		return;
	if (c->queued > c->pace)
		event_del(c->readable);
	else
		event_add(c->readable, NULL);
}

static void on_writable(int fd, short what, void *arg)
{
	struct imsg_channel *c = arg;
	struct imsg_out *out;

	(void)what;
	while ((out = TAILQ_FIRST(&c->queue))) {
		int r = send_one(fd, out);

		if (r > 0)
			break;
		/* r < 0: the reader side notices and tells on_gone; nothing can be delivered. */
		TAILQ_REMOVE(&c->queue, out, link);
		c->queued -= out->len;
		out_free(out);
	}
	if (!out)
		event_del(c->writable);
	if (c->pace)
		follow_queue(c);
}

static bool unpack(void *buffer, ssize_t n, int passed_fd, struct imsg *m)
{
	struct imsg_head head;

	if (n < (ssize_t)sizeof(head))
		return false;
	memcpy(&head, buffer, sizeof(head));
	if (head.len != (size_t)n - sizeof(head) || head.type >= IMSG_TYPES)
		return false;
	*m = (struct imsg){.type = head.type,
		.len = head.len,
		.fd = passed_fd,
		.payload = (uint8_t *)buffer + sizeof(head)};
	return true;
}

static void on_readable(int fd, short what, void *arg)
{
	enum { MESSAGES_PER_TURN = 64 }; /* so that one busy channel does not starve the others */
	struct imsg_channel *c = arg;
	_Alignas(16) uint8_t buffer[IMSG_MAX_SIZE + 8];
	uint8_t *start = buffer + 8; /* payload after the 8-byte header is 16-aligned */
	const int most = c->pace ? 1 : MESSAGES_PER_TURN;
	bool freed = false;

	(void)what;
	for (int i = 0; i < most && !freed; i++) {
		bool whole;
		int passed_fd;
		ssize_t n = descriptor_receive(
			fd, start, IMSG_MAX_SIZE, MSG_DONTWAIT, &passed_fd, &whole);
		struct imsg m;

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0) {
			event_del(c->readable);
			c->gone = c->ended = true;
			c->on_gone(c->context);
			return;
		}
		if (!unpack(start, n, passed_fd, &m)) {
			log_error("malformed message of %zd bytes between processes", n);
			if (passed_fd >= 0)
				close(passed_fd);
			continue;
		}
		if (m.type == IMSG_PING && c->answers) {
			if (passed_fd >= 0)
				close(passed_fd);
			imsg_send(c, IMSG_PONG, -1, NULL, 0);
			continue;
		}
		c->freed = &freed;
		c->on_message(c->context, &m);
		if (!freed)
			c->freed = NULL;
		secret_wipe(start, (size_t)n);
	}
}

struct imsg_channel *imsg_channel_new(struct event_base *base, int own_fd, imsg_handler *on_message,
	imsg_gone *on_gone, void *context)
{
	struct imsg_channel *c = calloc(1, sizeof(*c));
	int size = 1 << 20;

	if (!c)
		abort();
	*c = (struct imsg_channel){
		.fd = own_fd, .on_message = on_message, .on_gone = on_gone, .context = context};
	TAILQ_INIT(&c->queue);
	evutil_make_socket_nonblocking(own_fd);
	(void)setsockopt(own_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	c->readable = event_new(base, own_fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, own_fd, EV_WRITE | EV_PERSIST, on_writable, c);
	event_add(c->readable, NULL);
	return c;
}

void imsg_channel_answer(struct imsg_channel *c)
{
	c->answers = true;
}

void imsg_channel_pace(struct imsg_channel *c, size_t most)
{
	c->pace = most;
}

void imsg_channel_free(struct imsg_channel *c)
{
	struct imsg_out *out;

	if (!c)
		return;
	if (c->freed)
		*c->freed = true;
	event_free(c->readable);
	event_free(c->writable);
	while ((out = TAILQ_FIRST(&c->queue))) {
		TAILQ_REMOVE(&c->queue, out, link);
		out_free(out);
	}
	close(c->fd);
	free(c);
}

static void send_parts(struct imsg_channel *c, enum imsg_type type, int own_fd, const void *payload,
	size_t len, const void *bytes, size_t bytes_len)
{
	struct imsg_head head = {.type = type, .len = (uint32_t)(len + bytes_len)};
	size_t total = sizeof(head) + len + bytes_len;
	struct imsg_out *out = malloc(sizeof(*out) + total);

	assert(total <= IMSG_MAX_SIZE);
	if (!out)
		abort();
	out->fd = own_fd;
	out->len = total;
	memcpy(out->bytes, &head, sizeof(head));
	if (len)
		memcpy(out->bytes + sizeof(head), payload, len);
	if (bytes_len)
		memcpy(out->bytes + sizeof(head) + len, bytes, bytes_len);

	int r = c->gone ? -1 : TAILQ_EMPTY(&c->queue) ? send_one(c->fd, out) : 1;

	if (r <= 0) {
		out_free(out);
		return;
	}
	TAILQ_INSERT_TAIL(&c->queue, out, link);
	event_add(c->writable, NULL);
	c->queued += total;
	if (c->queued > IMSG_QUEUE_MAX) {
		log_error("%zu bytes wait for a process that does not read: it is given up",
			c->queued);
		c->gone = true;
		(void)shutdown(c->fd, SHUT_RDWR); /* on_gone follows from the loop */
	}
	if (c->pace)
		follow_queue(c);
}

void imsg_send(
	struct imsg_channel *c, enum imsg_type type, int own_fd, const void *payload, size_t len)
{
	send_parts(c, type, own_fd, payload, len, NULL, 0);
}

void imsg_send_bytes(struct imsg_channel *c, enum imsg_type type, const void *payload, size_t len,
	const void *bytes, size_t bytes_len)
{
	send_parts(c, type, -1, payload, len, bytes, bytes_len);
}

size_t imsg_queued(const struct imsg_channel *c)
{
	return c->queued;
}

bool imsg_receive_blocking(int fd, struct imsg *m, void *buffer, size_t size)
{
	bool whole;
	int passed_fd;
	ssize_t n = descriptor_receive(fd, buffer, size, 0, &passed_fd, &whole);

	return n > 0 && unpack(buffer, n, passed_fd, m);
}
