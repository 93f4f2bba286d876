/* SPDX-License-Identifier: Apache-2.0 */
/* What routers say about the path of a tunnel: read, believed, forgotten. */
#include "packets.h"

#include "dataplane/adjust.h"
#include "dataplane/path_mtu.h"

#include <string.h>
#include <sys/socket.h>

#define SPI      0xc0ffee01
#define SIZE     1442
#define ICMP_AT4 20
#define ICMP_AT6 40

/* A packet of ours as it leaves: UDP from 4500 to 61000, or protocol 50. */
static uint32_t sealed(uint8_t *p, bool v4, bool udp)
{
	struct wr w = wr_init(p, SIZE);

	if (v4) {
		wr_u16(&w, 0x4500);
		wr_u16(&w, SIZE);
		wr_u32(&w, 0x00014000);
		wr_u16(&w, (uint16_t)(64 << 8 | (udp ? 17 : 50)));
		wr_u16(&w, 0);
		wr_u32(&w, 0xc6336401);
		wr_u32(&w, 0x64400102);
		checksum_store(p + 10, checksum_add(0, p, 20));
	} else {
		wr_u32(&w, 0x60000000);
		wr_u16(&w, SIZE - 40);
		wr_u16(&w, (uint16_t)((udp ? 17 : 50) << 8 | 64));
		wr_bytes(&w, v6_from, 16);
		wr_bytes(&w, v6_to, 16);
	}
	if (udp) {
		wr_u16(&w, 4500);
		wr_u16(&w, 61000);
		wr_u32(&w, (SIZE - (v4 ? 20u : 40u)) << 16);
	}
	wr_u32(&w, SPI);
	wr_u32(&w, 7);
	wr_zero(&w, wr_left(&w));
	assert_false(w.bad);
	return SIZE;
}

/* The ICMP message about it, as a router sends it. */
static uint32_t complaint(uint8_t icmp[ADJUST_ERROR_MAX], bool v4, bool udp, uint32_t mtu)
{
	static uint8_t p[SIZE], whole[ADJUST_ERROR_MAX];
	uint32_t header = v4 ? ICMP_AT4 : ICMP_AT6, len;
	struct inner in;

	sealed(p, v4, udp);
	parsed(p, SIZE, &in);
	len = adjust_too_big(p, SIZE, &in, mtu, whole);
	assert_true(len > header);
	memcpy(icmp, whole + header, len - header);
	return len - header;
}

static void every_form_is_read(void **context)
{
	uint8_t icmp[ADJUST_ERROR_MAX];

	(void)context;
	for (int form = 0; form < 4; form++) {
		bool v4 = form & 1, udp = form & 2;
		uint32_t len = complaint(icmp, v4, udp, 1300);
		struct too_big t;

		assert_true(too_big_parse(icmp, len, v4 ? AF_INET : AF_INET6, &t));
		assert_int_equal(t.mtu, 1300);
		assert_int_equal(t.packet, SIZE);
		assert_int_equal(t.spi, SPI);
		assert_int_equal(t.udp_encap, udp);
		assert_int_equal(t.local.port, udp ? 4500 : 0);
		assert_int_equal(t.remote.port, udp ? 61000 : 0);
		assert_int_equal(t.local.addr.family, v4 ? AF_INET : AF_INET6);
		if (v4)
			assert_memory_equal(t.remote.addr.bytes, "\x64\x40\x01\x02", 4);
		else
			assert_memory_equal(t.remote.addr.bytes, v6_to, 16);
		assert_false(too_big_parse(icmp, len, v4 ? AF_INET6 : AF_INET, &t));
	}
}

/* Gives an IPv4 message its checksum, so that nothing but what is tested refuses it. */
static bool read_again(uint8_t *icmp, uint32_t len, bool v4)
{
	struct too_big t;

	if (v4 && len >= 4) {
		memset(icmp + 2, 0, 2);
		checksum_store(icmp + 2, checksum_add(0, icmp, len));
	}
	return too_big_parse(icmp, len, v4 ? AF_INET : AF_INET6, &t);
}

static void others_are_not(void **context)
{
	/* Offsets within the quoted header and what stands there then. */
	static const struct {
		bool v4;
		uint32_t at;
		uint8_t value;
	} wrong[] = {{true, 0, 0x65}, {true, 0, 0x44}, {true, 7, 1}, {true, 9, 6}, {false, 0, 0x40},
		{false, 6, 6}, {false, 6, 44}};
	uint8_t icmp[ADJUST_ERROR_MAX];

	(void)context;
	for (int form = 0; form < 4; form++) {
		bool v4 = form & 1, udp = form & 2;
		uint32_t spi_ends = 8 + (v4 ? 20 : 40) + (udp ? 8 : 0) + 4, len;

		len = complaint(icmp, v4, udp, 1300);
		for (uint32_t n = 0; n <= len; n++)
			assert_int_equal(read_again(icmp, n, v4), n >= spi_ends);
		for (int at = 0; at < 2; at++) { /* type and, of IPv4, code */
			complaint(icmp, v4, udp, 1300);
			icmp[at] ^= 1;
			assert_int_equal(read_again(icmp, len, v4), !v4 && at == 1);
		}
		for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			if (wrong[i].v4 != v4)
				continue;
			complaint(icmp, v4, udp, 1300);
			assert_true(read_again(icmp, len, v4));
			icmp[8 + wrong[i].at] = wrong[i].value;
			assert_false(read_again(icmp, len, v4));
		}
		complaint(icmp, v4, udp, 1300);
		memset(icmp + spi_ends - 4, 0, 4);
		assert_false(read_again(icmp, len, v4));
		complaint(icmp, v4, udp, 1300);
		icmp[len - 1] ^= 1; /* unchecked by the kernel */
		if (v4)
			assert_false(too_big_parse(icmp, len, AF_INET, &(struct too_big){0}));
	}
}

static bool learn(struct path_mtu *p, int family, uint32_t mtu, uint32_t packet, uint64_t now)
{
	struct too_big t = {.local.addr.family = (uint8_t)family, .mtu = mtu, .packet = packet};

	return path_mtu_learn(p, &t, 1500, now);
}

static void what_is_believed(void **context)
{
	struct path_mtu p = {0};
	uint64_t now = 5 * CLOCK_SECOND;

	(void)context;
	/* Larger than the packet it is about, as large as the device's own. */
	assert_false(learn(&p, AF_INET, 1400, 1400, now));
	assert_false(learn(&p, AF_INET, 1500, 9000, now));
	assert_false(learn(&p, AF_INET, 1600, 9000, now));
	assert_int_equal(p.mtu, 0);
	assert_true(learn(&p, AF_INET, 1400, 1500, now));
	assert_int_equal(p.mtu, 1400);
	/* Never more again, never twice in a second, never below the least. */
	assert_false(learn(&p, AF_INET, 1450, 1500, now + 2 * CLOCK_SECOND));
	assert_false(learn(&p, AF_INET, 1300, 1400, now + PATH_MTU_EVERY - 1));
	assert_true(learn(&p, AF_INET, 1300, 1400, now + PATH_MTU_EVERY));
	assert_true(learn(&p, AF_INET, 68, 1300, now + 2 * PATH_MTU_EVERY));
	assert_int_equal(p.mtu, PATH_MTU_LEAST4);
	assert_false(learn(&p, AF_INET, 0, 576, now + 3 * PATH_MTU_EVERY));
	p = (struct path_mtu){0};
	assert_true(learn(&p, AF_INET6, 1000, 1500, now));
	assert_int_equal(p.mtu, PATH_MTU_LEAST6);
}

static void what_is_forgotten(void **context)
{
	struct path_mtu p = {0};
	uint64_t now = 5 * CLOCK_SECOND;

	(void)context;
	assert_false(path_mtu_expire(&p, UINT64_MAX));
	assert_true(learn(&p, AF_INET, 1400, 1500, now));
	assert_false(path_mtu_expire(&p, now + PATH_MTU_AGE - 1));
	/* Said once more: known for longer. */
	assert_false(learn(&p, AF_INET, 1400, 1500, now + CLOCK_SECOND));
	assert_false(path_mtu_expire(&p, now + PATH_MTU_AGE));
	assert_true(path_mtu_expire(&p, now + PATH_MTU_AGE + CLOCK_SECOND));
	assert_int_equal(p.mtu, 0);
	assert_false(path_mtu_expire(&p, now + 2 * PATH_MTU_AGE));
	assert_true(learn(&p, AF_INET, 1400, 1500, now + PATH_MTU_AGE + 3 * CLOCK_SECOND));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_read),
		cmocka_unit_test(others_are_not),
		cmocka_unit_test(what_is_believed),
		cmocka_unit_test(what_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
