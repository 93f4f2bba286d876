/* SPDX-License-Identifier: Apache-2.0 */
/* BGP codecs: round trips, header errors of RFC 4271 6, attribute errors of RFC 7606 7. */
#include "base/utf8.h"
#include "../attr_cases.h"
#include "bgp_message.h"

#include "bgp/aspath.h"
#include "bgp/attr.h"
#include "bgp/open.h"
#include "bgp/update.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

/* ---- framing ---- */

static void keepalive_round_trip(void **state)
{
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bgp_message m;
	struct bgp_notify error;

	(void)state;
	bgp_message_encode_keepalive(&w);
	assert_int_equal(wr_len(&w), MESSAGE_HEADER_LEN);
	m = complete(&w, MESSAGE_KEEPALIVE);
	assert_int_equal(rd_left(&m.body), 0);
	for (size_t cut = 0; cut < MESSAGE_HEADER_LEN; cut++)
		assert_int_equal(
			bgp_message_decode(bytes, cut, false, &m, &error), MESSAGE_PARTIAL);
}

static void header_errors(void **state)
{
	static const struct {
		uint8_t at, value; /* one byte of a KEEPALIVE changed */
		uint8_t subcode;
		uint8_t data_len;
	} cases[] = {
		{0, 0xfe, HEADER_NOT_SYNCHRONIZED, 0},
		{15, 0, HEADER_NOT_SYNCHRONIZED, 0},
		{17, 18, HEADER_BAD_LENGTH, 2},   /* shorter than a header */
		{16, 0x10, HEADER_BAD_LENGTH, 2}, /* 4115: longer than 4096 */
		{17, 20, HEADER_BAD_LENGTH, 2},   /* a KEEPALIVE has no body */
		{18, 0, HEADER_BAD_TYPE, 1},
		{18, 6, HEADER_BAD_TYPE, 1},
		{18, MESSAGE_OPEN, HEADER_BAD_LENGTH, 2},
		{18, MESSAGE_UPDATE, HEADER_BAD_LENGTH, 2},
		{18, MESSAGE_NOTIFICATION, HEADER_BAD_LENGTH, 2},
		{18, MESSAGE_ROUTE_REFRESH, HEADER_BAD_LENGTH, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[64] = {0};
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct bgp_notify error = {0};
		struct bgp_message m;

		bgp_message_encode_keepalive(&w);
		bytes[cases[i].at] = cases[i].value;
		assert_int_equal(
			bgp_message_decode(bytes, sizeof(bytes), false, &m, &error), MESSAGE_BAD);
		assert_int_equal(error.code, NOTIFY_HEADER);
		assert_int_equal(error.subcode, cases[i].subcode);
		assert_int_equal(error.data_len, cases[i].data_len);
	}
}

static void notification_round_trip(void **state)
{
	static const uint8_t text[] = {4, 'b', 'y', 'e', '!'};
	struct bgp_notify in = notify_make_data(NOTIFY_CEASE, CEASE_SHUTDOWN, text, sizeof(text));
	struct bgp_notify out = {0};
	char said[NOTIFY_TEXT_SIZE];
	uint8_t bytes[64];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bgp_message m;

	(void)state;
	bgp_message_encode_notify(&w, &in);
	m = complete(&w, MESSAGE_NOTIFICATION);
	assert_true(notify_decode(&m.body, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	assert_string_equal(notify_format(&out, true, said),
		"Cease 6/2 (administrative shutdown): peer says \"bye!\"");
	out.data[0] = 200; /* more than there is */
	assert_string_equal(notify_format(&out, true, said), "Cease 6/2 (administrative shutdown)");
}

static void refresh_round_trip(void **state)
{
	(void)state;
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		uint8_t bytes[64];
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct bgp_message m;
		enum bgp_family out = BGP_FAMILIES;
		uint8_t type = 99;

		bgp_message_encode_refresh(&w, f, REFRESH_BEGIN);
		m = complete(&w, MESSAGE_ROUTE_REFRESH);
		assert_true(bgp_message_decode_refresh(&m.body, &out, &type));
		assert_int_equal(type, REFRESH_BEGIN);
		assert_int_equal(out, f);
	}
}

/* RFC 8654: up to 65,535 bytes once agreed upon, but never an OPEN or a KEEPALIVE. */
static void extended_messages(void **state)
{
	static uint8_t bytes[MESSAGE_EXTENDED];
	static const struct {
		uint8_t type;
		bool extended;
		enum message_result result;
	} cases[] = {
		{MESSAGE_UPDATE, true, MESSAGE_COMPLETE},
		{MESSAGE_UPDATE, false, MESSAGE_BAD},
		{MESSAGE_NOTIFICATION, true, MESSAGE_COMPLETE},
		{MESSAGE_OPEN, true, MESSAGE_BAD},
		{MESSAGE_KEEPALIVE, true, MESSAGE_BAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct bgp_message m;
		struct bgp_notify error;

		bgp_message_end(&w, bgp_message_begin(&w, (enum message_type)cases[i].type));
		wr_set_u16(&w, 16, 40000);
		assert_int_equal(bgp_message_decode(bytes, 40000, cases[i].extended, &m, &error),
			cases[i].result);
		if (cases[i].result == MESSAGE_BAD) {
			assert_int_equal(error.code, NOTIFY_HEADER);
			assert_int_equal(error.subcode, HEADER_BAD_LENGTH);
			continue;
		}
		/* While it is incomplete its length is known: the buffer can grow. */
		assert_int_equal(
			bgp_message_decode(bytes, 4096, true, &m, &error), MESSAGE_PARTIAL);
		assert_int_equal(m.len, 40000);
	}
}

/* RFC 9003, RFC 8538: the text of a shutdown, and a reason inside of a hard reset. */
static void notification_texts(void **state)
{
	struct bgp_notify n = notify_make_text(CEASE_SHUTDOWN, "the hub shuts down");
	struct bgp_notify hard = notify_hard(&n), twice = notify_hard(&hard);
	char text[NOTIFY_TEXT_SIZE];

	(void)state;
	assert_int_equal(n.data[0], strlen("the hub shuts down"));
	assert_string_equal(notify_format(&n, false, text), "Cease 6/2 (administrative shutdown): "
							    "hub says \"the hub shuts down\"");
	assert_string_equal(notify_format(&hard, true, text),
		"Cease 6/9 (hard reset): Cease 6/2 (administrative shutdown): "
		"peer says \"the hub shuts down\"");
	assert_non_null(strstr(notify_format(&twice, true, text), "hard reset"));
	memset(n.data, 'x', sizeof(n.data));
	n.data[0] = 254;
	n.data_len = 255;
	hard = notify_hard(&n);
	assert_int_equal(hard.data_len, 257); /* all of it, and two bytes in front */
	assert_true(strlen(notify_format(&hard, true, text)) < NOTIFY_TEXT_SIZE);
}

/* ---- attributes: RFC 7606 ---- */

static void attribute_errors(void **state)
{
	const struct attr_context context = {.remote_as = REMOTE_AS, .four_octet_as = true};

	(void)state;
	for (size_t i = 0; i < sizeof(attr_cases) / sizeof(attr_cases[0]); i++) {
		const struct attr_case *c = &attr_cases[i];
		uint8_t space[256];
		struct rd body = rd_init(space, attr_case_body(c, space, sizeof(space)));
		struct bgp_notify error = {0};
		struct update u;
		bool good = update_decode(body, &context, &u, &error);
		enum attr_error wanted = c->error;

		if (good != (wanted != ATTR_RESET) || u.result.error != wanted)
			fail_msg("%s: error class %d instead of %d", c->section, u.result.error,
				wanted);
		if (c->type && u.result.type != c->type)
			fail_msg("%s: about attribute %u instead of %u", c->section, u.result.type,
				c->type);
		if (!good)
			assert_int_equal(error.code, NOTIFY_UPDATE);
	}
}

static void strongest_error_counts(void **state)
{
	/* 3 h: a discard, a withdraw and a reset in one message, in every order. */
	static const uint8_t parts[3][4] = {{0x40, 6, 1, 0}, {0x40, 1, 1, 9}, {0x40, 99, 1, 0}};
	const struct attr_context context = {.remote_as = REMOTE_AS, .four_octet_as = true};

	(void)state;
	for (int first = 0; first < 3; first++) {
		uint8_t list[12];
		struct attr_draft d;
		struct attr_result result;

		for (int i = 0; i < 3; i++)
			memcpy(list + 4 * i, parts[(first + i) % 3], 4);
		attr_decode(rd_init(list, sizeof(list)), &context, &d, &result);
		assert_int_equal(result.error, ATTR_RESET);
		assert_int_equal(result.type, 99);
		assert_int_equal(result.subcode, UPDATE_UNKNOWN_WELL_KNOWN);
	}
}

static void fields_that_do_not_fit(void **state)
{
	static const struct {
		uint8_t bytes[16];
		uint8_t len, subcode;
	} cases[] = {
		{{0, 9, 0, 0}, 4, UPDATE_MALFORMED_LIST},   /* withdrawn length */
		{{0, 0, 0, 9}, 4, UPDATE_MALFORMED_LIST},   /* attribute length */
		{{0, 2, 33, 10, 0, 0}, 6, UPDATE_BAD_NLRI}, /* /33 */
		{{0, 2, 24, 10, 0, 0}, 6, UPDATE_BAD_NLRI}, /* cut off */
		{{0, 0, 0, 0, 16, 10}, 6, UPDATE_BAD_NLRI}, /* cut off */
		{{0, 0, 0, 8, 0x80, 15, 5, 0, 2, 1, 129, 0}, 12, UPDATE_BAD_OPTIONAL},
	};
	const struct attr_context context = {.remote_as = REMOTE_AS, .four_octet_as = true};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_notify error = {0};
		struct update u;

		assert_false(
			update_decode(rd_init(cases[i].bytes, cases[i].len), &context, &u, &error));
		assert_int_equal(error.code, NOTIFY_UPDATE);
		assert_int_equal(error.subcode, cases[i].subcode);
	}
}

/* ---- round trips through a neighbour ---- */

static struct attrs *intern_list(struct attr_store *s, const uint8_t *list, size_t len, bool four)
{
	const struct attr_context context = {.remote_as = REMOTE_AS, .four_octet_as = four};
	struct attr_draft d;
	struct attr_result result;

	attr_decode(rd_init(list, len), &context, &d, &result);
	assert_int_equal(result.error, ATTR_FINE);
	return attr_intern(s, &d);
}

static const uint8_t rich_list[] = {ORIGIN_OK, 0x40, 2, 14, 2, 3, 0, 0, 0xfd, 0xf2, 0xfa, 0x56,
	0xea, 0x66, 0, 0, 0, 7, NEXT_HOP_OK, 0x80, 4, 4, 0, 0, 0, 50, 0x40, 6, 0, 0xc0, 7, 8, 0xfa,
	0x56, 0xea, 0x66, 9, 9, 9, 9, 0xc0, 8, 4, 0xfd, 0xf2, 0, 1, 0xc0, 16, 16, 0, 2, 0, 1, 0, 0,
	0, 1, 0x40, 2, 0, 1, 0, 0, 0, 1, 0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xc0, 99,
	2, 1, 2};

static void leaves_prepended(void **state)
{
	struct attr_store s;
	struct attrs *a;
	uint8_t bytes[4096];
	static const uint8_t nlri[] = {24, 10, 1, 9, 8, 11};

	(void)state;
	attr_store_init(&s, 1);
	a = intern_list(&s, rich_list, sizeof(rich_list), true);
	for (int four = 0; four <= 1; four++) {
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct attr_export x = {.local_as = 4200000001u, .med = 100, .four_octet_as = four};
		struct attr_context context = {
			.remote_as = four ? 4200000001u : AS_TRANS, .four_octet_as = four};
		struct ip_addr hop = {.family = AF_INET, .bytes = {169, 254, 0, 1}};
		struct bgp_notify error;
		struct ip_prefix p;
		struct update u;
		struct attrs *b;
		uint32_t path[8];

		update_encode_reach(&w, BGP_IPV4, a, &x, &hop, nlri, sizeof(nlri));
		assert_true(update_decode(complete(&w, MESSAGE_UPDATE).body, &context, &u, &error));
		/* Towards two octets the first AS on the wire is AS_TRANS, restored by AS4_PATH. */
		if (four)
			assert_int_equal(u.result.error, ATTR_FINE);
		b = attr_intern(&s, &u.attrs);
		assert_int_equal(attr_path_list(b, path, 8), 4);
		assert_int_equal(path[0], 4200000001u);
		assert_int_equal(path[1], REMOTE_AS);
		assert_int_equal(path[2], 4200000102u);
		assert_int_equal(path[3], 7);
		assert_int_equal(b->med, 100);
		assert_true(b->atomic_aggregate);
		assert_int_equal(b->aggregator.as, 4200000102u);
		assert_int_equal(b->communities_len, 4);
		assert_int_equal(b->ext_len, 8); /* RFC 4360 6: the second one stays here */
		assert_int_equal(b->large_len, 12);
		assert_int_equal(b->other_len, 5);
		assert_memory_equal(b->bytes + b->path_len + 24, "\xe0\x63\x02\x01\x02", 5);
		assert_true(addr_equal(&u.attrs.next_hop, &hop));
		assert_true(nlri_next(&u.part[BGP_IPV4].reach[0], BGP_IPV4, &p));
		assert_int_equal(p.len, 24);
		assert_true(nlri_next(&u.part[BGP_IPV4].reach[0], BGP_IPV4, &p));
		assert_int_equal(p.len, 8);
		assert_false(nlri_next(&u.part[BGP_IPV4].reach[0], BGP_IPV4, &p));
		attr_unref(&s, b);
	}
	attr_unref(&s, a);
	assert_int_equal(s.used, 0);
	attr_store_fini(&s);
}

static void ipv6_round_trip(void **state)
{
	static const uint8_t nlri[] = {48, 0xfd, 1, 0, 1, 0, 0};
	const struct attr_context context = {.remote_as = 64512, .four_octet_as = true};
	struct attr_export x = {.local_as = 64512, .med = 90, .four_octet_as = true};
	struct ip_addr hop;
	struct attr_store s;
	struct attrs *a;
	uint8_t bytes[4096];
	struct wr w = wr_init(bytes, sizeof(bytes));
	struct bgp_notify error;
	struct update u;
	struct ip_prefix p, wanted;

	(void)state;
	assert_true(addr_parse("fd00:1::1", &hop));
	assert_true(prefix_parse("fd01:1::/48", &wanted));
	attr_store_init(&s, 1);
	a = intern_list(&s, rich_list, sizeof(rich_list), true);
	update_encode_reach(&w, BGP_IPV6, a, &x, &hop, nlri, sizeof(nlri));
	assert_true(update_decode(complete(&w, MESSAGE_UPDATE).body, &context, &u, &error));
	assert_int_equal(u.result.error, ATTR_FINE);
	assert_true(addr_equal(&u.attrs.reach.next_hop, &hop));
	assert_true(nlri_next(&u.part[BGP_IPV6].reach[1], BGP_IPV6, &p));
	assert_int_not_equal(p.len, 0);
	assert_int_equal(p.len, wanted.len);

	w = wr_init(bytes, sizeof(bytes));
	update_encode_unreach(&w, BGP_IPV6, nlri, sizeof(nlri));
	assert_true(update_decode(complete(&w, MESSAGE_UPDATE).body, &context, &u, &error));
	assert_true(nlri_next(&u.part[BGP_IPV6].unreach[1], BGP_IPV6, &p));
	assert_false(u.part[BGP_IPV6].end_of_rib);
	attr_unref(&s, a);
	attr_store_fini(&s);
}

static void end_of_rib_round_trip(void **state)
{
	const struct attr_context context = {.remote_as = REMOTE_AS, .four_octet_as = true};

	(void)state;
	for (enum bgp_family f = 0; f < BGP_FAMILIES; f++) {
		uint8_t bytes[64];
		struct wr w = wr_init(bytes, sizeof(bytes));
		struct bgp_notify error;
		struct update u;

		update_encode_end_of_rib(&w, f);
		assert_true(update_decode(complete(&w, MESSAGE_UPDATE).body, &context, &u, &error));
		assert_true(u.part[f].end_of_rib);
		assert_false(u.part[!f].end_of_rib);
	}
}

static void largest_attributes_fit_one_message(void **state)
{
	/* The longest path and as many communities as are kept, towards a peer of two octets. */
	struct attr_draft d = {.aggregator = {4200000102u, 1}, .atomic_aggregate = true};
	static uint8_t communities[ATTR_BYTES_MAX], nlri[UPDATE_NLRI_MAX];
	struct wr w = wr_init(d.path.bytes, sizeof(d.path.bytes));
	struct attr_export x = {.local_as = 4200000001u};
	struct ip_addr hop6 = {.family = AF_INET6, .bytes = {0xfd}};
	struct attr_store s;
	struct attrs *a;
	uint8_t bytes[MESSAGE_MAX];

	(void)state;
	wr_u8(&w, AS_SEQUENCE);
	wr_u8(&w, ATTR_PATH_HOPS_MAX);
	for (uint32_t i = 0; i < ATTR_PATH_HOPS_MAX; i++)
		wr_u32(&w, 4200000000u + i);
	d.path.len = (uint16_t)wr_len(&w);
	d.communities.p = communities;
	d.communities.len = (uint16_t)((ATTR_BYTES_MAX - d.path.len) / 4 * 4);
	attr_store_init(&s, 1);
	a = attr_intern(&s, &d);
	assert_non_null(a);
	assert_int_equal(a->hops, ATTR_PATH_HOPS_MAX);
	w = wr_init(bytes, sizeof(bytes));
	update_encode_reach(&w, BGP_IPV6, a, &x, &hop6, nlri, sizeof(nlri));
	assert_false(w.bad);
	attr_unref(&s, a);
	d.communities.len = (uint16_t)(d.communities.len + 4);
	assert_null(attr_intern(&s, &d)); /* one more is refused */
	attr_store_fini(&s);
}

static void equal_attributes_are_one(void **state)
{
	struct attr_store s;
	struct attrs *a, *b, *c;
	uint8_t other[sizeof(rich_list)];

	(void)state;
	memcpy(other, rich_list, sizeof(other));
	other[3] = ORIGIN_INCOMPLETE;
	attr_store_init(&s, 1);
	a = intern_list(&s, rich_list, sizeof(rich_list), true);
	b = intern_list(&s, rich_list, sizeof(rich_list), true);
	c = intern_list(&s, other, sizeof(other), true);
	assert_ptr_equal(a, b);
	assert_ptr_not_equal(a, c);
	assert_int_equal(s.used, 2);
	attr_unref(&s, a);
	attr_unref(&s, b);
	attr_unref(&s, c);
	assert_int_equal(s.used, 0);
	attr_store_fini(&s);
}

static struct as_path path_of(unsigned int n, const uint32_t *as)
{
	struct as_path p = {0};
	struct wr w = wr_init(p.bytes, sizeof(p.bytes));

	wr_u8(&w, AS_SEQUENCE);
	wr_u8(&w, (uint8_t)n);
	for (unsigned int i = 0; i < n; i++)
		wr_u32(&w, as[i]);
	p.len = (uint16_t)wr_len(&w);
	return p;
}

static void as4_path_merge(void **state)
{
	/* RFC 6793 4.2.3: the leading two ASes of AS_PATH, then AS4_PATH. */
	struct as_path path = path_of(4, (uint32_t[]){1, 2, AS_TRANS, AS_TRANS});
	struct as_path as4 = path_of(2, (uint32_t[]){4200000001u, 4200000002u});
	struct as_path longer = path_of(5, (uint32_t[]){1, 2, 3, 4, 5});
	struct as_path before;
	struct rd r;

	(void)state;
	aspath_merge(&path, &as4);
	assert_int_equal(aspath_hops(path.bytes, path.len), 4);
	r = rd_init(path.bytes, path.len);
	rd_skip(&r, 2);
	assert_int_equal(rd_u32(&r), 1);
	assert_int_equal(rd_u32(&r), 2);
	rd_skip(&r, 2);
	assert_int_equal(rd_u32(&r), 4200000001u);
	assert_int_equal(rd_u32(&r), 4200000002u);
	before = path;
	aspath_merge(&path, &longer); /* longer than AS_PATH: not to be believed */
	assert_memory_equal(path.bytes, before.bytes, before.len);
	assert_int_equal(path.len, before.len);
}

/* RFC 9003: 255 bytes are legal; what a terminal or a log would take for something else is escaped. */
static void what_a_peer_writes(void **state)
{
	static const struct {
		const char *sent, *said;
	} cases[] = {
		{"bye", "bye"},
		{"Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f"},
		{"a\xff\xc0\x80z", "a\\xff\\xc0\\x80z"},
		{"a\n2026 hub: forged\x1b[31m", "a\\x0a2026 hub: forged\\x1b[31m"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},
		{"\xc2\x9b", "\\xc2\\x9b"},
		{"\xe2\x82", "\\xe2\\x82"},
		{"\"; tunnel is up \\", "\\\"; tunnel is up \\\\"},
	};
	uint8_t bytes[2 + 2 + 1 + SHUTDOWN_TEXT] = {NOTIFY_CEASE, CEASE_SHUTDOWN};
	char text[NOTIFY_TEXT_SIZE], quoted[NOTIFY_TEXT_SIZE], child[] = "a\xff\n\xc3\xbcz";
	struct bgp_notify n;
	struct rd r;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = notify_make_text(CEASE_SHUTDOWN, cases[i].sent);
		snprintf(quoted, sizeof(quoted),
			"Cease 6/2 (administrative shutdown): peer says \"%s\"", cases[i].said);
		assert_string_equal(notify_format(&n, true, text), quoted);
	}
	bytes[2] = SHUTDOWN_TEXT;
	for (int hard = 0; hard < 2; hard++) {
		unsigned int at = hard ? 4 : 2; /* the length byte */

		if (hard)
			memcpy(bytes,
				(uint8_t[]){NOTIFY_CEASE, CEASE_HARD_RESET, NOTIFY_CEASE,
					CEASE_SHUTDOWN, SHUTDOWN_TEXT},
				5);
		for (int i = 0; i < SHUTDOWN_TEXT; i++)
			bytes[at + 1 + (unsigned int)i] = i % 2 ? 0xbc : 0xc3; /* U+00FC */
		r = rd_init(bytes, at + 1 + SHUTDOWN_TEXT);
		assert_true(notify_decode(&r, &n));
		notify_format(&n, true, text);
		assert_non_null(
			strstr(text, "(administrative shutdown): peer says \"\xc3\xbc\xc3\xbc"));
		assert_string_equal(text + strlen(text) - 6, "\xc3\xbc...\"");
		assert_true(strlen(text) >= NOTIFY_TEXT_SIZE - 6);
	}
	utf8_clean(child);
	assert_string_equal(child, "a??\xc3\xbcz");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_peer_writes),
		cmocka_unit_test(keepalive_round_trip),
		cmocka_unit_test(header_errors),
		cmocka_unit_test(notification_round_trip),
		cmocka_unit_test(refresh_round_trip),
		cmocka_unit_test(extended_messages),
		cmocka_unit_test(notification_texts),
		cmocka_unit_test(attribute_errors),
		cmocka_unit_test(strongest_error_counts),
		cmocka_unit_test(fields_that_do_not_fit),
		cmocka_unit_test(leaves_prepended),
		cmocka_unit_test(ipv6_round_trip),
		cmocka_unit_test(end_of_rib_round_trip),
		cmocka_unit_test(largest_attributes_fit_one_message),
		cmocka_unit_test(equal_attributes_are_one),
		cmocka_unit_test(as4_path_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
