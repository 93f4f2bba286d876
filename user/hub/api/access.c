/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/api/access.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/api/access_internal.h"
#include "hub/secret/certificates.h"

#include <endian.h>
#include <errno.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Of nobody; over TCP changes are counted as its. */
#define REMOTE_UID ((uid_t)-1)
#define READ_WRITE (ACL_READ | ACL_WRITE)

static void on_groups(void *context);

struct access *access_new(const char *directory, struct hub *h)
{
	struct access *a = calloc(1, sizeof(*a));

	if (!a)
		abort();
	a->wrong.burst = ACCESS_WRONG_BURST;
	a->wrong.each_ns = ACCESS_WRONG_EACH_S * CLOCK_SECOND;
	a->plans.burst = ACCESS_PLANS_BURST;
	a->plans.each_ns = ACCESS_PLANS_EACH_MS * CLOCK_MILLISECOND;
	a->tokens = tokens_new(directory);
	a->groups_known = groups_new(on_groups, h);
	a->owner = (gid_t)-1;
	for (size_t i = 0; i < CONFIG_ACCESS_MAX; i++)
		a->groups[i] = (gid_t)-1;
	return a;
}

void access_free(struct access *a)
{
	if (!a)
		return;
	tokens_free(a->tokens);
	groups_free(a->groups_known);
	free(a->seen);
	free(a);
}

struct tokens *access_tokens(const struct hub *h)
{
	return h->access->tokens;
}

/* ---- the socket ---- */

struct acl {
	struct posix_acl_xattr_header head;
	struct posix_acl_xattr_entry entries[CONFIG_ACCESS_MAX + 5];
	size_t count;
};

static void add(struct acl *acl, uint16_t tag, uint16_t rights, uint32_t id)
{
	acl->entries[acl->count++] = (struct posix_acl_xattr_entry){
		.e_tag = htole16(tag), .e_perm = htole16(rights), .e_id = htole32(id)};
}

/* acl(5): who is in one of the groups may open it, too; strangers may not even connect. */
static void open_to_groups(const struct access *a, const char *path)
{
	static const char name[] = "system.posix_acl_access";
	struct acl acl = {.head.a_version = htole32(POSIX_ACL_XATTR_VERSION)};

	if (removexattr(path, name) && errno != ENODATA && errno != EOPNOTSUPP)
		log_error("%s: %s", path, strerror(errno));
	add(&acl, ACL_USER_OBJ, READ_WRITE, (uint32_t)-1);
	add(&acl, ACL_GROUP_OBJ, READ_WRITE, (uint32_t)-1);
	for (size_t i = 0; i < CONFIG_ACCESS_MAX; i++) {
		if (a->groups[i] != (gid_t)-1)
			add(&acl, ACL_GROUP, READ_WRITE, a->groups[i]);
	}
	add(&acl, ACL_MASK, READ_WRITE, (uint32_t)-1);
	add(&acl, ACL_OTHER, 0, (uint32_t)-1);
	if (acl.count > 4 && setxattr(path, name, &acl.head,
				     sizeof(acl.head) + acl.count * sizeof(acl.entries[0]), 0))
		log_error("%s: the groups of `access` cannot open it: %s", path, strerror(errno));
}

void access_set(struct hub *h, int listener)
{
	const struct access_conf *conf = &h->config->concentrator.access;
	struct sockaddr_un un = {0};
	socklen_t len = sizeof(un) - 1;
	struct access *a = h->access;
	struct stat st;

	if (listener >= 0 && !getsockname(listener, (struct sockaddr *)&un, &len))
		memcpy(a->path, un.sun_path, sizeof(un.sun_path));
	a->owner = a->path[0] && !stat(a->path, &st) ? st.st_gid : (gid_t)-1;
	for (size_t i = 0; i < CONFIG_ACCESS_MAX; i++) {
		gid_t gid = (gid_t)-1;
		enum group_known known =
			i < conf->count && conf->grants[i].group[0]
				? groups_find(a->groups_known, conf->grants[i].group, &gid)
				: GROUP_UNKNOWN;

		a->groups[i] = known == GROUP_FOUND ? gid : (gid_t)-1;
		if (known == GROUP_NONE)
			log_warn("access: there is no group '%s'", conf->grants[i].group);
	}
	if (a->path[0])
		open_to_groups(a, a->path);
	if (a->other[0])
		open_to_groups(a, a->other);
}

static void on_groups(void *context)
{
	access_set(context, -1);
}

void access_look_up(struct hub *h, const struct access_conf *conf)
{
	groups_look_up(h->access->groups_known, h->base, conf);
}

void access_also(struct hub *h, const char *path)
{
	struct access *a = h->access;

	snprintf(a->other, sizeof(a->other), "%s", path);
	if (a->owner != (gid_t)-1 && chown(path, 0, a->owner))
		log_error("%s: %s", path, strerror(errno));
	open_to_groups(a, path);
}

/* ---- users ---- */

static bool is_in(gid_t group, const struct ucred *who, const gid_t *groups, size_t count)
{
	bool in = who->gid == group;

	for (size_t i = 0; i < count && !in; i++)
		in = groups[i] == group;
	return in && group != (gid_t)-1;
}

void access_of_user(const struct hub *h, const struct ucred *who, const gid_t *groups, size_t count,
	struct asker *asker)
{
	const struct access_conf *conf = &h->config->concentrator.access;
	const struct access *a = h->access;

	memset(asker, 0, sizeof(*asker));
	asker->who = *who;
	if (who->uid == 0 || who->uid == geteuid() || is_in(a->owner, who, groups, count))
		asker->grants[asker->count++] = (struct grant){.role = ROLE_ADMIN};
	for (uint32_t i = 0; i < conf->count; i++) {
		if (is_in(a->groups[i], who, groups, count))
			asker->grants[asker->count++] = conf->grants[i].grant;
	}
}

void access_of_remote(const struct hub *h, const struct ip_endpoint *from, const char *subject,
	const char *fingerprint, struct asker *asker)
{
	const struct concentrator_conf *c = &h->config->concentrator;

	memset(asker, 0, sizeof(*asker));
	asker->who = (struct ucred){.uid = REMOTE_UID, .gid = (gid_t)-1};
	asker->remote = true;
	asker->cap.role = c->api_role;
	asker->from = *from;
	snprintf(asker->subject, sizeof(asker->subject), "%s", subject);
	snprintf(asker->fingerprint, sizeof(asker->fingerprint), "%s", fingerprint);
	for (uint32_t i = 0; subject[0] && i < c->access.count; i++) {
		const struct user_grant *g = &c->access.grants[i];

		if (g->certificate[0] && certificates_same_subject(g->certificate, subject))
			asker->grants[asker->count++] = g->grant;
	}
}

gid_t *access_groups_of(int fd, size_t *count)
{
	socklen_t len = 0;
	gid_t *groups;

	*count = 0;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) || errno != ERANGE || !len)
		return NULL;
	groups = malloc(len);
	if (!groups)
		abort();
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len)) {
		free(groups);
		return NULL;
	}
	*count = len / sizeof(*groups);
	return groups;
}

bool access_of_peer(const struct hub *h, int fd, struct asker *asker)
{
	struct ucred who;
	socklen_t len = sizeof(who);
	gid_t *groups;
	size_t count;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return false;
	groups = access_groups_of(fd, &count);
	access_of_user(h, &who, groups, count, asker);
	free(groups);
	return true;
}

bool access_show(const struct hub *h, const char *bearer, struct asker *asker)
{
	const struct token *k =
		tokens_find(h->access->tokens, bearer, (int64_t)(clock_wall() / CLOCK_SECOND));

	asker->by_token = true;
	if (k)
		asker->token = *k;
	return k != NULL;
}

bool access_tired(const struct hub *h, uint64_t who, uint64_t now)
{
	return !budget_has(&h->access->wrong, who, now);
}

void access_was_wrong(struct hub *h, uint64_t who, uint64_t now)
{
	budget_take(&h->access->wrong, who, now);
}

bool access_may_plan(struct hub *h, const struct asker *asker, uint64_t now)
{
	uint64_t who = asker_number(asker);

	if (!asker->remote && !asker->who.uid)
		return true;
	if (!budget_has(&h->access->plans, who, now))
		return false;
	budget_take(&h->access->plans, who, now);
	return true;
}

uint64_t asker_number(const struct asker *a)
{
	struct ip_prefix network;
	uint64_t n = 14695981039346656037u; /* FNV-1a */

	if (!a->remote)
		return a->who.uid;
	network = addr_network(&a->from.addr);
	for (unsigned int i = 0; i < addr_len(&network.addr); i++)
		n = (n ^ network.addr.bytes[i]) * 1099511628211u;
	return n | 1ull << 63;
}

bool asker_is_same(const struct asker *a, const struct asker *b)
{
	if (a->by_token && b->by_token && a->token.id[0] && !strcmp(a->token.id, b->token.id))
		return true;
	if (a->remote && b->remote && a->subject[0] && !strcmp(a->subject, b->subject))
		return true;
	return asker_number(a) == asker_number(b);
}

/* ---- what may be done ---- */

bool asker_may(const struct asker *a, enum may right, const char *group)
{
	bool may = false;

	for (unsigned int i = 0; i < a->count; i++)
		may = may || grant_covers(&a->grants[i], right, group);
	return may && (!a->by_token || grant_covers(&a->token.grant, right, group)) &&
	       (!a->remote || grant_covers(&a->cap, right, group));
}

bool asker_may_somewhere(const struct asker *a, enum may right)
{
	for (unsigned int i = 0; i < a->count; i++) {
		if (asker_may(a, right, a->grants[i].scope))
			return true;
	}
	/* All that a user may, it may by a token in the token's scope. */
	return a->by_token && asker_may(a, right, a->token.grant.scope);
}

bool asker_has(const struct asker *a, const struct grant *grant)
{
	bool has = false;

	for (unsigned int i = 0; i < a->count; i++)
		has = has || grant_within(grant, &a->grants[i]);
	return has && (!a->by_token || grant_within(grant, &a->token.grant)) &&
	       (!a->remote || grant_within(grant, &a->cap));
}

static json_t *remote_json(const struct asker *a)
{
	char from[ENDPOINT_STR_SIZE];
	json_t *o = json_pack("{s:s}", "from", endpoint_format(&a->from, from));

	if (!a->subject[0])
		return o;
	json_object_set_new(o, "certificate", json_string(a->subject));
	json_object_set_new(o, "fingerprint", json_string(a->fingerprint));
	return o;
}

json_t *asker_json(const struct asker *a)
{
	json_t *o = a->remote ? remote_json(a)
			      : json_pack("{s:I, s:I, s:I}", "uid", (json_int_t)a->who.uid, "gid",
					(json_int_t)a->who.gid, "pid", (json_int_t)a->who.pid);

	if (a->by_token && a->token.id[0])
		json_object_set_new(o, "token", json_string(a->token.id));
	return o;
}

const char *asker_text(const struct asker *a, char text[ASKER_TEXT_SIZE])
{
	char from[ENDPOINT_STR_SIZE];

	if (a->remote)
		snprintf(text, ASKER_TEXT_SIZE, "%s", endpoint_format(&a->from, from));
	else
		snprintf(text, ASKER_TEXT_SIZE, "uid %u", (unsigned int)a->who.uid);
	return text;
}
