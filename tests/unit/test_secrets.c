/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets as they stand in files: what is part of them, and which are refused. */
#include "hub/hub.h"
#include "hub/secret/secret.h"
#include "proc/ike/secrets.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char path[] = "/tmp/sluice-test.XXXXXX";

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	close(fd);
	return fd < 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_key(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void set_ref(char ref[CONFIG_SECRET_REF_SIZE], const char *suffix)
{
	snprintf(ref, CONFIG_SECRET_REF_SIZE, "file:%s%s", path, suffix);
}

static void a_line_end_is_not_part_of_a_key(void **state)
{
	static const char *const texts[] = {
		"secretsecret", "secretsecret\n", "secretsecret\r\n", "secretsecret\n\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct secret s = {0};

		write_key(texts[i]);
		assert_true(ike_secret_read(open(path, O_RDONLY), &s));
		assert_int_equal(s.len, 12);
		assert_memory_equal(s.bytes, "secretsecret", 12);
	}
}

static void keys_that_not_every_device_takes(void **state)
{
	static const struct {
		const char *text;
		bool ever;  /* may be in force */
		bool fresh; /* may be new */
	} lines[] = {
		{"secretsecret", true, true},
		{"A.b_3456\n", true, true},
		{"secrets\r\n", false, false}, /* seven */
		{"0secretsecret", true, false},
		{"secret secret", true, false},
		{"secret-secret", true, false},
		{"s\xc3\xa9"
		 "cretsecret",
			true, false},
		{"1234567890123456789012345678901234567890123456789012345678901234\r\n", true,
			true},
		{"12345678901234567890123456789012345678901234567890123456789012345", false, false},
		{"", false, false},
	};
	struct site_conf site = {.name = "a"};
	struct tunnel_conf other = {.configured = true};
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	site.tunnels[0].configured = true;
	set_ref(site.tunnels[0].psk, "");
	set_ref(other.psk, ".old");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		write_key(lines[i].text);
		error[0] = '\0';
		assert_int_equal(tunnel_secrets_check(&site, 0, NULL, error), lines[i].ever);
		assert_int_equal(
			tunnel_secrets_check(&site, 0, &site.tunnels[0], error), lines[i].ever);
		error[0] = '\0';
		assert_int_equal(tunnel_secrets_check(&site, 0, &other, error), lines[i].fresh);
		assert_int_equal(!error[0], lines[i].fresh);
		if (lines[i].text[0])
			assert_null(strstr(error, "ecret")); /* never the key itself */
	}
}

/* Moved to another place it is no new one. */
static void a_key_that_moves_is_the_same(void **state)
{
	struct site_conf site = {.name = "a"};
	struct tunnel_conf before = {.configured = true};
	char error[CONFIG_ERROR_SIZE] = "", copy[64];

	(void)state;
	write_key("secret-secret");
	snprintf(copy, sizeof(copy), "%s.copy", path);
	assert_int_equal(link(path, copy), 0);
	site.tunnels[0].configured = true;
	set_ref(site.tunnels[0].psk, "");
	set_ref(before.psk, ".copy");
	assert_true(tunnel_secrets_check(&site, 0, &before, error));
	assert_int_equal(unlink(copy), 0);
	assert_false(tunnel_secrets_check(&site, 0, &before, error));
}

static void all_that_is_missing_is_said(void **state)
{
	struct config *c = calloc(1, sizeof(*c));
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	assert_non_null(c);
	c->site_count = 1;
	strcpy(c->sites[0].name, "a");
	for (unsigned int t = 0; t < TUNNELS_PER_SITE; t++) {
		c->sites[0].tunnels[t].configured = true;
		set_ref(c->sites[0].tunnels[t].psk, ".none");
	}
	assert_false(secrets_check(c, NULL, false, error));
	assert_non_null(strstr(error, "site 'a' tunnel 0: psk"));
	assert_non_null(strstr(error, "\nsite 'a' tunnel 1: psk"));
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_end_is_not_part_of_a_key),
		cmocka_unit_test(keys_that_not_every_device_takes),
		cmocka_unit_test(a_key_that_moves_is_the_same),
		cmocka_unit_test(all_that_is_missing_is_said),
	};

	return cmocka_run_group_tests_name("secrets", tests, make_file, remove_file);
}
