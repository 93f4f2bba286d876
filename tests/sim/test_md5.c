/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's counters of wrong signatures name no session: it is said of those that wait, and how sure it is. */
#include "routes_world.h"

#include "hub/event/event.h"
#include "hub/site/site.h"
#include "ipc/msg_bgp.h"

#define NOW (1000 * CLOCK_SECOND)

static unsigned int said[TUNNELS];

void hub_publish(struct hub *h, const struct happening *what)
{
	(void)h;
	assert_int_equal(what->log, EVENT_BGP);
	assert_non_null(what->own_log);
	said[tunnel_number(what->site, (unsigned int)what->tunnel)]++;
	json_decref(what->own_log);
}

/* Nothing that it was sent was answered, since a while before now. */
static void waits(uint32_t tunnel, uint64_t now)
{
	state_of(tunnel)->bgp.state = BGP_ACTIVE;
	state_of(tunnel)->bgp.unanswered_since_ns = now - 5 * CLOCK_SECOND;
}

static void begin(uint64_t counts[MD5_KINDS])
{
	memset(said, 0, sizeof(said));
	set_up(1, false);
	sim.hub.md5 = md5_seen_new();
	for (uint32_t t = 0; t < TUNNELS; t++) {
		sim.sites[t / 2].conf.tunnels[t % 2].configured = true;
		state_of(t)->bgp.state = BGP_ESTABLISHED;
	}
	hub_md5_judge(&sim.hub, counts, NOW); /* what was counted before is nobody's */
}

/* Who gets answers waits for something else, and that is not hidden by one device that signs. */
static void it_is_not_said_of_whom_something_answers(void **state)
{
	uint64_t counts[MD5_KINDS] = {0};

	(void)state;
	begin(counts);
	state_of(0)->bgp.state = BGP_ACTIVE; /* the device refuses the connection */
	waits(1, NOW);
	waits(4, NOW);
	state_of(4)->bgp.unanswered_since_ns = NOW; /* just asked */
	counts[2]++;
	hub_md5_judge(&sim.hub, counts, NOW);
	assert_int_equal(said[0], 0);
	assert_int_equal(said[4], 0);
	assert_int_equal(said[1], 1);
	free(sim.hub.md5);
	tear_down();
}

/* The device had no password, and then has another one than the hub. */
static void what_is_said_follows_what_is_wrong(void **state)
{
	uint64_t counts[MD5_KINDS] = {0};

	(void)state;
	begin(counts);
	strcpy(sim.sites[0].conf.bgp_password, "file:/k");
	waits(0, NOW);
	for (unsigned int s = 0; s < 20; s++) {
		counts[s < 10 ? 0 : 1]++;
		hub_md5_judge(&sim.hub, counts, NOW + s * CLOCK_SECOND);
		assert_non_null(strstr(state_of(0)->md5_text, s < 10 ? "NotFound" : "Failure"));
	}
	assert_int_equal(said[0], 2); /* one line for each kind, not for each second */
	assert_true(tunnel_md5_is_said(state_of(0), NOW + 70 * CLOCK_SECOND));
	free(sim.hub.md5);
	tear_down();
}

static void it_is_said_of_whom_it_may_be(void **state)
{
	uint64_t counts[MD5_KINDS] = {5, 7, 9};

	(void)state;
	set_up(1, false);
	sim.hub.md5 = md5_seen_new();
	for (uint32_t t = 0; t < TUNNELS; t++) {
		sim.sites[t / 2].conf.tunnels[t % 2].configured = true;
		state_of(t)->bgp.state = BGP_ESTABLISHED;
	}
	strcpy(sim.sites[0].conf.bgp_password, "file:/k");
	hub_md5_judge(&sim.hub, counts, NOW); /* what was counted before is nobody's */
	waits(1, NOW);
	waits(4, NOW);
	hub_md5_judge(&sim.hub, counts, NOW);
	for (uint32_t t = 0; t < TUNNELS; t++)
		assert_int_equal(said[t], 0);
	counts[1]++;
	hub_md5_judge(&sim.hub, counts, NOW);
	assert_int_equal(said[1], 1);
	assert_int_equal(said[4], 0); /* it has no password */
	assert_string_equal(state_of(1)->md5_text,
		"BGP segments were signed with another password than bgp_password "
		"(TCPMD5Failure), perhaps of this session: the host counts those of anybody");
	assert_true(tunnel_md5_is_said(state_of(1), NOW + 59 * CLOCK_SECOND));
	counts[1]++; /* not twice a minute */
	hub_md5_judge(&sim.hub, counts, NOW + CLOCK_SECOND);
	assert_int_equal(said[1], 1);
	assert_true(tunnel_md5_is_said(state_of(1), NOW + 60 * CLOCK_SECOND));
	assert_false(tunnel_md5_is_said(state_of(1), NOW + 62 * CLOCK_SECOND));
	waits(0, NOW);
	counts[0]++;
	hub_md5_judge(&sim.hub, counts, NOW + 61 * CLOCK_SECOND);
	assert_int_equal(said[1], 2); /* of another kind */
	assert_int_equal(said[0], 1);
	assert_non_null(
		strstr(state_of(0)->md5_text, "(TCPMD5NotFound), perhaps of this session: 2 wait"));
	counts[2]++;
	hub_md5_judge(&sim.hub, counts, NOW + 62 * CLOCK_SECOND);
	assert_int_equal(said[4], 1);
	state_of(4)->bgp.state = BGP_ESTABLISHED;
	assert_false(tunnel_md5_is_said(state_of(4), NOW + 63 * CLOCK_SECOND));
	state_of(1)->open = state_of(0)->open = false;
	counts[1]++;
	hub_md5_judge(&sim.hub, counts, NOW + 200 * CLOCK_SECOND);
	assert_int_equal(said[0] + said[1], 3);
	free(sim.hub.md5);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_said_of_whom_it_may_be),
		cmocka_unit_test(it_is_not_said_of_whom_something_answers),
		cmocka_unit_test(what_is_said_follows_what_is_wrong),
	};

	return cmocka_run_group_tests_name("md5", tests, NULL, NULL);
}
