/* SPDX-License-Identifier: Apache-2.0 */
/* bpf/fragment.h: pieces of outer packets, for which the kernel has one room for all senders. */
#include "outside_lab.h"

#include "base/clock.h"

static int setup(void **context)
{
	const struct bpf_options o = {.ike_per_second = 1, .ike_burst = 5};

	return setup_with(context, &o);
}

static void fragments_go_to_the_kernel(void **context)
{
	struct state *s = *context;
	const uint16_t bits[] = {0x2000, 0x2001, 0x00b9};
	uint64_t n = 0;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4);
	for (size_t i = 0; i < 3; i++) {
		for (int protocol = 0; protocol < 2; protocol++) {
			struct frame f = {0};
			struct wr w = wr_init(f.bytes, sizeof(f.bytes));

			ethernet(&w, false, 0x0800);
			ipv4(&w, site4, hub4, protocol ? 50 : 17, bits[i], 100);
			esp(&w, SPI, 100);
			f.len = (uint32_t)wr_len(&w);
			assert_int_equal(pass(s, &f), XDP_PASS);
			assert_int_equal(outside(s).fragment.packets, ++n);
		}
	}
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, 0x86dd);
	ipv6(&w, site6, hub6, 44, 108);
	wr_u32(&w, 50u << 24 | 1);
	wr_u32(&w, 9);
	esp(&w, SPI, 100);
	f.len = (uint32_t)wr_len(&w);
	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V6);
	assert_int_equal(pass(s, &f), XDP_PASS);
	assert_int_equal(outside(s).fragment.packets, ++n);
	assert_int_equal(outside(s).esp.packets, 0);
}

/* The first fragment of `len` bytes of a datagram to `port`, which starts with `word`. */
static struct frame first_fragment(bool v4, uint16_t port, uint32_t word, uint16_t len)
{
	struct frame f = {0};
	struct wr w = wr_init(f.bytes, sizeof(f.bytes));

	ethernet(&w, false, v4 ? 0x0800 : 0x86dd);
	if (v4) {
		ipv4(&w, site4, hub4, 17, 0x2000, len);
	} else {
		ipv6(&w, site6, hub6, 44, (uint16_t)(8 + len));
		wr_u32(&w, 17u << 24 | 1);
		wr_u32(&w, 9);
	}
	f.len = (uint32_t)wr_len(&w) + len;
	udp(&w, port, 1000);
	wr_u32(&w, word);
	return f;
}

static void ike_in_fragments_is_limited_too(void **context)
{
	struct state *s = *context;
	uint64_t esp = 0;

	for (int v4 = 0; v4 < 2; v4++) {
		s->sa_in[SLUICE_SA_INDEX(SPI)] = record(v4 ? V4_UDP : V6_UDP);
		for (int i = 0; i < 8; i++) {
			struct frame f = first_fragment(v4, i & 1 ? 4500 : 500, 0, 48);

			assert_int_equal(pass(s, &f), i < 5 ? XDP_PASS : XDP_DROP);
		}
		for (int i = 0; i < 8; i++, esp++) {
			struct frame f = first_fragment(v4, i & 1 ? 4500 : 53, SPI, 48);

			assert_int_equal(pass(s, &f), XDP_PASS);
		}
		/* So short that it hides what it is. */
		for (uint16_t len = 8; len < 12; len++) {
			struct frame f = first_fragment(v4, 4500, SPI, len);

			assert_int_equal(pass(s, &f), XDP_DROP);
		}
	}
	assert_int_equal(outside(s).ike_passed.packets, 10);
	assert_int_equal(outside(s).ike_limited.packets, 6);
	assert_int_equal(outside(s).fragment.packets, esp);
	assert_int_equal(outside(s).malformed.packets, 8);
}

/* The same datagram's next one. */
static struct frame later_fragment(const struct frame *first, bool v4)
{
	struct frame f = *first;

	if (v4) {
		f.bytes[14 + 6] = 0;
		f.bytes[14 + 7] = 6;
	} else {
		f.bytes[14 + 40 + 3] = 48;
	}
	return f;
}

static void set_id(struct frame *f, bool v4, uint16_t id)
{
	uint8_t *at = f->bytes + 14 + (v4 ? 4 : 40 + 6);

	at[0] = (uint8_t)(id >> 8);
	at[1] = (uint8_t)id;
}

/* Junk in fragments, from everywhere, does not fill the kernel's room for those of sites. */
static void fragments_of_strangers_are_few(void **context)
{
	enum { JUNK = 1000, LEAST = SLUICE_FRAGMENT_BURST, MOST = SLUICE_FRAGMENT_BURST + 60 };
	struct state *s = *context;

	for (int v4 = 0; v4 < 2; v4++) {
		struct frame own = first_fragment(v4, 4500, SPI, 48), f, next;
		uint64_t unknown = outside(s).unknown_spi.packets, passed = 0;

		s->sa_in[SLUICE_SA_INDEX(SPI)] = record(v4 ? V4_UDP : V6_UDP);
		for (uint16_t i = 0; i < JUNK; i++) {
			f = first_fragment(v4, 4500, 0x12345678, 48);
			f.bytes[14 + (v4 ? 12 : 8)] = 11;
			set_id(&f, v4, i);
			next = later_fragment(&f, v4);
			assert_int_equal(pass(s, &f), XDP_DROP);
			passed += pass(s, &next) == XDP_PASS; /* its beginning may come yet */
		}
		assert_int_equal(outside(s).unknown_spi.packets - unknown, JUNK);
		assert_in_range(passed, v4 ? 0 : LEAST, MOST + 200);
		/* To no SPI at all, but of the same room: what is given back in that time, and no more. */
		uint64_t start = clock_now(), spent = 0;

		passed = 0;
		for (uint16_t i = 0; spent < 300 * CLOCK_MILLISECOND; i++) {
			f = first_fragment(v4, 53, 0, 48);
			set_id(&f, v4, i);
			passed += pass(s, &f) == XDP_PASS;
			spent = clock_now() - start;
		}
		assert_in_range(passed, 0, spent / SLUICE_FRAGMENT_NS + 20);
		/* Who knows the SPI has what a peer that has moved has. */
		passed = 0;
		for (uint16_t i = 0; i < JUNK; i++) {
			f = own;
			f.bytes[14 + (v4 ? 15 : 23)] ^= 1;
			set_id(&f, v4, i);
			passed += pass(s, &f) == XDP_PASS;
		}
		assert_in_range(passed, 0, MOST);
		/* A site's own pass, and all that follows them. */
		for (uint16_t i = 0; i < SLUICE_FRAGMENT_OWN_BURST / 2 - 10; i++) {
			set_id(&own, v4, (uint16_t)(i + 5000));
			next = later_fragment(&own, v4);
			assert_int_equal(pass(s, &own), XDP_PASS);
			assert_int_equal(pass(s, &next), XDP_PASS);
			assert_int_equal(pass(s, &next), XDP_PASS);
		}
	}
	assert_true(outside(s).fragment_limited.packets > 2 * (uint64_t)JUNK);
}

/* Nor does a site that begins datagrams and ends none: they all wait in the room that sites share. */
static void beginnings_of_a_site_are_bounded(void **context)
{
	struct state *s = *context;
	struct frame own = first_fragment(true, 4500, SPI, 48);
	uint32_t passed = 0, sent = 10 * SLUICE_FRAGMENT_OWN_BURST;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4_UDP);
	for (uint32_t i = 0; i < sent; i++) {
		set_id(&own, true, (uint16_t)i);
		passed += pass(s, &own) == XDP_PASS;
	}
	assert_in_range(passed, SLUICE_FRAGMENT_OWN_BURST, sent / 2);
}

/* One datagram in a thousand pieces, and beginnings of IKE messages that never end, take as much room. */
static void pieces_of_a_datagram_are_few(void **context)
{
	enum { JUNK = 1000, MOST = SLUICE_FRAGMENT_BURST + 60 };
	struct state *s = *context;
	uint64_t passed = 0;

	for (int v4 = 0; v4 < 2; v4++) {
		struct frame own = first_fragment(v4, 4500, SPI, 48),
			     next = later_fragment(&own, v4);
		struct frame junk = first_fragment(v4, 53, 0, 48), more;

		s->sa_in[SLUICE_SA_INDEX(SPI)] = record(v4 ? V4_UDP : V6_UDP);
		set_id(&junk, v4, 7);
		more = later_fragment(&junk, v4);
		passed += pass(s, &junk) == XDP_PASS;
		for (int i = 0; i < JUNK; i++)
			passed += pass(s, &more) == XDP_PASS;
		junk = first_fragment(v4, 500, 0, 48);
		for (uint16_t i = 0; i < JUNK; i++) {
			junk.bytes[14 + (v4 ? 13 : 9)] = (uint8_t)i; /* from everywhere */
			set_id(&junk, v4, i);
			passed += pass(s, &junk) == XDP_PASS;
		}
		assert_in_range(passed, 0, MOST);
		assert_int_equal(pass(s, &own), XDP_PASS);
		for (int i = 0; i < SLUICE_FRAGMENTS_OWN; i++)
			assert_int_equal(pass(s, &next), XDP_PASS);
		for (int i = 0; i < JUNK; i++)
			passed += pass(s, &next) == XDP_PASS;
		assert_in_range(passed, 0, MOST);
	}
}

/* With a site's SPI, from elsewhere: pieces take nothing from a peer that has moved and sends whole packets. */
static void pieces_from_elsewhere_leave_the_rest(void **context)
{
	struct state *s = *context;
	struct frame piece = first_fragment(true, 4500, SPI, 48);
	struct frame whole = esp_frame(V4_UDP, SPI, false, NULL);
	unsigned int passed = 0;

	s->sa_in[SLUICE_SA_INDEX(SPI)] = record(V4_UDP);
	piece.bytes[14 + 15] ^= 1;
	whole.bytes[14 + 15] ^= 2;
	for (uint16_t i = 0; i < 1000; i++) {
		set_id(&piece, true, i);
		passed += pass(s, &piece) == XDP_PASS;
	}
	assert_in_range(passed, 1, SLUICE_FOREIGN_BURST + 40);
	usleep(50000); /* time for ten */
	passed = 0;
	for (int i = 0; i < 100; i++)
		passed += pass(s, &whole) == XDP_REDIRECT;
	assert_in_range(passed, 5, 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fragments_go_to_the_kernel),
		TEST(ike_in_fragments_is_limited_too),
		TEST(fragments_of_strangers_are_few),
		TEST(pieces_from_elsewhere_leave_the_rest),
		TEST(beginnings_of_a_site_are_bounded),
		TEST(pieces_of_a_datagram_are_few),
	};

	return own_network() ? cmocka_run_group_tests(tests, NULL, planes_free) : 1;
}
