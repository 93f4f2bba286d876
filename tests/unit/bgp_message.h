/* SPDX-License-Identifier: Apache-2.0 */
/* What was encoded, as one message: shared by the tests of the codecs. */
#ifndef SLUICE_TESTS_UNIT_BGP_MESSAGE_H
#define SLUICE_TESTS_UNIT_BGP_MESSAGE_H

#include "bgp/message.h"
#include "bgp/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define REMOTE_AS 65010u

static inline struct bgp_message complete(const struct wr *w, enum message_type type)
{
	struct bgp_message m;
	struct bgp_notify error;

	assert_false(w->bad);
	assert_int_equal(
		bgp_message_decode(w->start, wr_len(w), false, &m, &error), MESSAGE_COMPLETE);
	assert_int_equal(m.len, wr_len(w));
	assert_int_equal(m.type, type);
	return m;
}

#endif
