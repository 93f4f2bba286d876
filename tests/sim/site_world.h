/* SPDX-License-Identifier: Apache-2.0 */
/* A hub whose sites are changed by commands, as the api process hands these on. */
#ifndef TESTS_SIM_SITE_WORLD_H
#define TESTS_SIM_SITE_WORLD_H

#include "api_world.h"

#include "config/options.h"
#include "ipc/rows.h"
#include "store/revisions.h"

#define OWN(name, number)                                                                          \
	"  - name: " name "\n"                                                                     \
	"    asn: 6500" number "\n"                                                                \
	"    tunnels:\n"                                                                           \
	"      - { identity: a" number ".example.net, inside: 169.254.10" number                   \
	".0/30, psk: 'file:DIR/secret' }\n"

/* api_world.h has a file where keys would go. */
static inline int begins(void **state)
{
	char path[96];

	(void)state;
	world_begin("", SITES);
	world.keeps_revisions = true;
	world_write("secret", "correcthorsebattery\n");
	world_configure("", OWN("one", "1"));
	snprintf(path, sizeof(path), "%s/psk", world.dir);
	assert_int_equal(unlink(path), 0);
	world_apply();
	assert_true(world.applied.ok);
	client.number = world_connect(&client.fd);
	return client.number ? 0 : -1;
}

static inline int ends(void **state)
{
	close(client.fd);
	return world_finish(state);
}

/* ---- requests ---- */

static char bearer[API_TOKEN_SIZE]; /* that is shown; "": none */
static int sealed = -1; /* what the next one has to say, with its length; -1: rows of its own */

/* Sends it with what the object is to say, in YAML; the answer, when all is written. */
static inline json_t *does(struct imsg_api_request r, const char *site, const char *values)
{
	json_t *o = values ? json_loads(values, 0, NULL) : NULL;
	char why[ROW_WHY_SIZE], *text = calloc(1, 1 << 20);
	struct rows rows = {.len = 0};
	json_t *document = NULL;
	size_t n = 0;
	struct ucred who;
	bool was_there = is_there(&who);

	assert_non_null(text);
	assert_true(!values || o);
	if (o && !rows_of_json(o, &rows, why))
		fail_msg("%s", why);
	json_decref(o);
	world_forget();
	snprintf(r.site, sizeof(r.site), "%s", site);
	memcpy(r.bearer, bearer, sizeof(bearer));
	r.id = 77;
	r.client = client.number;
	r.tunnel = -1;
	if (sealed < 0)
		r.rows = (uint32_t)rows.len;
	if (sealed < 0)
		imsg_send_bytes(world.children[PROCESS_API], IMSG_API_REQUEST, &r, sizeof(r),
			rows.bytes, rows.len);
	else
		imsg_send(world.children[PROCESS_API], IMSG_API_REQUEST, sealed, &r, sizeof(r));
	sealed = -1;
	world_written();
	for (int turn = 0; turn < 300 && !document; turn++) {
		world_wait(10);
		n = 0;
		for (size_t i = 0; i < world.heard_count; i++) {
			const struct heard *h = &world.heard[i];
			const struct imsg_api_reply *reply = h->payload;

			if (h->role != PROCESS_API || h->type != IMSG_API_REPLY)
				continue;
			memcpy(text + n, reply + 1, reply->len);
			n += reply->len;
			text[n] = '\0';
			if (reply->last)
				document = json_loads(text, 0, NULL);
		}
	}
	if (!document)
		fail_msg("no answer: %s", text);
	if (was_there)
		comes_again(&who);
	free(text);
	return document;
}

#define CREATE ((struct imsg_api_request){.verb = API_SITE_CREATE})
#define SET    ((struct imsg_api_request){.verb = API_SITE_SET})
#define PUT    ((struct imsg_api_request){.verb = API_SITE_PUT})
#define SHOW   ((struct imsg_api_request){.verb = API_SITE_SHOW})
#define DELETE ((struct imsg_api_request){.verb = API_SITE_DELETE, .allow = "tunnel"})

static inline void done(struct imsg_api_request r, const char *site, const char *values)
{
	json_t *answer = does(r, site, values);

	if (!json_object_get(answer, "ok"))
		fail_msg("%s", json_string_value(json_object_get(answer, "detail")));
	json_decref(answer);
}

static inline json_t *not_done(struct imsg_api_request r, const char *site, const char *values,
	const char *code, const char *part)
{
	uint64_t number = revision_number(world.hub);
	json_t *answer = does(r, site, values);
	const char *said = json_string_value(json_object_get(answer, "code"));
	const char *detail = json_string_value(json_object_get(answer, "detail"));

	if (!said || strcmp(said, code) != 0 || !strstr(detail, part))
		fail_msg("not %s, %s, but %s, %s", code, part, said ? said : "done", detail);
	assert_int_equal(revision_number(world.hub), number);
	return answer;
}

static inline void refused(struct imsg_api_request r, const char *site, const char *values,
	const char *code, const char *part)
{
	json_decref(not_done(r, site, values, code, part));
}

/* ---- files ---- */

static inline char *content(const char *name)
{
	static char text[4096];
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", world.dir, name);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static inline void has(const char *file, const char *part)
{
	const char *text = content(file);

	if (!text || !strstr(text, part))
		fail_msg("%s is not with \"%s\" but \"%s\"", file, part, text ? text : "not there");
}

static inline void again(void)
{
	close(client.fd);
	world_stop();
	world_run();
	client.number = world_connect(&client.fd);
}

static inline struct stat status_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", world.dir, name);
	assert_int_equal(lstat(path, &st), 0);
	return st;
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, begins, ends)

#endif
