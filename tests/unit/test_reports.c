/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What children say, as one in the hands of a peer may say it: hub takes it for what it can be, or not at all, and
 * what is shown of it is whole.
 */
#include "hub/child/child.h"
#include "hub/event/eventlog.h"
#include "view/view.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <cmocka.h>

static struct {
	struct hub hub;
	struct config config;
	struct site site;
} lab;

static int setup(void **state)
{
	struct hub *h = &lab.hub;

	(void)state;
	memset(&lab, 0, sizeof(lab));
	h->config = &lab.config;
	h->model.config = &lab.config;
	h->model.sites[0] = &lab.site;
	h->events = eventlog_new();
	lab.config.concentrator.endpoint_count = 2;
	lab.config.concentrator.endpoints[0].address_count = 1;
	snprintf(lab.site.conf.name, sizeof(lab.site.conf.name), "site-1");
	lab.site.conf.tunnels[0].configured = true;
	hub_children_init(h, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int k = 0; k < EVENT_KINDS; k++)
		event_ring_clear(&lab.site.events[0][k]);
	eventlog_free(lab.hub.events);
	return 0;
}

static void say(enum process_role role, enum imsg_type type, int fd, void *payload, size_t len)
{
	struct imsg m = {.type = type, .len = (uint32_t)len, .fd = fd, .payload = payload};

	lab.hub.processes[role].on_message(&lab.hub, &m);
}

/* Neither true nor false, neither an end nor UTF-8. */
static void spoil(void *member, size_t size)
{
	memset(member, 200, size);
}

/* The first object of an array of the document. */
static json_t *first_of(json_t *document, const char *list)
{
	json_t *o = json_array_get(json_object_get(document, list), 0);
	char *text = json_dumps(document, 0);

	assert_non_null(text);
	free(text);
	assert_non_null(o);
	return o;
}

static bool is_clean(json_t *o, const char *member)
{
	const char *text = json_string_value(json_object_get(o, member));

	return text && text[0] == '?' && strspn(text, "?") == strlen(text);
}

static void an_sa_is_shown_whatever_is_said_of_it(void **state)
{
	struct imsg_sa_info m = {.tunnel = 0, .spi_in = 0x1000};
	json_t *shown, *o;

	(void)state;
	spoil(m.proposal, sizeof(m.proposal));
	spoil(&m.udp_encap, 1);
	spoil(&m.in_use, 1);
	say(PROCESS_IKE, IMSG_SA_INFO, -1, &m, sizeof(m));
	shown = view_sas(&lab.hub.model, NULL);
	o = first_of(shown, "sas");
	assert_true(json_is_true(json_object_get(o, "in_use")));
	assert_true(is_clean(o, "proposal"));
	json_decref(shown);
	shown = view_tunnels(&lab.hub.model, NULL);
	assert_true(is_clean(first_of(shown, "tunnels"), "proposal"));
	json_decref(shown);
}

static void a_session_is_shown_whatever_is_said_of_it(void **state)
{
	struct imsg_bgp_state b = {.tunnel = 0, .state = BGP_ACTIVE};
	struct imsg_bfd_state f = {.tunnel = 0, .state = 1, .remote_state = 1, .diag = 250};
	json_t *shown, *o;

	(void)state;
	spoil(b.detail, sizeof(b.detail));
	spoil(&b.out_limited, 1);
	spoil(&f.present, 1);
	spoil(&f.failed, 1);
	spoil(&f.resume.session.remote_demand, 1);
	say(PROCESS_BGP, IMSG_BGP_STATE, -1, &b, sizeof(b));
	say(PROCESS_BGP, IMSG_BFD_STATE, -1, &f, sizeof(f));
	shown = view_bgp(&lab.hub.model, NULL);
	o = first_of(shown, "sessions");
	assert_string_equal(json_string_value(json_object_get(o, "state")), "active");
	assert_true(json_is_true(json_object_get(o, "prefixes_out_limited")));
	assert_true(is_clean(o, "detail"));
	assert_true(json_is_object(json_object_get(o, "bfd")));
	json_decref(shown);
	/* There is no such state: what was said before stands. */
	b.state = BGP_ESTABLISHED + 1;
	say(PROCESS_BGP, IMSG_BGP_STATE, -1, &b, sizeof(b));
	f.present = false;
	f.remote_state = 99;
	say(PROCESS_BGP, IMSG_BFD_STATE, -1, &f, sizeof(f));
	assert_int_equal(lab.site.tunnels[0].bgp.state, BGP_ACTIVE);
	assert_true(lab.site.tunnels[0].bfd.present);
}

static void an_event_is_kept_whatever_is_said_of_it(void **state)
{
	struct imsg_tunnel_event m = {.tunnel = 0, .phase1 = 1, .phase2 = 1};
	json_t *shown, *o;

	(void)state;
	spoil(&m.dpd_enabled, 1);
	spoil(&m.nat_detected, 1);
	spoil(m.code, sizeof(m.code));
	spoil(m.detail, sizeof(m.detail));
	spoil(&m.peer, sizeof(m.peer));
	say(PROCESS_IKE, IMSG_TUNNEL_EVENT, -1, &m, sizeof(m));
	m.phase2 = 77;
	say(PROCESS_IKE, IMSG_TUNNEL_EVENT, -1, &m, sizeof(m));
	shown = view_log(&lab.hub.model, NULL, EVENT_ACTIVITY);
	assert_int_equal(json_array_size(json_object_get(shown, "events")), 1);
	o = first_of(shown, "events");
	assert_true(is_clean(o, "details"));
	assert_true(is_clean(o, "reason_code"));
	json_decref(shown);
}

/* No other size than that of its struct, and nobody may say what is another's to say. */
static void a_message_is_whole_and_the_childs_own(void **state)
{
	struct {
		struct imsg_data_mode mode;
		char more;
	} m = {.mode.text = "a mode"};
	struct imsg_sa_info sa = {.spi_in = 1};
	const char *mode = lab.hub.model.plane.data_mode;

	(void)state;
	say(PROCESS_DATA, IMSG_DATA_MODE, -1, &m, sizeof(m.mode) + 1);
	say(PROCESS_DATA, IMSG_DATA_MODE, -1, &m, sizeof(m.mode) - 1);
	say(PROCESS_IKE, IMSG_DATA_MODE, -1, &m, sizeof(m.mode));
	assert_string_equal(mode, "");
	say(PROCESS_DATA, IMSG_DATA_MODE, -1, &m, sizeof(m.mode));
	assert_string_equal(mode, "a mode");
	say(PROCESS_API, IMSG_SA_INFO, -1, &sa, sizeof(sa));
	assert_int_equal(lab.site.tunnels[0].sa_count, 0);
	sa.tunnel = UINT32_MAX;
	say(PROCESS_IKE, IMSG_SA_INFO, -1, &sa, sizeof(sa));
}

/* ---- tables ---- */

static int taken = -1;

static void take(void *context, struct imsg *m)
{
	(void)context;
	taken = imsg_take_fd(m);
}

static void look(void *context, struct imsg *m)
{
	*(int *)context = m->fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void a_descriptor_that_nobody_takes_is_closed(void **state)
{
	static const struct imsg_row rows[] = {
		{IMSG_CHANNEL, .fd = IMSG_NEEDS_FD, .take = take},
		{IMSG_START, .take = look},
		{IMSG_IKE_SPIS, .fd = IMSG_MAY_FD, .take = look},
		{.type = IMSG_INVALID},
	};
	int seen = -2, fds[5];
	uint8_t byte = 0;
	struct imsg m = {.payload = &byte};

	(void)state;
	for (int i = 0; i < 5; i++)
		fds[i] = dup(STDERR_FILENO);
	m.type = IMSG_CHANNEL;
	m.fd = fds[0];
	assert_true(imsg_give(rows, &seen, &m));
	assert_int_equal(taken, fds[0]);
	assert_true(is_open(fds[0]));
	close(fds[0]);
	m.fd = -1; /* without the one that it needs */
	taken = -2;
	assert_false(imsg_give(rows, &seen, &m));
	assert_int_equal(taken, -2);
	m.fd = fds[1]; /* of another size */
	m.len = 1;
	assert_false(imsg_give(rows, &seen, &m));
	m.len = 0;
	m.type = IMSG_START; /* one that needs none */
	m.fd = fds[2];
	assert_true(imsg_give(rows, &seen, &m));
	assert_int_equal(seen, -1);
	m.type = IMSG_IKE_SPIS; /* looked at, and left */
	m.fd = fds[3];
	assert_true(imsg_give(rows, &seen, &m));
	assert_int_equal(seen, fds[3]);
	m.type = IMSG_PONG; /* nobody's */
	m.fd = fds[4];
	assert_false(imsg_give(rows, &seen, &m));
	for (int i = 1; i < 5; i++)
		assert_false(is_open(fds[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_sa_is_shown_whatever_is_said_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_session_is_shown_whatever_is_said_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_event_is_kept_whatever_is_said_of_it, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_message_is_whole_and_the_childs_own, setup, teardown),
		cmocka_unit_test(a_descriptor_that_nobody_takes_is_closed),
	};

	return cmocka_run_group_tests_name("reports", tests, NULL, NULL);
}
