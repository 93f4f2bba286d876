/* SPDX-License-Identifier: Apache-2.0 */
/* A hub with somebody at its control socket, who asks as the api process hands it on. */
#ifndef TESTS_SIM_API_WORLD_H
#define TESTS_SIM_API_WORLD_H

#include "hub_world.h"

#include "ipc/problem.h"

#define GATEWAY                                                                                    \
	"  - name: static\n"                                                                       \
	"    routing: static\n"                                                                    \
	"    static_routes: [10.9.0.0/24]\n"                                                       \
	"    class: gateway\n"                                                                     \
	"    tunnels:\n"                                                                           \
	"      - { identity: g.example.net, inside: 169.254.103.0/30, psk: 'file:DIR/psk' }\n"
#define SITES WORLD_SITE("one", "1", "") WORLD_SITE("two", "2", "") GATEWAY

static struct {
	int fd;
	uint32_t number;
	unsigned int status; /* of the last answer */
} client;

static inline int setup(void **state)
{
	(void)state;
	world_begin("", SITES);
	client.number = world_connect(&client.fd);
	return client.number ? 0 : -1;
}

static inline int teardown(void **state)
{
	close(client.fd);
	return world_finish(state);
}

/* Who is connected, as hub knows it; false: nobody who may ask. */
static inline bool is_there(struct ucred *who)
{
	const struct ucred *known = hub_client_who(world.hub, client.number, clock_now());

	if (known)
		*who = *known;
	return known;
}

/* A connection has one request: whoever has asked comes again for the next one, as the same user. */
static inline void comes_again(const struct ucred *as)
{
	const struct imsg_api_client gone = {.number = client.number};
	struct ucred *who;

	if (hub_client_who(world.hub, client.number, clock_now()))
		return;
	imsg_send(world.children[PROCESS_API], IMSG_API_GONE, -1, &gone, sizeof(gone));
	world_turn();
	close(client.fd);
	client.number = world_connect(&client.fd);
	who = (struct ucred *)hub_client_who(world.hub, client.number, clock_now());
	assert_non_null(who);
	*who = *as;
}

/* Asks, and puts the parts of the answer together; NULL: there is none yet. */
static inline char *asks(struct imsg_api_request r)
{
	struct ucred who;
	bool was_there = is_there(&who);
	char *text = calloc(1, 1 << 20);
	bool last = false;
	size_t n = 0;

	assert_non_null(text);
	world_forget();
	r.id = 77;
	r.client = client.number;
	imsg_send(world.children[PROCESS_API], IMSG_API_REQUEST, -1, &r, sizeof(r));
	world_turn();
	for (size_t i = 0; i < world.heard_count; i++) {
		const struct heard *h = &world.heard[i];
		const struct imsg_api_reply *reply = h->payload;

		if (h->role != PROCESS_API || h->type != IMSG_API_REPLY)
			continue;
		assert_false(last);
		assert_int_equal(reply->id, 77);
		assert_int_equal(h->len, sizeof(*reply) + reply->len);
		memcpy(text + n, reply + 1, reply->len);
		n += reply->len;
		last = reply->last;
		client.status = reply->status;
	}
	if (was_there)
		comes_again(&who);
	if (last)
		return text;
	free(text);
	return NULL;
}

static inline json_t *asked(struct imsg_api_request r)
{
	char *text = asks(r);
	json_t *document;

	if (!text)
		return NULL;
	document = json_loads(text, 0, NULL);
	assert_non_null(document);
	assert_int_equal(client.status, problem_status(document));
	free(text);
	return document;
}

static inline void hears(struct imsg_api_request r, const char *member, const char *part)
{
	json_t *document = asked(r);
	const char *text = json_string_value(json_object_get(document, member));

	if (!text || !strstr(text, part))
		fail_msg("verb %u: not \"%s\" but \"%s\"", r.verb, part, text ? text : "nothing");
	json_decref(document);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
