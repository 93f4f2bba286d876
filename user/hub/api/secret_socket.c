/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever sets or reads a secret does so here: hub reads a struct of fixed size and knows by the kernel who has sent it.
 * It is written into the audit log first.
 */
#include "hub/api/secret_socket.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/access.h"
#include "hub/api/api.h"
#include "hub/api/secret_overlap.h"
#include "hub/secret/secret.h"
#include "hub/secret/vault.h"
#include "ipc/descriptor.h"
#include "ipc/msg_secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PEERS_MAX   32 /* at a time */
#define PEERS_ROOT  4  /* of them for root alone */
#define PEERS_USER  4  /* of one user; then its oldest ends */
#define WITHIN_S    5  /* a request comes until then */
#define ANSWER_SIZE sizeof(((struct secret_answer *)NULL)->text)
#define SEALS       (F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK)

struct peer {
	struct hub *h;
	int fd; /* -1: free */
	struct event *event;
	uint64_t since_ns;
	struct asker asker;
};

struct secret_socket {
	struct hub *h;
	int listener;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct event *accept, *again;
	struct peer peers[PEERS_MAX];
};

static void end(struct peer *p)
{
	if (p->event)
		event_free(p->event);
	if (p->fd >= 0)
		close(p->fd);
	p->event = NULL;
	p->fd = -1;
}

/* ---- one request ---- */

/*
 * What is wrong with the bytes; NULL: nothing. A memfd never makes hub wait, as a file of somebody's may. They are not
 * what not every device takes is told of, and not refused: who sets it may have such a device.
 */
static const char *read_sealed(int fd, struct secret *out)
{
	uint8_t bytes[SECRET_FILE_MAX];
	const char *why = NULL;
	struct stat st;
	ssize_t n;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &st))
		return "the secret must come in a sealed memfd";
	if (st.st_size > (off_t)sizeof(bytes))
		return "more has come than a secret can be: it has 8 to 64 characters";
	n = pread(fd, bytes, sizeof(bytes), 0);
	n = n > 0 ? (ssize_t)secret_text_len(bytes, (size_t)n) : 0;
	if (n < 8 || n > VAULT_LEN_MAX)
		why = "it has not 8 to 64 characters";
	for (ssize_t i = 0; !why && i < n; i++) {
		if (bytes[i] < ' ' || bytes[i] == 0x7f)
			why = "a character of it is none that can be typed";
	}
	if (!why)
		(void)secret_set(out, bytes, (size_t)n);
	secret_wipe(bytes, sizeof(bytes));
	return why;
}

/* False: `text` says why not. */
static bool set(struct hub *h, const char *name, int fd, char text[ANSWER_SIZE])
{
	char why[ROTATION_WHY_SIZE], done[SECRET_SENTENCE_SIZE];
	struct secret s = {0};
	const char *fault = fd < 0 ? "no secret came with it" : read_sealed(fd, &s), *doubt;
	enum rotation r;

	if (fault) {
		snprintf(text, ANSWER_SIZE, "%s", fault);
		return false;
	}
	doubt = psk_fault(s.bytes, s.len);
	r = rotation_set(name, &s, true, why);
	secret_clear(&s);
	if (r != ROTATION_DONE && r != ROTATION_WAITS) {
		snprintf(text, ANSWER_SIZE, "%s", why);
		return false;
	}
	snprintf(text, ANSWER_SIZE, "%s%s%s", secret_set_sentence(h, name, r, done),
		doubt ? "\nas a pre-shared key, a new tunnel is refused with it: " : "",
		doubt ? doubt : "");
	return true;
}

/* False: `text` says why not; else *out is what goes with the answer, or -1. */
static bool carry_out(
	struct hub *h, const struct secret_request *r, int fd, int *out, char text[ANSWER_SIZE])
{
	if (r->verb == SECRET_SET && h->applying) {
		snprintf(text, ANSWER_SIZE, "%s", SECRET_BUSY);
		return false;
	}
	if (r->verb == SECRET_SET)
		return set(h, r->name, fd, text);
	*out = vault_open(r->name);
	if (*out < 0)
		snprintf(text, ANSWER_SIZE, "%s", vault_why(errno));
	return *out >= 0;
}

static const char *verb_of(const struct secret_request *r)
{
	return r->verb == SECRET_SET ? "secret-set" : "secret-show";
}

/* Also who may not, as often as one may who may. */
static void note_refusal(struct peer *p, const struct secret_request *r, const char *why)
{
	if (hub_audit_allows(p->h, p->asker.who.uid, clock_now()) &&
		!hub_audit_secret(p->h, &p->asker, verb_of(r), r->name, why))
		log_error("audit log: that uid %u was refused a secret could not be written: %s",
			(unsigned int)p->asker.who.uid, strerror(errno));
}

static const char *judge(struct peer *p, const struct secret_request *r)
{
	enum may right = r->verb == SECRET_SET ? MAY_ADMINISTER : MAY_READ_SECRETS;

	if (r->verb != SECRET_SET && r->verb != SECRET_REVEAL)
		return "that is not understood";
	if (!asker_may(&p->asker, right, "")) {
		const char *why =
			r->verb == SECRET_SET
				? "you may not do that: it needs the role admin without a scope"
				: "you may not do that: it needs the role secret-reader without a "
				  "scope";

		note_refusal(p, r, why);
		return why;
	}
	if (!hub_audit_allows(p->h, p->asker.who.uid, clock_now()))
		return "you have made too many requests; one each 10 seconds is possible now";
	return NULL;
}

static bool handle(
	struct peer *p, struct secret_request *r, int fd, int *out, char text[ANSWER_SIZE])
{
	const char *why;
	uint64_t entry;
	bool done;

	r->name[sizeof(r->name) - 1] = '\0';
	why = judge(p, r);
	entry = why ? 0 : hub_audit_secret(p->h, &p->asker, verb_of(r), r->name, NULL);
	if (!entry) {
		snprintf(text, ANSWER_SIZE, "%s",
			why ? why : "the audit log cannot be written, so it is not done");
		return false;
	}
	done = carry_out(p->h, r, fd, out, text);
	hub_audit_note_end(p->h, entry, done ? "done" : "refused", done ? "" : text);
	return done;
}

static void on_request(evutil_socket_t from, short what, void *arg)
{
	struct secret_answer a = {.refused = 1, .text = "that is not understood"};
	struct secret_request r;
	struct peer *p = arg;
	int fd = -1, out = -1;

	if (what & EV_READ) {
		bool whole;
		ssize_t n = descriptor_receive(from, &r, sizeof(r), MSG_DONTWAIT, &fd, &whole);

		if (whole && n == sizeof(r)) {
			a.text[0] = '\0';
			a.refused = !handle(p, &r, fd, &out, a.text);
		}
		if (n > 0)
			(void)descriptor_send(p->fd, &a, sizeof(a), out, MSG_DONTWAIT);
	}
	if (fd >= 0)
		close(fd);
	if (out >= 0)
		close(out);
	end(p);
}

/* ---- connections ---- */

/* NULL: there is none. Nobody but root can take all places, and no user those of another one. */
static struct peer *place(struct secret_socket *s, uid_t uid)
{
	struct peer *oldest = NULL, *free_one = NULL;
	unsigned int own = 0, others = 0;

	for (struct peer *p = s->peers; p < s->peers + PEERS_MAX; p++) {
		if (p->fd < 0) {
			free_one = p;
			continue;
		}
		others += p->asker.who.uid != 0;
		if (p->asker.who.uid != uid)
			continue;
		own++;
		if (!oldest || p->since_ns < oldest->since_ns)
			oldest = p;
	}
	if (own >= PEERS_USER) {
		end(oldest);
		return oldest;
	}
	return uid && others >= PEERS_MAX - PEERS_ROOT ? NULL : free_one;
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct secret_socket *s = arg;

	(void)fd, (void)what;
	event_add(s->accept, NULL);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	const struct timeval within = {.tv_sec = WITHIN_S}, pause = {.tv_sec = 1};
	struct secret_socket *s = arg;
	struct asker asker;
	struct peer *p;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)what;
	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_error("socket for secrets: %s", strerror(errno));
		event_del(s->accept);
		event_add(s->again, &pause);
	}
	if (fd < 0)
		return;
	p = access_of_peer(s->h, fd, &asker) ? place(s, asker.who.uid) : NULL;
	if (!p) {
		close(fd);
		return;
	}
	p->fd = fd;
	p->h = s->h;
	p->since_ns = clock_now();
	p->asker = asker;
	p->event = event_new(s->h->base, fd, EV_READ, on_request, p);
	event_add(p->event, &within);
}

struct secret_socket *secret_socket_open(struct hub *h, const char *path)
{
	struct secret_socket *s = calloc(1, sizeof(*s));
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t old;
	int r;

	if (!s)
		abort();
	for (int i = 0; i < PEERS_MAX; i++)
		s->peers[i].fd = -1;
	s->h = h;
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	memcpy(s->path, un.sun_path, sizeof(s->path));
	s->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)unlink(path);
	old = umask(0117);
	r = s->listener < 0 ? -1 : bind(s->listener, (struct sockaddr *)&un, sizeof(un));
	umask(old);
	if (r || listen(s->listener, PEERS_MAX)) {
		r = errno;
		if (s->listener >= 0)
			close(s->listener);
		free(s);
		errno = r;
		return NULL;
	}
	access_also(h, path);
	s->accept = event_new(h->base, s->listener, EV_READ | EV_PERSIST, on_connection, s);
	s->again = event_new(h->base, -1, 0, on_again, s);
	event_add(s->accept, NULL);
	return s;
}

void secret_socket_close(struct secret_socket *s)
{
	if (!s)
		return;
	for (int i = 0; i < PEERS_MAX; i++)
		end(&s->peers[i]);
	event_free(s->accept);
	event_free(s->again);
	close(s->listener);
	(void)unlink(s->path);
	free(s);
}
