/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine: every cell, and what RFC 4271 8.2.2 says of the important ones. */
#include "bgp/fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/*
 * The expected table, written a second time in another shape: a row per event, a column per state
 * (Idle Connect Active OpenSent OpenConfirm Established), action letter and next state:
 * actions: . ignore, C connect, W wait, L listen, O send OPEN, A accept OPEN, E establish, H restart
 * hold, U update, R refresh, K keepalive, N notify, T notify hold, F notify FSM, D drop
 * states: i c a s o e
 */
static const struct {
	enum fsm_event event;
	const char *row;
} expected[] = {
	{FSM_START, "Cc .c .a .s .o .e"},
	{FSM_START_PASSIVE, "La .c .a .s .o .e"},
	{FSM_STOP, ".i Di Di Ni Ni Ni"},
	{FSM_CONNECT_RETRY, ".i Cc Cc Fi Fi Fi"},
	{FSM_HOLD_EXPIRED, ".i Di Di Ti Ti Ti"},
	{FSM_KEEPALIVE_TIMER, ".i Di Di Fi Ko Ke"},
	{FSM_SEND_HOLD, ".i Di Di Di Di Di"},
	{FSM_TCP_OPEN, ".i Os Os .s .o .e"},
	{FSM_TCP_FAILED, ".i Wa Di Wa Di Di"},
	{FSM_OPEN, ".i Di Di Ao Fi Fi"},
	{FSM_HEADER_ERROR, ".i Di Di Ni Ni Ni"},
	{FSM_OPEN_ERROR, ".i Di Di Ni Ni Ni"},
	{FSM_COLLISION, ".i Di Di Ni Ni Ni"},
	{FSM_NOTIFY_VERSION, ".i Di Di Di Di Di"},
	{FSM_NOTIFY, ".i Di Di Di Di Di"},
	{FSM_KEEPALIVE, ".i Di Di Fi Ee He"},
	{FSM_UPDATE, ".i Di Di Fi Fi Ue"},
	{FSM_UPDATE_ERROR, ".i Di Di Fi Fi Ni"},
	{FSM_REFRESH, ".i Di Di Fi Fi Re"},
};

static enum fsm_action action_of(char letter)
{
	static const char letters[] = ".CWLOAEHURKNTFD";
	static const enum fsm_action actions[] = {FSM_IGNORE, FSM_DO_CONNECT, FSM_DO_WAIT,
		FSM_DO_LISTEN, FSM_DO_SEND_OPEN, FSM_DO_ACCEPT_OPEN, FSM_DO_ESTABLISH,
		FSM_DO_RESTART_HOLD, FSM_DO_UPDATE, FSM_DO_REFRESH, FSM_DO_SEND_KEEPALIVE,
		FSM_DO_NOTIFY, FSM_DO_NOTIFY_HOLD, FSM_DO_NOTIFY_FSM, FSM_DO_DROP};
	const char *at = strchr(letters, letter);

	assert_non_null(at);
	return actions[at - letters];
}

static enum fsm_state state_of(char letter)
{
	static const char letters[] = "icasoe";
	const char *at = strchr(letters, letter);

	assert_non_null(at);
	return (enum fsm_state)(FSM_IDLE + (at - letters));
}

static void every_cell(void **unused)
{
	size_t rows = sizeof(expected) / sizeof(expected[0]);

	(void)unused;
	assert_int_equal(rows, FSM_EVENTS - 1); /* no event without a row */
	for (size_t i = 0; i < rows; i++) {
		for (int state = FSM_IDLE; state < FSM_STATES; state++) {
			const char *cell = expected[i].row + 3 * (state - FSM_IDLE);
			struct fsm_cell got = fsm_lookup(state, expected[i].event);

			if (got.action != action_of(cell[0]) || got.next != state_of(cell[1]))
				fail_msg("event %d in %s: action %d next %d", expected[i].event,
					fsm_state_name(state), got.action, got.next);
		}
	}
}

static void moves(void **unused)
{
	enum fsm_state s = FSM_IDLE;

	(void)unused;
	assert_false(fsm_move(&s, FSM_ESTABLISHED));
	assert_int_equal(s, FSM_IDLE); /* an illegal move changes nothing */
	assert_true(fsm_move(&s, FSM_CONNECT));
	assert_true(fsm_move(&s, FSM_OPEN_SENT));
	assert_false(fsm_move(&s, FSM_ESTABLISHED));
	assert_true(fsm_move(&s, FSM_OPEN_CONFIRM));
	assert_true(fsm_move(&s, FSM_ESTABLISHED));
	assert_false(fsm_move(&s, FSM_OPEN_SENT));
	assert_true(fsm_move(&s, FSM_IDLE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell),
		cmocka_unit_test(moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
