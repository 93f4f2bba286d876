/* SPDX-License-Identifier: Apache-2.0 */
/* What ike says of SAs, as hub keeps it: what its texts and bools are is seen in test_reports.c. */
#include "hub/event/event.h"
#include "hub/hub.h"
#include "hub/route/route.h"
#include "hub/site/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct site site = {.conf.tunnels[0].configured = true};
static struct hub hub = {.model.sites = {&site}};
static struct site_tunnel *const tunnel = &site.tunnels[0];

static enum reason noted;
static char note[REASON_TEXT_SIZE];

void hub_note(struct hub *h, uint32_t number, enum reason r, bool carries, const char *details)
{
	(void)h, (void)number;
	assert_true(carries);
	noted = r;
	snprintf(note, sizeof(note), "%s", details);
}

void hub_tunnel_open(struct hub *h, uint32_t number)
{
	(void)h, (void)number;
}

void hub_routes_set_mtu(struct hub *h, uint32_t number)
{
	(void)h, (void)number;
}

/* More than there can be, and one that is in use: the others are not. */
static void test_sas_are_bounded(void **state)
{
	(void)state;
	tunnel->sa_count = 0;
	for (uint32_t i = 0; i < SAS_PER_TUNNEL + 3; i++) {
		struct imsg_sa_info m = {.spi_in = 4096 + i, .in_use = true};

		hub_sa_info(&hub, &m);
	}
	assert_int_equal(tunnel->sa_count, SAS_PER_TUNNEL);
	for (uint32_t i = 0; i < SAS_PER_TUNNEL; i++)
		assert_int_equal(tunnel->sas[i].in_use, i == SAS_PER_TUNNEL - 1);
	hub_sa_gone(&hub, &(struct imsg_sa_ref){.spi_in = 4096});
	assert_int_equal(tunnel->sa_count, SAS_PER_TUNNEL - 1);
}

/* People read of it in the tunnel's log: once for each size, and not of the first. */
static void test_a_narrow_path_is_told(void **state)
{
	struct imsg_data_path m = {.path_mtu = 1500, .inner_mtu = 1438};

	(void)state;
	hub_tunnel_path(&hub, &m);
	assert_int_equal(noted, REASON_NONE);
	m = (struct imsg_data_path){.path_mtu = 1300, .inner_mtu = 1238};
	hub_tunnel_path(&hub, &m);
	assert_int_equal(noted, REASON_PATH_MTU);
	assert_string_equal(note, "the path takes 1300 bytes, so the tunnel 1238");
	noted = REASON_NONE;
	hub_tunnel_path(&hub, &m);
	assert_int_equal(noted, REASON_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sas_are_bounded),
		cmocka_unit_test(test_a_narrow_path_is_told),
	};

	return cmocka_run_group_tests_name("hub_sas", tests, NULL, NULL);
}
