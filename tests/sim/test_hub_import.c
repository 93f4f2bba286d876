/* SPDX-License-Identifier: Apache-2.0 */
/* Many sites at once: all of them in one revision, or none, and what is wrong with each. */
#include "site_world.h"

#define EXPORT ((struct imsg_api_request){.verb = API_SITE_EXPORT})
#define IMPORT ((struct imsg_api_request){.verb = API_SITE_IMPORT})

/* As the api process hands it on: in a memfd. */
static json_t *imports(struct imsg_api_request r, json_t *own_sites)
{
	char why[ROW_WHY_SIZE];
	struct rows rows;

	if (!rows_of_sites(own_sites, &rows, why))
		fail_msg("%s", why);
	json_decref(own_sites);
	r.rows = (uint32_t)rows.len;
	sealed = rows_seal(&rows);
	assert_true(sealed >= 0);
	free(rows.many);
	return does(r, "", NULL);
}

static json_t *of_text(const char *text)
{
	json_error_t error;
	json_t *o = json_loads(text, 0, &error);

	if (!o)
		fail_msg("%s", error.text);
	return o;
}

static void assert_counts(json_t *own_answer, size_t created, size_t changed, size_t unchanged)
{
	if (!json_object_get(own_answer, "ok"))
		fail_msg("%s", json_string_value(json_object_get(own_answer, "detail")));
	assert_int_equal(json_array_size(json_object_get(own_answer, "created")), created);
	assert_int_equal(json_array_size(json_object_get(own_answer, "changed")), changed);
	assert_int_equal(json_integer_value(json_object_get(own_answer, "unchanged")), unchanged);
	json_decref(own_answer);
}

static json_t *some(unsigned int count)
{
	json_t *sites = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(
			sites, json_pack("{s:o, s:o, s:{s:s, s:s}}", "site", json_sprintf("s%u", i),
				       "at", json_sprintf("sites.csv:%u", i + 2), "values", "rate",
				       "5M", "tunnels.1.med", "70"));
	return sites;
}

static void many_at_once(void **state)
{
	struct imsg_api_request r = IMPORT;
	json_t *answer, *sites, *o;
	size_t i;

	(void)state;
	r.dry_run = true;
	answer = imports(r, some(19));
	assert_int_equal(json_array_size(json_object_get(answer, "created")), 19);
	assert_string_equal(json_string_value(json_object_get(answer, "effect")), "none");
	json_decref(answer);
	assert_null(content("sites/s0.yaml"));
	assert_null(content("psk/s0.0"));
	r.dry_run = false;
	answer = imports(r, some(19));
	assert_int_equal(json_array_size(json_object_get(answer, "keys")), 38);
	assert_counts(answer, 19, 0, 0);
	assert_int_equal(revision_number(world.hub), 3);
	assert_int_equal(world.hub->config->site_count, 20);
	assert_int_equal(world_site("s18")->conf.tunnels[1].med, 70);
	assert_true(world_site("s18")->conf.tunnels[1].configured);
	has("psk/s18.1", "");
	/* What is exported changes nothing, the one in sluice.yaml included. */
	answer = does(EXPORT, "", NULL);
	sites = json_incref(json_object_get(answer, "sites"));
	json_decref(answer);
	assert_int_equal(json_array_size(sites), 20);
	assert_counts(imports(r, json_incref(sites)), 0, 0, 20);
	assert_int_equal(revision_number(world.hub), 3);
	/* All of them again, with another rate: in one revision. */
	json_array_foreach(sites, i, o)
		if (i)
			json_object_set_new(
				json_object_get(o, "values"), "rate", json_string("6M"));
	assert_counts(imports(r, sites), 0, 19, 1);
	assert_int_equal(revision_number(world.hub), 4);
	assert_int_equal(world_site("s5")->conf.rate, 6000000);
	again();
	assert_int_equal(world_site("s5")->conf.rate, 6000000);
}

static void all_mistakes_at_once(void **state)
{
	json_t *answer;
	const char *said;

	(void)state;
	done(CREATE, "two", NULL);
	answer = imports(IMPORT,
		of_text("[{\"site\": \"a\", \"at\": \"x.csv:2\", \"values\": {\"rate\": \"fast\"}},"
			"{\"site\": \"b\", \"at\": \"x.csv:3\", \"values\": "
			"{\"tunnels.0.inside\": \"10.0.0.0/30\"}},"
			"{\"site\": \"two\", \"at\": \"x.csv:4\", \"values\": {\"rat\": 5}},"
			"{\"site\": \"c\"}]"));
	said = json_string_value(json_object_get(answer, "detail"));
	assert_string_equal(
		json_string_value(json_object_get(answer, "code")), "invalid-configuration");
	if (!strstr(said, "x.csv:2: site 'a': rate: ") ||
		!strstr(said, "\nx.csv:3: site 'b': tunnels[0].inside: ") ||
		!strstr(said, "\nx.csv:4: site 'two': unknown key 'rat'; did you mean 'rate'?"))
		fail_msg("%s", said);
	assert_int_equal(json_array_size(json_object_get(answer, "errors")), 3);
	json_decref(answer);
	/* Before anything is made of them. */
	answer = imports(IMPORT,
		of_text("[{\"site\": \"one\", \"at\": \"x.csv:2\", \"values\": {\"rate\": \"5M\"}},"
			"{\"site\": \"../x\", \"at\": \"x.csv:3\"},"
			"{\"site\": \"c\", \"at\": \"x.csv:4\"},"
			"{\"site\": \"c\", \"at\": \"x.csv:5\", \"values\": {\"tunnels.5.med\": "
			"5}}]"));
	said = json_string_value(json_object_get(answer, "detail"));
	if (!strstr(said, "x.csv:2: site 'one': it stands in ") ||
		!strstr(said, "`sluice site adopt one`") ||
		!strstr(said, "x.csv:3: site '../x': a site cannot have this name") ||
		!strstr(said, "x.csv:5: site 'c': it stands twice: also in x.csv:4") ||
		!strstr(said, "x.csv:5: site 'c': tunnels.5.med: "))
		fail_msg("%s", said);
	json_decref(answer);
	assert_int_equal(revision_number(world.hub), 3);
	/* No key and no file is left. */
	assert_null(content("psk/a.0"));
	assert_null(content("psk/c.0"));
	assert_null(content("sites/c.yaml"));
}

/* What is chosen for one is taken for the next, and what a later one says is for nobody before it. */
static void nobody_gets_what_another_has(void **state)
{
	char *said, *first;

	(void)state;
	assert_counts(
		imports(IMPORT,
			of_text("[{\"site\": \"a\"}, {\"site\": \"b\", \"values\": {\"asn\": "
				"65000, \"tunnels.0.inside\": \"169.254.6.0/30\"}}, {\"site\": "
				"\"c\"}]")),
		3, 0, 0);
	assert_int_equal(world_site("a")->conf.asn, 65002);
	assert_int_equal(world_site("b")->conf.asn, 65000);
	assert_int_equal(world_site("c")->conf.asn, 65003);
	first = strdup(content("psk/a.0"));
	said = content("psk/b.0");
	assert_string_not_equal(first, said);
	free(first);
	/* Cells of one that is there change it, and nothing else of it. */
	assert_counts(imports(IMPORT, of_text("[{\"site\": \"a\", \"values\": {\"labels.region\": "
					      "\"north\"}}, {\"site\": \"c\"}]")),
		0, 1, 1);
	assert_string_equal(world_site("a")->conf.labels.labels[0].value, "north");
	assert_true(world_site("a")->conf.tunnels[1].configured);
}

/* Who says which tunnels there are gets no other. */
static void as_many_tunnels_as_it_says(void **state)
{
	(void)state;
	assert_counts(
		imports(IMPORT, of_text("[{\"site\": \"a\", \"values\": {\"tunnels.0.med\": 5, "
					"\"tunnels.1\": null}}, {\"site\": \"b\", \"values\": "
					"{\"tunnels\": [{\"med\": 5}]}}, {\"site\": \"c\", "
					"\"values\": {\"tunnels.0.med\": 5}}]")),
		3, 0, 0);
	assert_false(world_site("a")->conf.tunnels[1].configured);
	assert_false(world_site("b")->conf.tunnels[1].configured);
	assert_true(world_site("c")->conf.tunnels[1].configured);
	assert_null(content("psk/a.1"));
	assert_counts(
		imports(IMPORT, of_text("[{\"site\": \"a\", \"values\": {\"tunnels.1\": null}}]")),
		0, 0, 1);
}

static void who_may(void **state)
{
	struct imsg_api_request ask = {.verb = API_TOKEN_CREATE, .role = ROLE_ADMIN};
	json_t *answer = does(ask, "", NULL);

	(void)state;
	snprintf(bearer, sizeof(bearer), "%s", json_string_value(json_object_get(answer, "token")));
	json_decref(answer);
	answer = imports(IMPORT, of_text("[{\"site\": \"a\", \"values\": {\"tunnels.0.psk\": "
					 "\"file:/etc/shadow\"}}]"));
	assert_string_equal(json_string_value(json_object_get(answer, "code")), "for-root");
	json_decref(answer);
	assert_counts(imports(IMPORT, of_text("[{\"site\": \"a\"}]")), 1, 0, 0);
	bearer[0] = '\0';
}

static void what_interrupts(void **state)
{
	struct imsg_api_request r = IMPORT;
	json_t *answer;

	(void)state;
	assert_counts(imports(r, some(3)), 3, 0, 0);
	world_write("sites/s1.yaml", "nonsense: 1\n");
	answer = imports(
		r, of_text("[{\"site\": \"s0\", \"values\": {\"rate\": \"7M\"}}, {\"site\": "
			   "\"s1\", \"values\": {\"rate\": \"7M\"}}]"));
	assert_string_equal(json_string_value(json_object_get(answer, "code")), "pending-edits");
	json_decref(answer);
	/* What is not written has nothing to fear. */
	assert_counts(imports(r, of_text("[{\"site\": \"s0\", \"values\": {\"rate\": \"7M\"}}, "
					 "{\"site\": \"s1\"}]")),
		0, 1, 1);
	assert_string_equal(content("sites/s1.yaml"), "nonsense: 1\n");
	answer = imports(r, of_text("[{\"site\": \"s0\", \"values\": {\"asn\": 65099}}, {\"site\": "
				    "\"new\"}]"));
	assert_string_equal(json_string_value(json_object_get(answer, "code")), "exceeds-allowed");
	json_decref(answer);
	assert_null(content("psk/new.0"));
	strcpy(r.allow, "bgp-session");
	assert_counts(
		imports(r, of_text("[{\"site\": \"s0\", \"values\": {\"asn\": 65099}}]")), 0, 1, 0);
}

/* What a taken api process could send. */
static void what_is_no_import(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{"=asn\0"
		    "1",
			   7},
		{"#site\0a\0#site", 13}, {"@at\0x\0", 6}, {"#site\0\x01\0", 8}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct rows rows = {.many = (char *)bad[i].bytes, .len = bad[i].len};
		struct imsg_api_request r = IMPORT;

		r.rows = (uint32_t)rows.len;
		sealed = rows_seal(&rows);
		refused(r, "", NULL, "bad-request", "");
	}
	/* Of a command about one site, many are none. */
	done(CREATE, "two", NULL);
	struct rows rows = {.many = (char *)"#site\0a", .len = 8};
	struct imsg_api_request r = SET;

	r.rows = 8;
	sealed = rows_seal(&rows);
	refused(r, "two", NULL, "bad-request", "one site is expected");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(many_at_once),
		TEST(all_mistakes_at_once),
		TEST(nobody_gets_what_another_has),
		TEST(as_many_tunnels_as_it_says),
		TEST(who_may),
		TEST(what_interrupts),
		TEST(what_is_no_import),
	};

	world_be_child(argc, argv);
	return cmocka_run_group_tests_name("hub_import", tests, NULL, NULL);
}
