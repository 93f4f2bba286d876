/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A neighbour that sends the worst that is legal, and what is not, and a second one that watches.
 *   bgp_hostile DUT OWN DUT2 OWN2 cases
 *   bgp_hostile DUT OWN DUT2 OWN2 soak SECONDS SEED PID
 * From OWN, as AS ATTR_CASE_AS, it speaks to DUT; from OWN2, as the next AS, it watches what DUT2 tells.
 * `cases`: each row of attr_cases.h in a session; one line each, exit 1 on a failure.
 * `soak`: anything, for so long; the watcher asks for a refresh every 200 ms and measures the answer:
 * the time that the speaker, process PID, and this one were given, without what they waited for a CPU.
 * Prints one line, exit 1 when the watcher's session did not last or an answer took over 2 s.
 */
#include "../attr_cases.h"

#include "base/clock.h"
#include "bgp/notify.h"
#include "bgp/open.h"
#include "bgp/update.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_SIZE   262144
#define ANSWER_MS    2000
#define REFRESH_MS   200
#define UNIVERSE     1500 /* prefixes that legal updates are about */
#define WAIT_CASE_MS 3000

struct session {
	const char *dut, *own;
	uint32_t as;
	int fd;
	bool established;
	uint8_t in[INPUT_SIZE];
	size_t in_len;
	struct bgp_notify notify; /* received; code 0: none */
	bool has_case_prefix;     /* 10.1.0.0/16 was announced and not withdrawn */
	uint64_t ends;            /* marks at the end of a refresh */
};

static struct session hostile, watcher;
static uint64_t random_state;
static uint64_t messages, connections;

static uint32_t draw(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 20) % below;
}

static void hang_up(struct session *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->established = false;
	s->in_len = 0;
}

/* What the peer does not take within a moment is given up, with the connection. */
static void put(struct session *s, const uint8_t *bytes, size_t len)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};

	while (len && s->fd >= 0) {
		ssize_t n = send(s->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if ((n < 0 && errno != EAGAIN) || poll(&p, 1, 200) <= 0) {
			hang_up(s);
		}
	}
}

static void put_message(struct session *s, uint8_t type, const uint8_t *body, size_t len)
{
	static uint8_t bytes[70000];
	struct wr w = wr_init(bytes, sizeof(bytes));

	for (int i = 0; i < 16; i++)
		wr_u8(&w, 0xff);
	wr_u16(&w, (uint16_t)(MESSAGE_HEADER_LEN + len));
	wr_u8(&w, type);
	wr_bytes(&w, body, len);
	messages++;
	put(s, bytes, wr_len(&w));
}

/* Nanoseconds that a process wanted to run and had no CPU; 0 for one that has ended. */
static uint64_t waited_for_cpu(int pid)
{
	unsigned long long ran, waited = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &ran, &waited) != 2)
		waited = 0;
	fclose(f);
	return waited;
}

/* A clock that stands still while either of the two waits for a CPU: a busy machine is no stall. */
static uint64_t busy_clock(int pid)
{
	return clock_now() - waited_for_cpu(pid) - waited_for_cpu((int)getpid());
}

static bool dial(struct session *s)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
	int one = 1;

	hang_up(s);
	inet_pton(AF_INET, s->own, &from.sin_addr);
	inet_pton(AF_INET, s->dut, &to.sin_addr);
	to.sin_port = htons(179);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->notify = (struct bgp_notify){0};
	s->has_case_prefix = false;
	connections++;
	if (bind(s->fd, (struct sockaddr *)&from, sizeof(from)) ||
		connect(s->fd, (struct sockaddr *)&to, sizeof(to))) {
		hang_up(s);
		return false;
	}
	return true;
}

static size_t make_open(const struct session *s, uint8_t *bytes, size_t size)
{
	struct bgp_open open = {.as = s->as,
		.hold_s = 90,
		.family = {true, false},
		.route_refresh = true,
		.enhanced_refresh = true,
		.extended_message = true,
		.four_octet_as = true};
	struct wr w = wr_init(bytes, size);
	struct in_addr id;

	inet_pton(AF_INET, s->own, &id);
	open.identifier = ntohl(id.s_addr);
	open_encode(&open, &w);
	return wr_len(&w);
}

static void hear_list(struct session *s, struct rd list, bool present)
{
	static const struct ip_prefix wanted = {{AF_INET, {10, 1}}, 16};
	struct ip_prefix p;

	while (nlri_next(&list, BGP_IPV4, &p)) {
		if (prefix_equal(&p, &wanted))
			s->has_case_prefix = present;
	}
}

static void take(struct session *s, const struct bgp_message *m)
{
	struct rd r = m->body;
	enum bgp_family family;
	uint8_t type = 0;

	switch (m->type) {
	case MESSAGE_OPEN:
		put_message(s, MESSAGE_KEEPALIVE, NULL, 0);
		return;
	case MESSAGE_KEEPALIVE:
		s->established = true;
		return;
	case MESSAGE_NOTIFICATION:
		s->notify.code = rd_u8(&r);
		s->notify.subcode = rd_u8(&r);
		return;
	case MESSAGE_ROUTE_REFRESH:
		if (bgp_message_decode_refresh(&r, &family, &type))
			s->ends += type == REFRESH_END;
		return;
	case MESSAGE_UPDATE:
		hear_list(s, rd_sub(&r, rd_u16(&r)), false);
		rd_skip(&r, rd_u16(&r));
		hear_list(s, r, true);
		return;
	}
}

/* Reads what is there, for up to wait_ms until something is. */
static void hear(struct session *s, int wait_ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	struct bgp_notify error;
	struct bgp_message m;
	size_t used = 0;
	ssize_t n;

	if (s->fd < 0 || poll(&p, 1, wait_ms) <= 0)
		return;
	n = recv(s->fd, s->in + s->in_len, INPUT_SIZE - s->in_len, MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			hang_up(s);
		return;
	}
	s->in_len += (size_t)n;
	while (s->fd >= 0 && bgp_message_decode(s->in + used, s->in_len - used, true, &m, &error) ==
				     MESSAGE_COMPLETE) {
		take(s, &m);
		used += m.len;
	}
	if (s->fd < 0)
		return;
	memmove(s->in, s->in + used, s->in_len - used);
	s->in_len -= used;
}

static bool establish(struct session *s)
{
	uint8_t bytes[512];
	uint64_t end = clock_now() + 5 * CLOCK_SECOND;

	while (clock_now() < end) {
		if (s->fd < 0 && !dial(s)) {
			usleep(50000);
			continue;
		}
		put(s, bytes, make_open(s, bytes, sizeof(bytes)));
		while (s->fd >= 0 && clock_now() < end && !s->established)
			hear(s, 50);
		if (s->established)
			return true;
	}
	return false;
}

/* ---- each bad attribute ---- */

static void hear_both(unsigned int ms)
{
	uint64_t end = clock_now() + ms * CLOCK_MILLISECOND;

	while (clock_now() < end) {
		hear(&hostile, 5);
		hear(&watcher, 5);
	}
}

static bool wait_prefix(bool present)
{
	for (uint64_t end = clock_now() + WAIT_CASE_MS * CLOCK_MILLISECOND; clock_now() < end;) {
		if (watcher.has_case_prefix == present)
			return true;
		hear_both(10);
	}
	return false;
}

static bool one_case(const struct attr_case *c)
{
	uint8_t body[512];
	size_t len = attr_case_body(&attr_cases[0], body, sizeof(body));
	bool stays = c->error < ATTR_RESET, kept = c->error < ATTR_WITHDRAW;

	if (!hostile.established && !establish(&hostile))
		return false;
	put_message(&hostile, MESSAGE_UPDATE, body, len);
	if (!wait_prefix(true))
		return false;
	len = attr_case_body(c, body, sizeof(body));
	put_message(&hostile, MESSAGE_UPDATE, body, len);
	if (!kept && !wait_prefix(false))
		return false;
	hear_both(60);
	if (stays)
		return hostile.established && watcher.has_case_prefix == kept;
	return !hostile.established && hostile.notify.code == NOTIFY_UPDATE;
}

static int run_cases(void)
{
	static const char *const classes[] = {[ATTR_FINE] = "taken",
		[ATTR_DISCARD] = "attribute discarded",
		[ATTR_WITHDRAW] = "treated as withdrawn",
		[ATTR_RESET] = "session reset"};
	int failed = 0;

	if (!establish(&watcher)) {
		puts("FAIL the watcher's session does not come up");
		return 1;
	}
	for (size_t i = 0; i < sizeof(attr_cases) / sizeof(attr_cases[0]); i++) {
		bool good = one_case(&attr_cases[i]);

		printf("%s %s: %s\n", good ? "ok  " : "FAIL", attr_cases[i].section,
			classes[attr_cases[i].error]);
		failed |= !good;
	}
	printf("%s the watcher's session stayed\n", watcher.established ? "ok  " : "FAIL");
	return failed || !watcher.established;
}

/* ---- anything ---- */

static size_t legal_update(uint8_t *bytes, size_t size)
{
	struct wr w = wr_init(bytes, size);
	unsigned int n = 1 + draw(200), communities = draw(8) ? draw(3) : 60, hops = 1 + draw(20);
	struct in_addr hop;

	inet_pton(AF_INET, hostile.own, &hop);
	wr_u16(&w, 0);
	size_t at = wr_len(&w);

	wr_u16(&w, 0);
	wr_bytes(&w, (const uint8_t[]){0x40, 1, 1, 0, 0x40, 2}, 6);
	wr_u8(&w, (uint8_t)(2 + 4 * hops));
	wr_u8(&w, AS_SEQUENCE);
	wr_u8(&w, (uint8_t)hops);
	wr_u32(&w, hostile.as);
	for (unsigned int i = 1; i < hops; i++)
		wr_u32(&w, 64000 + draw(500));
	wr_bytes(&w, (const uint8_t[]){0x40, 3, 4}, 3);
	wr_bytes(&w, (const uint8_t *)&hop, 4);
	if (communities) {
		wr_bytes(&w, (const uint8_t[]){0xc0, 8}, 2);
		wr_u8(&w, (uint8_t)(4 * communities));
		for (unsigned int i = 0; i < communities; i++)
			wr_u32(&w, draw(UINT32_MAX));
	}
	wr_set_u16(&w, at, (uint16_t)(wr_len(&w) - at - 2));
	for (unsigned int i = 0; i < n; i++) {
		uint32_t k = draw(UNIVERSE);

		wr_bytes(&w, (const uint8_t[]){24, 30, (uint8_t)(k >> 8), (uint8_t)k}, 4);
	}
	return wr_len(&w);
}

static size_t legal_withdrawal(uint8_t *bytes, size_t size)
{
	struct wr w = wr_init(bytes, size);
	unsigned int n = 1 + draw(400);

	wr_u16(&w, (uint16_t)(4 * n));
	for (unsigned int i = 0; i < n; i++) {
		uint32_t k = draw(UNIVERSE);

		wr_bytes(&w, (const uint8_t[]){24, 30, (uint8_t)(k >> 8), (uint8_t)k}, 4);
	}
	wr_u16(&w, 0);
	return wr_len(&w);
}

static void mutate(uint8_t *bytes, size_t len)
{
	for (unsigned int n = 1 + draw(6); n && len; n--)
		bytes[draw((uint32_t)len)] = (uint8_t)draw(256);
}

static void garbage(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)draw(256);
}

static void misbehave(void)
{
	static const uint8_t refresh[] = {0, 1, 0, 1};
	static uint8_t body[66000];
	size_t len;

	switch (draw(24)) {
	case 0:
		len = draw(4000);
		garbage(body, len);
		put_message(&hostile, (uint8_t)draw(8), body, len);
		return;
	case 1: /* no frame at all */
		len = 1 + draw(500);
		garbage(body, len);
		put(&hostile, body, len);
		return;
	case 2: /* cut off in the middle, and silence */
		len = legal_update(body, sizeof(body));
		put(&hostile, body, draw((uint32_t)len));
		hang_up(&hostile);
		return;
	case 3:
		for (int i = 0; i < 20; i++)
			dial(&hostile);
		return;
	case 4: /* asks and does not listen */
		for (int i = 0; i < 200; i++)
			put_message(&hostile, MESSAGE_ROUTE_REFRESH, refresh, sizeof(refresh));
		usleep(100000);
		return;
	case 5: /* the longest message there is */
		len = 65535 - MESSAGE_HEADER_LEN;
		garbage(body, len);
		put_message(&hostile, MESSAGE_UPDATE, body, len);
		return;
	case 6:
		len = make_open(&hostile, body, sizeof(body));
		mutate(body, len);
		dial(&hostile);
		put(&hostile, body, len);
		return;
	case 7:
	case 8:
	case 9:
		len = attr_case_body(&attr_cases[draw(sizeof(attr_cases) / sizeof(attr_cases[0]))],
			body, sizeof(body));
		put_message(&hostile, MESSAGE_UPDATE, body, len);
		return;
	case 10:
	case 11:
		len = legal_update(body, sizeof(body));
		mutate(body, len);
		put_message(&hostile, MESSAGE_UPDATE, body, len);
		return;
	case 12:
	case 13:
	case 14:
		len = legal_withdrawal(body, sizeof(body));
		put_message(&hostile, MESSAGE_UPDATE, body, len);
		return;
	default:
		len = legal_update(body, sizeof(body));
		put_message(&hostile, MESSAGE_UPDATE, body, len);
		return;
	}
}

static int run_soak(unsigned int seconds, unsigned int seed, int pid)
{
	static const uint8_t refresh[] = {0, 1, 0, 1};
	uint64_t start = clock_now(), asked = 0, wanted = 0, slowest = 0, answers = 0, keepalive;

	random_state = seed * UINT64_C(2654435761) + 1;
	if (!establish(&watcher)) {
		puts("FAIL the watcher's session does not come up");
		return 1;
	}
	keepalive = clock_now();
	while (clock_now() - start < seconds * CLOCK_SECOND && watcher.established) {
		if (hostile.fd < 0)
			(void)establish(&hostile);
		if (hostile.fd >= 0)
			misbehave();
		if (draw(4))
			hear(&hostile, 0);
		hear(&watcher, 0);
		if (asked && watcher.ends >= wanted) {
			uint64_t now = busy_clock(pid), took = now > asked ? now - asked : 0;

			slowest = took > slowest ? took : slowest;
			answers++;
			asked = 0;
		}
		if (!asked && clock_now() - keepalive > REFRESH_MS * CLOCK_MILLISECOND) {
			keepalive = clock_now();
			asked = busy_clock(pid);
			wanted = watcher.ends + 1;
			put_message(&watcher, MESSAGE_KEEPALIVE, NULL, 0);
			put_message(&watcher, MESSAGE_ROUTE_REFRESH, refresh, sizeof(refresh));
		}
	}
	if (asked && busy_clock(pid) > asked + slowest) /* never answered */
		slowest = busy_clock(pid) - asked;

	bool good =
		watcher.established && answers > seconds && slowest < ANSWER_MS * CLOCK_MILLISECOND;

	printf("%s %u s, seed %u: %llu messages, %llu connections; the watcher had %llu answers, "
	       "the slowest after %.1f ms; its session %s\n",
		good ? "ok  " : "FAIL", seconds, seed, (unsigned long long)messages,
		(unsigned long long)connections, (unsigned long long)answers, (double)slowest / 1e6,
		watcher.established ? "stayed" : "ended");
	return !good;
}

int main(int argc, char **argv)
{
	if (argc < 6)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	hostile = (struct session){.dut = argv[1], .own = argv[2], .as = ATTR_CASE_AS, .fd = -1};
	watcher =
		(struct session){.dut = argv[3], .own = argv[4], .as = ATTR_CASE_AS + 1, .fd = -1};

	if (!strcmp(argv[5], "cases"))
		return run_cases();
	return argc == 9 ? run_soak((unsigned int)atoi(argv[6]), (unsigned int)atoi(argv[7]),
				   atoi(argv[8]))
			 : 2;
}
