/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration in several documents: what belongs together, and where each mistake stands. */
#include "config/config.h"
#include "store/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#define HUB                                                                                        \
	"concentrator:\n"                                                                          \
	"  name: hub\n"                                                                            \
	"  site_rate: 50M\n"                                                                       \
	"  endpoints:\n"                                                                           \
	"    - { device: wan0, addresses: [198.51.100.1] }\n"                                      \
	"defaults: { tunnel: { med: 70 } }\n"
#define SITE_A                                                                                     \
	"sites:\n"                                                                                 \
	"  - name: a\n"                                                                            \
	"    asn: 65001\n"                                                                         \
	"    tunnels: [ { inside: 169.254.10.0/30, identity: a.example, psk: 'file:/k' } ]\n"
#define SITE_B                                                                                     \
	"asn: 65002\n"                                                                             \
	"tunnels:\n"                                                                               \
	"  - { inside: 169.254.11.0/30, identity: b.example, psk: 'file:/k' }\n"

static struct config_text text_of(const char *name, const char *site, const char *text)
{
	return (struct config_text){.name = name, .site = site, .text = text, .len = strlen(text)};
}

static struct config *read_hub(const char *main, const char *hub, char error[CONFIG_ERROR_SIZE])
{
	struct config_text texts[] = {
		text_of("sluice.yaml", NULL, main), text_of("hub.yaml", NULL, hub)};

	return config_read(texts, 2, error);
}

static struct config *read_two(const char *hub, const char *site, char error[CONFIG_ERROR_SIZE])
{
	struct config_text texts[] = {
		text_of("sluice.yaml", NULL, hub), text_of("b.yaml", "b", site)};

	return config_read(texts, 2, error);
}

static void refused(const char *hub, const char *site, const char *const *wanted)
{
	char error[CONFIG_ERROR_SIZE];

	assert_null(read_two(hub, site, error));
	for (; *wanted; wanted++) {
		if (!strstr(error, *wanted))
			fail_msg("message: %s\nwanted: %s", error, *wanted);
	}
}

static void test_site_of_its_own(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = read_two(HUB SITE_A, SITE_B, error);

	(void)state;
	if (!c)
		fail_msg("%s", error);
	assert_int_equal(c->site_count, 2);
	assert_string_equal(c->sites[0].name, "a");
	assert_string_equal(c->sites[1].name, "b");
	assert_int_equal(c->sites[1].asn, 65002);
	assert_int_equal(c->sites[1].rate, 50000000);
	assert_int_equal(c->sites[1].tunnels[0].med, 70);
	config_free(c);
	/* It is byte for byte what it would be in sluice.yaml. */
	struct config *in_one = config_parse("t",
		HUB SITE_A "  - name: b\n    asn: 65002\n    tunnels: [ { inside: 169.254.11.0/30, "
			   "identity: b.example, psk: 'file:/k' } ]\n",
		strlen(HUB SITE_A) +
			strlen("  - name: b\n    asn: 65002\n    tunnels: [ { inside: "
			       "169.254.11.0/30, identity: b.example, psk: 'file:/k' } ]\n"),
		error);
	c = read_two(HUB SITE_A, "name: b\n" SITE_B, error);
	assert_non_null(in_one);
	assert_non_null(c);
	assert_memory_equal(in_one, c, sizeof(*c));
	config_free(in_one);
	config_free(c);
}

static void test_where_mistakes_stand(void **state)
{
	(void)state;
	refused(HUB SITE_A, "rate: 1 apple\n" SITE_B "colour: red\n",
		(const char *const[]){"b.yaml:1: rate", "\nb.yaml:5: unknown key 'colour'", NULL});
	refused(HUB "colour: red\n" SITE_A, "rat: 5M\n" SITE_B,
		(const char *const[]){"sluice.yaml:7: unknown key 'colour'",
			"\nb.yaml:1: unknown key 'rat'; did you mean 'rate'?", NULL});
	/* Between two documents both are named. */
	refused(HUB SITE_A,
		"asn: 65002\ntunnels:\n  - { inside: 169.254.10.0/30, identity: b.example, psk: "
		"'file:/k' }\n",
		(const char *const[]){"b.yaml:3: ",
			"inside block 169.254.10.0/30 is taken by site 'a' (sluice.yaml:10)",
			NULL});
	refused(HUB "sites:\n  - name: b\n    asn: 65002\n    tunnels: [ { inside: "
		    "169.254.10.0/30, identity: a.example, psk: 'file:/k' } ]\n",
		SITE_B,
		(const char *const[]){"b.yaml:1: site 'b' stands twice (sluice.yaml:8)", NULL});
	refused(HUB, "name: c\n" SITE_B,
		(const char *const[]){"b.yaml:1: name 'c' is not that of the file, 'b'", NULL});
	refused(HUB, "- a\n- b\n", (const char *const[]){"b.yaml:1: a mapping", NULL});
	refused(HUB, "", (const char *const[]){"b.yaml:1: the file is empty", NULL});
	refused("concentrator: [\n", "a: {\n",
		(const char *const[]){"sluice.yaml:2: not YAML", "\nb.yaml:2: not YAML", NULL});
	refused(HUB, SITE_B "---\nasn: 65003\n",
		(const char *const[]){"b.yaml:4: a second document begins here", NULL});
	refused(HUB "sites:\n  - asn: 65001\n    tunnels: [ { inside: 169.254.10.0/30, identity: "
		    "a.example, psk: 'file:/k' } ]\n",
		SITE_B,
		(const char *const[]){"sluice.yaml:8: sites[0]: key 'name' is missing", NULL});
}

/* What two files say of the concentrator is what one of them would say. */
static void test_hub_of_its_own(void **state)
{
	char error[CONFIG_ERROR_SIZE];
	struct config *c = read_hub(HUB SITE_A,
		"concentrator: { aggregate_rate: 1G }\ndefaults:\n  tunnel: { algorithms: "
		"compatible, "
		"esn: off }\n",
		error);
	struct config *one = config_parse("t",
		"concentrator: { name: hub, aggregate_rate: 1G, site_rate: 50M, endpoints: [ { "
		"device: wan0, addresses: [198.51.100.1] } ] }\n"
		"defaults: { tunnel: { med: 70, esn: off, algorithms: compatible } }\n" SITE_A,
		strlen("concentrator: { name: hub, aggregate_rate: 1G, site_rate: 50M, endpoints: "
		       "[ { device: wan0, addresses: [198.51.100.1] } ] }\n"
		       "defaults: { tunnel: { med: 70, esn: off, algorithms: compatible } "
		       "}\n" SITE_A),
		error);

	(void)state;
	if (!c || !one)
		fail_msg("%s", error);
	assert_memory_equal(c, one, sizeof(*c));
	config_free(c);
	config_free(one);
	c = read_hub(HUB SITE_A, "{}", error);
	assert_non_null(c);
	config_free(c);
	/* All of it may stand there. */
	c = read_hub(SITE_A, HUB, error);
	if (!c)
		fail_msg("%s", error);
	assert_int_equal(c->sites[0].tunnels[0].med, 70);
	config_free(c);
}

static void test_where_mistakes_of_the_hub_stand(void **state)
{
	static const struct {
		const char *main, *hub, *wanted[3];
	} cases[] = {
		{HUB SITE_A, "concentrator:\n  burst: 300k\n  site_rate: 60M\n",
			{"hub.yaml:3: concentrator: key 'site_rate' stands in sluice.yaml:3 as "
			 "well, and can stand in one only"}},
		{HUB SITE_A, "defaults:\n  tunnel:\n    med: 80\n",
			{"hub.yaml:3: defaults.tunnel: key 'med' stands in sluice.yaml:6 as well"}},
		{HUB SITE_A, "concentrator: { burst: 1k, burts: 2 }\n",
			{"hub.yaml:1: concentrator.burst: ", "unknown key 'burts'; did you mean"}},
		{HUB SITE_A, "sites: []\n", {"hub.yaml:1: unknown key 'sites'"}},
		{HUB SITE_A, "[]", {"hub.yaml:1: a mapping with 'concentrator'"}},
		{HUB SITE_A, "concentrator: 5\n", {"hub.yaml:1: concentrator: a mapping"}},
		{HUB SITE_A, "concentrator: { keepalive: 20 }\n",
			{"hub.yaml:1: keepalive 20 s must be at most half"}},
		{HUB SITE_A, "concentrator: { networks: [127.0.0.0/8] }\n",
			{"hub.yaml:1: networks: 127.0.0.0/8 is"}},
		{SITE_A, "defaults: { tunnel: { med: 80 } }\n",
			{"sluice.yaml:1: key 'concentrator' is missing"}},
		{HUB "defaults: {}\n" SITE_A, "{}", {"key 'defaults' stands twice"}},
		{HUB SITE_A, "defaults: { tunnel: {}, tunnel: {} }\n",
			{"hub.yaml:1: defaults: key 'tunnel' stands twice"}},
	};
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_null(read_hub(cases[i].main, cases[i].hub, error));
		for (size_t k = 0; k < 3 && cases[i].wanted[k]; k++) {
			if (!strstr(error, cases[i].wanted[k]))
				fail_msg("message: %s\nwanted: %s", error, cases[i].wanted[k]);
		}
	}
}

static void test_too_many(void **state)
{
	static char bodies[CONFIG_SITES_MAX + 1][160];
	static char names[CONFIG_SITES_MAX + 1][8];
	struct config_text texts[CONFIG_SITES_MAX + 2] = {text_of("sluice.yaml", NULL, HUB)};
	char error[CONFIG_ERROR_SIZE];

	(void)state;
	for (unsigned int i = 0; i <= CONFIG_SITES_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "s%u", i);
		snprintf(bodies[i], sizeof(bodies[i]),
			"class: %s\nasn: %u\ntunnels: [ { inside: 169.254.%u.%u/30, identity: s%u, "
			"psk: 'file:/k' } ]\n",
			i < CONFIG_CONCENTRATED_MAX ? "concentrator" : "gateway", 65000 + i,
			i / 64 + 10, i % 64 * 4, i);
		texts[i + 1] = text_of(names[i], names[i], bodies[i]);
	}

	struct config *c = config_read(texts, CONFIG_SITES_MAX + 1, error);

	if (!c)
		fail_msg("%s", error);
	assert_int_equal(c->site_count, CONFIG_SITES_MAX);
	config_free(c);
	assert_null(config_read(texts, CONFIG_SITES_MAX + 2, error));
	assert_non_null(strstr(error, "more than 150 sites"));
}

/* ---- files ---- */

static char directory[64];

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void drop(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(remove(path), 0);
}

static struct config *load(char error[CONFIG_ERROR_SIZE])
{
	char path[128];

	snprintf(path, sizeof(path), "%s/sluice.yaml", directory);
	return documents_config_of(path, error);
}

/* Somebody saves this file while a document is on its way to the disk. */
static const char *edited_meanwhile;

int fsync(int fd)
{
	if (edited_meanwhile)
		put(edited_meanwhile, "asn: 65099\n");
	edited_meanwhile = NULL;
	return (int)syscall(SYS_fsync, fd);
}

static int make_directory(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/sluice-documents.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	put("sluice.yaml", HUB SITE_A);
	return 0;
}

static int remove_directory(void **state)
{
	(void)state;
	drop("sluice.yaml");
	return rmdir(directory);
}

static void test_files(void **state)
{
	char error[CONFIG_ERROR_SIZE], path[128];
	struct config *c = load(error);

	(void)state;
	if (!c)
		fail_msg("%s", error); /* there is no directory of documents */
	assert_int_equal(c->site_count, 1);
	config_free(c);

	snprintf(path, sizeof(path), "%s/sites", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	put("sites/b.yaml", SITE_B);
	put("sites/a2.yaml", "asn: 65003\ntunnels: [ { inside: 169.254.12.0/30, identity: c, psk: "
			     "'file:/k' } ]\n");
	put("sites/.b.yaml.swp", "junk");
	put("sites/b.yaml~", "junk: {");
	put("sites/b.yaml.dpkg-new", "junk: {");
	put("sites/README", "junk: {");
	c = load(error);
	if (!c)
		fail_msg("%s", error);
	assert_int_equal(c->site_count, 3);
	assert_string_equal(c->sites[1].name, "a2");
	assert_string_equal(c->sites[2].name, "b");
	config_free(c);
	drop("sites/.b.yaml.swp");
	drop("sites/b.yaml~");
	drop("sites/b.yaml.dpkg-new");
	drop("sites/README");
	drop("sites/a2.yaml");
	drop("sites/b.yaml");
	drop("sites");
}

static void must_not_load(const char *wanted)
{
	char error[CONFIG_ERROR_SIZE];

	assert_null(load(error));
	if (!strstr(error, wanted))
		fail_msg("message: %s\nwanted: %s", error, wanted);
}

/* What cannot be read is never left out in silence: the site would be taken down. */
static void test_files_that_are_none(void **state)
{
	char path[128], large[128];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/sites", directory);
	put("sites", "");
	must_not_load("sites: Not a directory");
	drop("sites");
	assert_int_equal(mkdir(path, 0700), 0);
	put("sites/b.yml", SITE_B);
	must_not_load("sites/b.yml: the document of a site is called NAME.yaml");
	drop("sites/b.yml");
	put("sites/b b.yaml", SITE_B);
	must_not_load("sites/b b.yaml: a site cannot have this name");
	drop("sites/b b.yaml");
	snprintf(path, sizeof(path), "%s/sites/b.yaml", directory);
	assert_int_equal(mkfifo(path, 0600), 0);
	must_not_load("sites/b.yaml: not a file");
	drop("sites/b.yaml");
	assert_int_equal(symlink("nowhere", path), 0);
	must_not_load("sites/b.yaml: No such file or directory");
	drop("sites/b.yaml");
	snprintf(large, sizeof(large), "%s/sites/c.yaml", directory);
	f = fopen(large, "w");
	assert_non_null(f);
	assert_int_equal(ftruncate(fileno(f), CONFIG_FILE_MAX), 0);
	fclose(f);
	must_not_load("sites/c.yaml: larger than 4 MiB");
	drop("sites/c.yaml");
	put("sites/b.yaml", "asn: 0\n");
	must_not_load("sites/b.yaml:1: asn");
	drop("sites/b.yaml");
	drop("sites");
}

/* ---- writing ---- */

static void says(const char *name, const char *wanted)
{
	char path[128], text[512] = "";
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	assert_string_equal(text, wanted);
}

static bool is_there(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return !access(path, F_OK);
}

/* Of a site b that is there, and one c that is not, in files as they are seen now. */
static void see(struct documents **seen, struct documents **made, char path[128])
{
	char error[CONFIG_ERROR_SIZE], sites[128];

	snprintf(sites, sizeof(sites), "%s/sites", directory);
	assert_int_equal(mkdir(sites, 0700), 0);
	put("sites/b.yaml", SITE_B);
	snprintf(path, 128, "%s/sluice.yaml", directory);
	*seen = documents_load(path, false, error);
	assert_non_null(*seen);
	*made = documents_copy(*seen);
	documents_put(*made, "", strdup("new\n"), 4);
	documents_put(*made, "b", strdup("new\n"), 4);
	documents_put(*made, "c", strdup("new\n"), 4);
}

static void restore(const struct documents *made, const char *path, json_t *own_only,
	const struct documents *seen, const char *why)
{
	char error[CONFIG_ERROR_SIZE] = "";

	assert_true(documents_restore(made, path, false, own_only, seen, error));
	if (!*why != !*error || !strstr(error, why))
		fail_msg("not \"%s\" but \"%s\"", why, error);
	json_decref(own_only);
}

static void forget(struct documents *seen, struct documents *made)
{
	drop("sites/b.yaml");
	drop("sites");
	documents_free(seen);
	documents_free(made);
}

/* A site that moves out of sluice.yaml would stand in both. */
static void test_sluice_yaml_was_edited(void **state)
{
	struct documents *seen, *made;
	char path[128];

	(void)state;
	see(&seen, &made, path);
	put("sluice.yaml", HUB);
	restore(made, path, json_pack("[s, s]", "c", ""), seen, "sluice.yaml was edited meanwhile");
	assert_false(is_there("sites/c.yaml"));
	says("sluice.yaml", HUB);
	forget(seen, made);
}

static void test_one_is_edited_at_the_last_moment(void **state)
{
	struct documents *seen, *made;
	char path[128];

	(void)state;
	see(&seen, &made, path);
	edited_meanwhile = "sites/b.yaml";
	restore(made, path, json_pack("[s]", "b"), seen, "sites/b.yaml was edited meanwhile");
	says("sites/b.yaml", "asn: 65099\n");
	put("sites/b.yaml", SITE_B);
	edited_meanwhile = "sites/c.yaml";
	restore(made, path, json_pack("[s]", "c"), seen, "sites/c.yaml was edited meanwhile");
	says("sites/c.yaml", "asn: 65099\n");
	drop("sites/c.yaml");
	forget(seen, made);
}

/* What a person keeps beside a document is his. */
static void test_a_copy_beside_it(void **state)
{
	struct documents *seen, *made;
	char path[128];

	(void)state;
	see(&seen, &made, path);
	put("sites/b.yaml.new", "mine\n");
	restore(made, path, json_pack("[s]", "b"), seen, "");
	says("sites/b.yaml", "new\n");
	says("sites/b.yaml.new", "mine\n");
	drop("sites/b.yaml.new");
	forget(seen, made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_site_of_its_own),
		cmocka_unit_test(test_where_mistakes_stand),
		cmocka_unit_test(test_hub_of_its_own),
		cmocka_unit_test(test_where_mistakes_of_the_hub_stand),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test_setup_teardown(test_files, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			test_files_that_are_none, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			test_sluice_yaml_was_edited, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			test_one_is_edited_at_the_last_moment, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(
			test_a_copy_beside_it, make_directory, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
