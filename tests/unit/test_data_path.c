/* SPDX-License-Identifier: Apache-2.0 */
/* How long the data process keeps what routers said of a path: as long as the peer is where it was. */
#include "proc/data/proc.h"
#include "ipc/msg_sa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TUNNEL 3

static struct proc_data *data_new(void)
{
	struct proc_data *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->sadb = sadb_new();
	d->sa_in = calloc(SLUICE_SA_ENTRIES, sizeof(*d->sa_in));
	d->path_mtu = 1500;
	return d;
}

static void data_free(struct proc_data *d)
{
	sadb_free(d->sadb);
	free(d->sa_in);
	free(d);
}

/* A new pair, in slot n of the tunnel, is used with a peer at 203.0.113.`host`. */
static uint32_t connect_pair(struct proc_data *d, uint32_t n, uint8_t host, uint16_t port)
{
	uint32_t spi = 0x5a5a0000u + TUNNEL * SLUICE_SA_SLOTS_PER_TUNNEL + n;
	const struct imsg_sa_add a = {.tunnel = TUNNEL,
		.spi_in = spi,
		.spi_out = spi,
		.cipher = ESP_AES_GCM_16,
		.key_len = 16,
		.udp_encap = true,
		.replay_window = 64,
		.local = {.addr = {AF_INET, {192, 0, 2, 1}}, .port = 4500},
		.remote = {.addr = {AF_INET, {203, 0, 113, host}}, .port = port}};

	data_sa_add(d, &a);
	assert_true(data_sa_use(d, TUNNEL, spi));
	return sadb_out(d->sadb, TUNNEL)->inner_mtu;
}

static void says(uint32_t sockets, uint32_t zero_copy, const char *what)
{
	struct proc_data d = {.conf.workers = 2,
		.xsk_count = sockets,
		.zero_copy_count = zero_copy,
		.engine = "x"};
	char text[128];

	data_mode_format(&d, text, sizeof(text));
	assert_string_equal(text, what);
}

static void the_mode_is_that_of_all_sockets(void **state)
{
	(void)state;
	says(4, 4, "AF_XDP zero-copy, 2 workers, AES-GCM by x, policed");
	says(4, 0, "AF_XDP copy mode, 2 workers, AES-GCM by x, policed");
	says(4, 3, "AF_XDP zero-copy on 3 of 4 queues, 2 workers, AES-GCM by x, policed");
	says(0, 0, "AF_XDP on no device yet, 2 workers, AES-GCM by x, policed");
}

static void what_is_known_is_known_of_one_peer(void **state)
{
	struct proc_data *d = data_new();
	uint32_t whole, narrow;

	(void)state;
	whole = connect_pair(d, 0, 1, 4500);
	d->paths[TUNNEL] = (struct path_mtu){.mtu = 1300, .until_ns = UINT64_MAX};
	narrow = connect_pair(d, 1, 1, 4500); /* new keys */
	assert_true(narrow < whole && narrow > 1200);
	assert_int_equal(connect_pair(d, 2, 1, 61000), narrow); /* the same way to another port */
	assert_int_equal(connect_pair(d, 3, 2, 4500), whole);   /* another way */
	assert_int_equal(d->paths[TUNNEL].mtu, 0);
	data_free(d);
}

static void what_is_known_goes_with_the_tunnel(void **state)
{
	struct proc_data *d = data_new();
	uint32_t whole;

	(void)state;
	whole = connect_pair(d, 0, 1, 4500);
	d->paths[TUNNEL] = (struct path_mtu){.mtu = 1300, .until_ns = UINT64_MAX};
	data_sa_del(d, TUNNEL, 0, 0); /* its number may be another site's now */
	assert_int_equal(connect_pair(d, 1, 1, 4500), whole);
	data_free(d);
}

/* Hub goes through its routes at each change: a site that moves all the time must not have it do nothing else. */
static void who_moves_often_changes_no_more(void **state)
{
	const struct ip_endpoint elsewhere = {.addr = {AF_INET, {203, 0, 113, 9}}, .port = 1};
	const struct too_big t = {.local.addr.family = AF_INET, .mtu = 1300, .packet = 1500};
	struct proc_data *d = data_new();
	struct path_mtu *p = &d->paths[TUNNEL];
	uint64_t now = 5 * CLOCK_SECOND;

	(void)state;
	assert_true(path_mtu_learn(p, &t, 1500, now));
	data_sa_moved(d, TUNNEL, &elsewhere);
	assert_int_equal(p->mtu, 0);
	assert_false(path_mtu_learn(p, &t, 1500, now + PATH_MTU_EVERY - 1));
	assert_true(path_mtu_learn(p, &t, 1500, now + PATH_MTU_EVERY));
	data_free(d);
}

/* ike names both, and parses what peers send: a pair in another tunnel's place would be given that one's packets. */
static void a_pair_is_of_its_tunnel(void **state)
{
	struct imsg_sa_add a = {.tunnel = TUNNEL,
		.spi_in = 0x5a5a0000u + TUNNEL * SLUICE_SA_SLOTS_PER_TUNNEL,
		.spi_out = 256,
		.local.addr = {AF_INET, {192, 0, 2, 1}},
		.remote.addr = {AF_INET, {203, 0, 113, 1}}};

	(void)state;
	assert_true(data_sa_valid(&a));
	a.spi_in += SLUICE_SA_SLOTS_PER_TUNNEL;
	assert_false(data_sa_valid(&a));
	a.tunnel++;
	assert_true(data_sa_valid(&a));
	a.tunnel = SLUICE_MAX_TUNNELS + TUNNEL;
	assert_false(data_sa_valid(&a));
	a.tunnel = TUNNEL + 1;
	a.spi_out = 255; /* RFC 4303 2.1 */
	assert_false(data_sa_valid(&a));
	a.spi_out = 256;
	a.remote.addr.family = AF_INET6;
	assert_false(data_sa_valid(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mode_is_that_of_all_sockets),
		cmocka_unit_test(what_is_known_is_known_of_one_peer),
		cmocka_unit_test(what_is_known_goes_with_the_tunnel),
		cmocka_unit_test(who_moves_often_changes_no_more),
		cmocka_unit_test(a_pair_is_of_its_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
