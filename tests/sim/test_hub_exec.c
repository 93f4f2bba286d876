/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that programs tell: tunnels wait for them, and hub waits for nobody. Needs root. */
#include "hub_world.h"

#include "../unit/exec_lab.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/syscall.h>

#define SITE_OF_PROGRAM                                                                            \
	"  - name: told\n    asn: 65004\n    tunnels:\n"                                           \
	"      - { identity: t.example.net, inside: 169.254.104.0/30, psk: 'exec:%s/tell x' }\n"

static char sites[2048];

static int begin(void **state)
{
	(void)state;
	if (getuid())
		return 0;
	programs_begin();
	world_directory();
	snprintf(sites, sizeof(sites), WORLD_SITE("one", "1", "") SITE_OF_PROGRAM, programs);
	world_configure("", sites);
	return 0;
}

static int finish(void **state)
{
	if (getuid())
		return 0;
	programs_end();
	return world_finish(state);
}

/* Until the tunnel has its key, or has not. */
static bool waits_for(bool secret)
{
	for (int i = 0; i < 4000 && world_state(2)->no_secret == secret; i++) {
		usleep(1000);
		world_turn();
	}
	return world_state(2)->no_secret != secret;
}

static void a_tunnel_waits_for_its_program(void **state)
{
	uint64_t began;

	(void)state;
	if (getuid())
		skip();
	program("tell", "sleep 0.5; echo a.secret_of.$1");
	began = clock_now();
	world_run();
	world_forget();
	assert_true(clock_now() - began < 400 * CLOCK_MILLISECOND || !world_state(2)->no_secret);
	if (world_state(2)->no_secret)
		assert_non_null(strstr(world_state(2)->ike.detail, "has not answered yet"));
	assert_true(waits_for(true));
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
}

static void who_fails_is_asked_again(void **state)
{
	(void)state;
	if (getuid())
		skip();
	program("tell", "exit 7");
	world_run();
	for (int i = 0; i < 2000 && !strstr(world_state(2)->ike.detail, "status 7"); i++) {
		usleep(1000);
		world_turn();
		if (i % 100 == 0)
			world_second();
	}
	assert_non_null(strstr(world_state(2)->ike.detail, "it ended with status 7"));
	program("tell", "echo a.secret_of.$1");
	hub_programs_ask(world.hub, false);
	assert_true(waits_for(true));
}

/* What was told is used until something else is told; then the tunnel is told of it. */
static void an_apply_asks_again(void **state)
{
	(void)state;
	if (getuid())
		skip();
	program("tell", "echo a.secret_of.$1");
	world_run();
	assert_true(waits_for(true));
	program("tell", "exit 7");
	world_apply();
	assert_true(world.applied.ok);
	for (int i = 0; i < 300; i++) {
		usleep(1000);
		world_turn();
	}
	assert_false(world_state(2)->no_secret);
	program("tell", "sleep 0.2; echo a.secret_of.$1.2");
	world_apply();
	assert_true(world.applied.ok);
	world_forget();
	for (int i = 0; i < 4000 && !world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2); i++) {
		usleep(1000);
		world_turn();
	}
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 0));
}

/* What it was told before is of another key; until the program has failed it may be the same. */
static void a_tunnel_has_no_key_of_before(void **state)
{
	const char *file =
		WORLD_SITE("one", "1", "") "  - name: told\n    asn: 65004\n    tunnels:\n"
					   "      - { identity: t.example.net, inside: "
					   "169.254.104.0/30, psk: 'file:DIR/psk' }\n";

	(void)state;
	if (getuid())
		skip();
	world_configure("", file);
	world_run();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
	world_tunnel(2, TUNNEL_UP);
	program("tell", "sleep 0.3; exit 7");
	world_forget();
	world_configure("", sites);
	world_apply();
	assert_true(world.applied.ok);
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, 2));
	for (int i = 0; i < 4000 && !world_told(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, 2); i++) {
		usleep(1000);
		world_turn();
	}
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, 2));
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, 0));
	world_tunnel(2, TUNNEL_DOWN);
	assert_string_equal(world_state(2)->ike.reason, "NO_SECRET");
	assert_int_not_equal(world_state(2)->ike.phase, TUNNEL_UP);
	/* Once is enough; and it comes back. */
	world_forget();
	hub_secrets_again(world.hub);
	world_turn();
	assert_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL_DEL, 2));
	program("tell", "echo a.secret_of.$1");
	hub_programs_ask(world.hub, false);
	assert_true(waits_for(true));
	world_turn();
	assert_non_null(world_told(PROCESS_IKE, IMSG_IKE_TUNNEL, 2));
}

/* ---- the password of a session ---- */

static unsigned int md5_len; /* of what the kernel was given last */

int setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	if (level == IPPROTO_TCP && name == TCP_MD5SIG) {
		md5_len = ((const struct tcp_md5sig *)value)->tcpm_keylen;
		return 0;
	}
	return (int)syscall(SYS_setsockopt, fd, level, name, value, len);
}

#define SITE_WITH(password)                                                                        \
	"  - name: told\n    asn: 65004\n    bgp_password: " password "\n    tunnels:\n"           \
	"      - { identity: t.example.net, inside: 169.254.104.0/30, psk: 'file:DIR/psk' }\n"

/* It moves to a program, which takes its time and tells the same: the session goes on by it meanwhile. */
static void a_password_stays_until_its_program_answers(void **state)
{
	static const char key[] = "a.password_of.x";
	uint64_t print;
	char text[1024];

	(void)state;
	if (getuid())
		skip();
	world_write("bgp", "a.password_of.x\n");
	world_configure("", SITE_WITH("'file:DIR/bgp'"));
	world_run();
	print = world_state(0)->md5_print;
	assert_true(print);
	assert_int_equal(md5_len, strlen(key));
	md5_len = 0;
	program("tell", "sleep 0.5; echo a.password_of.$1");
	snprintf(text, sizeof(text), SITE_WITH("'exec:%s/tell x'"), programs);
	world_configure("", text);
	world_apply();
	assert_true(world.applied.ok);
	assert_int_equal(md5_len, 0); /* nothing was put in its place */
	assert_int_equal(world_state(0)->md5_print, print);
	world_until(md5_len);
	assert_int_equal(md5_len, strlen(key));
	assert_int_equal(world_state(0)->md5_print, print);
	/* One that fails has said so: nobody gets in by what the configuration names no longer. */
	program("other", "exit 7");
	md5_len = 0;
	snprintf(text, sizeof(text), SITE_WITH("'exec:%s/other x'"), programs);
	world_configure("", text);
	world_apply();
	world_until(md5_len);
	assert_int_equal(md5_len, TCP_MD5SIG_MAXKEYLEN);
	assert_int_equal(world_state(0)->md5_print, 0);
}

static const char *effect_of_plan(enum plan_order order, bool unasked)
{
	static char effect[32];
	char error[CONFIG_ERROR_SIZE], *text;
	json_t *plan =
		hub_plan(world.hub, documents_load(world.path, false, error), order, NULL, error);

	assert_non_null(plan);
	snprintf(effect, sizeof(effect), "%s", json_string_value(json_object_get(plan, "effect")));
	text = json_dumps(plan, 0);
	assert_int_equal(strstr(text, "is not known before its program is asked") != NULL, unasked);
	free(text);
	json_decref(plan);
	return effect;
}

/* Whether it tells the key that the tunnel has is not known before it is asked; then it is. */
static void a_plan_knows_no_answer(void **state)
{
	const char *file =
		WORLD_SITE("one", "1", "") "  - name: told\n    asn: 65004\n    tunnels:\n"
					   "      - { identity: t.example.net, inside: "
					   "169.254.104.0/30, psk: 'file:DIR/psk' }\n";

	(void)state;
	if (getuid())
		skip();
	program("tell", "echo a.long_secret.of.tests");
	world_configure("", file);
	world_run();
	world_tunnel(2, TUNNEL_UP);
	world_configure("", sites);
	assert_string_equal(effect_of_plan(PLAN_OF_SOME, true), "tunnel-if-needed");
	world_apply();
	assert_true(waits_for(true));
	world_turn();
	assert_string_equal(effect_of_plan(PLAN_OF_SOME, false), "none");
	/* Whoever applies all has it asked again. */
	assert_string_equal(effect_of_plan(PLAN_OF_FILES, true), "tunnel-if-needed");
}

static void only_root_names_programs(void **state)
{
	char file[96];

	(void)state;
	if (getuid())
		skip();
	program("tell", "echo a.secret_of.$1");
	world_configure("", WORLD_SITE("one", "1", ""));
	world_run();
	world_configure("", sites);
	snprintf(file, sizeof(file), "%s/sluice.yaml", world.dir);
	assert_int_equal(chown(file, 65534, 0), 0);
	world_apply();
	assert_false(world.applied.ok);
	assert_non_null(strstr(world.applied.summary, "only in a file that is root's"));
	assert_int_equal(chown(file, 0, 0), 0);
	assert_int_equal(chmod(file, 0664), 0);
	world_apply();
	assert_false(world.applied.ok);
	assert_int_equal(chmod(file, 0644), 0);
	world_apply();
	assert_true(world.applied.ok);
	assert_true(waits_for(true));
}

#define HUB_TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HUB_TEST(a_tunnel_waits_for_its_program),
		HUB_TEST(who_fails_is_asked_again),
		HUB_TEST(an_apply_asks_again),
		HUB_TEST(a_tunnel_has_no_key_of_before),
		HUB_TEST(a_password_stays_until_its_program_answers),
		HUB_TEST(a_plan_knows_no_answer),
		HUB_TEST(only_root_names_programs),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_exec", tests, NULL, NULL);
}
