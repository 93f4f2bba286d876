/* SPDX-License-Identifier: Apache-2.0 */
/* A checkpoint comes from our own memory; a torn one must still do no harm. */
#include "ike/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void fixed_random(void *context, void *bytes, size_t len)
{
	static uint64_t state = 1;
	uint8_t *p = bytes;

	(void)context;
	for (size_t i = 0; i < len; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		p[i] = (uint8_t)(state >> 56);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct engine_env env = {.random = fixed_random};
	struct engine_limits limits = engine_limits_default();
	struct engine *e = engine_new(&env, &limits);
	struct engine_tunnel t = {.number = 1,
		.options = {.ikev2 = true,
			.p1_lifetime_s = 900,
			.p2_lifetime_s = 300,
			.rekey_margin_s = 60,
			.dpd_timeout_s = 30,
			.dpd_interval_s = 10}};
	static uint8_t out[ENGINE_CHECKPOINT_SIZE(2)];
	uint64_t now = UINT64_C(1) << 50;
	struct secret psk;

	secret_set(&psk, "x", 1);
	engine_tunnel_set(e, &t, &psk, now);
	if (engine_restore(e, bytes, len, now)) {
		engine_start(e, now);
		(void)engine_checkpoint(e, out, sizeof(out), now);
		engine_timer(e, now + 1);
		engine_command(e, 1, ENGINE_REKEY_CHILD, now + 2);
		engine_shutdown(e, now + 3);
	}
	engine_free(e);
	return 0;
}
