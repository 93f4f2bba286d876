/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask what. What a user may follows from the groups that the kernel says it is in: root and the group that owns the
 * socket are admins, others have what the configuration grants (`access`). A token takes away from that and never adds: so a
 * process of another's that has seen one can do no more with it than whoever it is connected for.
 */
#ifndef SLUICE_HUB_API_ACCESS_H
#define SLUICE_HUB_API_ACCESS_H

#include "hub/api/tokens.h"
#include "hub/hub.h"

#include <sys/socket.h>

/* Somebody, and what was granted. */
struct asker {
	struct ucred who; /* of nobody, where it came over TCP */
	unsigned int count;
	struct grant grants[CONFIG_ACCESS_MAX + 1]; /* each alone */
	bool by_token;
	struct token token; /* then: within its grant only */
	bool remote;        /* over TCP: within `cap` only, whatever else */
	struct grant cap;
	struct ip_endpoint from;
	char subject[CERT_NAME_SIZE],
		fingerprint[CERT_PRINT_SIZE]; /* of its certificate; "": none */
};

#define ASKER_TEXT_SIZE (ENDPOINT_STR_SIZE + 8)

/* Tokens are those of the directory. */
struct access *access_new(const char *directory, struct hub *h);
void access_free(struct access *a);
struct tokens *access_tokens(const struct hub *h);

/* Has the groups of a configuration looked up, which is or will be in force; waits for nobody. */
void access_look_up(struct hub *h, const struct access_conf *conf);

/*
 * The configuration or the listener of the control socket (-1: it is the same) is another one: the socket can be opened by
 * the groups that it names, as far as they are known, and by the others as soon as they are.
 */
void access_set(struct hub *h, int listener);

/* What a user in these groups may, by the configuration in force. */
void access_of_user(const struct hub *h, const struct ucred *who, const gid_t *groups, size_t count,
	struct asker *asker);

/* The groups of whoever is connected, beside its own (unix(7)), for free(); NULL: none, or nobody can tell. */
gid_t *access_groups_of(int fd, size_t *count);
/* The same of who comes over TCP: what `access` grants to its certificate, whose subject is "" where there is none. */
void access_of_remote(const struct hub *h, const struct ip_endpoint *from, const char *subject,
	const char *fingerprint, struct asker *asker);
/* The same of whoever is connected to a socket of hub's. False: the kernel does not say who it is. */
bool access_of_peer(const struct hub *h, int fd, struct asker *asker);

/* Another socket that the same may open, from now on. */
void access_also(struct hub *h, const char *path);

/* Shows a token. False: it is wrong. */
bool access_show(const struct hub *h, const char *bearer, struct asker *asker);

/* Whether so many wrong ones were shown by a user lately that no more are looked at. One that is wrong is counted. */
#define ACCESS_WRONG_BURST  10
#define ACCESS_WRONG_EACH_S 10
bool access_tired(const struct hub *h, uint64_t who, uint64_t now);
void access_was_wrong(struct hub *h, uint64_t who, uint64_t now);
/* The number of a user for that: its uid, or another one of the network that it comes from. */
uint64_t asker_number(const struct asker *a);
/* Whether two have one token, certificate or user, or come from one network over TCP: then they share what one may have. */
bool asker_is_same(const struct asker *a, const struct asker *b);

/* Whether it may have one more plan now: ACCESS_PLANS_BURST at once, then one each ACCESS_PLANS_EACH_MS. Root always may. */
#define ACCESS_PLANS_BURST   50
#define ACCESS_PLANS_EACH_MS 200
bool access_may_plan(struct hub *h, const struct asker *asker, uint64_t now);

/* Whether it may do so with sites of a group; "": with the whole hub. */
bool asker_may(const struct asker *a, enum may right, const char *group);
/* Whether there is any group with whose sites it may. */
bool asker_may_somewhere(const struct asker *a, enum may right);
/* Whether all of `grant` is within what it has been granted. */
bool asker_has(const struct asker *a, const struct grant *grant);

/* {"uid", "gid", "pid"}, or over TCP {"from", "certificate", "fingerprint"}; "token" of who has shown one */
json_t *asker_json(const struct asker *a);
/* "uid 1000", or where it comes from */
const char *asker_text(const struct asker *a, char text[ASKER_TEXT_SIZE]);

/* ---- seen.c ---- */

/* Who asks now: set when a request begins. */
void access_begin(struct hub *h, const struct asker *asker);
const struct asker *access_asker(const struct hub *h);

/* The model as somebody may see it: without the sites that are none of its business. Good until the next call. */
const struct model *access_seen_by(const struct hub *h, const struct asker *asker);
/* As who asks now may. */
const struct model *access_seen(const struct hub *h);

/* Takes sentences about sites that are not to be seen out of a document. */
void access_redact(const struct hub *h, const struct asker *asker, json_t *document);

#endif
