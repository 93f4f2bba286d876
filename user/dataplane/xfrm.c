/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xfrm.h"

#include "base/secret.h"
#include "dataplane/xfrm_message.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xfrm {
	struct nl_sock *ask, *events;
	xfrm_handler *on_event;
	void *context;
};

/* ---- sending ---- */

/* Takes over own_msg, which may hold keys. */
static int transact(struct xfrm *x, struct nl_msg *own_msg)
{
	struct nlmsghdr *h = nlmsg_hdr(own_msg);
	int r = nl_send_auto(x->ask, own_msg);

	secret_wipe(nlmsg_data(h), nlmsg_datalen(h));
	nlmsg_free(own_msg);
	return r < 0 ? r : nl_wait_for_ack(x->ask);
}

static int sa_add(struct xfrm *x, const struct xfrm_sa *sa)
{
	struct nl_msg *m = xfrm_message_sa(sa);

	return m ? transact(x, m) : -NLE_OPNOTSUPP;
}

int xfrm_sa_add(struct xfrm *x, const struct xfrm_sa *sa)
{
	struct xfrm_sa plain = *sa;
	int r = sa_add(x, sa);

	if (!r || !sa->offload_ifindex)
		return r;
	/* Not this algorithm, not in this form, no room in the device: then as without it. */
	plain.offload_ifindex = 0;
	return sa_add(x, &plain);
}

int xfrm_sa_del(struct xfrm *x, uint32_t spi, const struct ip_addr *destination)
{
	struct xfrm_usersa_id id = xfrm_sa_id(spi, destination);
	struct nl_msg *m = xfrm_message(XFRM_MSG_DELSA, 0, &id, sizeof(id));

	return m ? transact(x, m) : -NLE_NOMEM;
}

int xfrm_policy_set(struct xfrm *x, uint32_t tunnel, uint32_t spi, const struct ip_addr *local,
	const struct ip_addr *remote)
{
	static const int families[] = {AF_INET, AF_INET6};
	int r = 0;

	for (int i = 0; i < 2 && !r; i++) {
		struct nl_msg *m = xfrm_message_policy(tunnel, spi, local, remote, families[i]);

		r = m ? transact(x, m) : -NLE_NOMEM;
	}
	return r;
}

static void policy_del(struct xfrm *x, uint32_t if_id, const struct xfrm_selector *sel, uint8_t dir)
{
	struct xfrm_userpolicy_id id = {.sel = *sel, .dir = dir};
	struct nl_msg *m = xfrm_message(XFRM_MSG_DELPOLICY, 0, &id, sizeof(id));

	if (m && !nla_put_u32(m, XFRMA_IF_ID, if_id))
		(void)transact(x, m);
	else
		nlmsg_free(m);
}

void xfrm_policy_del(struct xfrm *x, uint32_t tunnel)
{
	static const int families[] = {AF_INET, AF_INET6};

	for (int i = 0; i < 2; i++) {
		struct xfrm_selector sel = {.family = (uint16_t)families[i]};

		policy_del(x, SLUICE_IF_ID + tunnel, &sel, XFRM_POLICY_OUT);
	}
}

/* ---- what there is ---- */

static int dump(struct xfrm *x, int type, nl_recvmsg_msg_cb_t each, void *arg)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
	int r = -NLE_NOMEM;

	if (cb && m) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, each, arg);
		r = nl_send_auto(x->ask, m);
		if (r >= 0)
			r = nl_recvmsgs(x->ask, cb);
	}
	nlmsg_free(m);
	nl_cb_put(cb);
	return r;
}

/* What a flush will delete: while a dump runs, the socket cannot be asked for more. */
struct doomed {
	xfrm_keeps *keeps;
	void *context;
	size_t count, room;
	struct doomed_entry {
		uint32_t if_id;
		struct xfrm_usersa_id id;
		struct xfrm_selector sel;
		uint8_t dir;
	} * entries;
};

static struct doomed_entry *doom(struct doomed *d)
{
	if (d->count == d->room) {
		size_t room = d->room ? d->room * 2 : 64;
		struct doomed_entry *more = realloc(d->entries, room * sizeof(*more));

		if (!more)
			return NULL;
		d->entries = more;
		d->room = room;
	}
	memset(&d->entries[d->count], 0, sizeof(d->entries[0]));
	return &d->entries[d->count++];
}

static bool is_doomed(const struct doomed *d, uint32_t if_id, uint32_t spi)
{
	return xfrm_is_ours(if_id) &&
	       !(d->keeps && d->keeps(d->context, if_id - SLUICE_IF_ID, spi));
}

static int doom_sa(struct nl_msg *m, void *arg)
{
	const struct xfrm_usersa_info *info = nlmsg_data(nlmsg_hdr(m));
	uint32_t if_id = xfrm_if_id_of(nlmsg_hdr(m), sizeof(*info));
	struct doomed_entry *e = is_doomed(arg, if_id, ntohl(info->id.spi)) ? doom(arg) : NULL;

	if (e)
		e->id = (struct xfrm_usersa_id){.daddr = info->id.daddr,
			.spi = info->id.spi,
			.family = info->family,
			.proto = info->id.proto};
	return NL_OK;
}

static int doom_policy(struct nl_msg *m, void *arg)
{
	const struct xfrm_userpolicy_info *info = nlmsg_data(nlmsg_hdr(m));
	uint32_t if_id = xfrm_if_id_of(nlmsg_hdr(m), sizeof(*info));
	struct doomed_entry *e = is_doomed(arg, if_id, 0) ? doom(arg) : NULL;

	if (e) {
		e->if_id = if_id;
		e->sel = info->sel;
		e->dir = info->dir;
	}
	return NL_OK;
}

void xfrm_flush(struct xfrm *x, xfrm_keeps *keeps, void *context)
{
	struct doomed sas = {.keeps = keeps, .context = context};
	struct doomed policies = {.keeps = keeps, .context = context};

	dump(x, XFRM_MSG_GETPOLICY, doom_policy, &policies);
	for (size_t i = 0; i < policies.count; i++)
		policy_del(x, policies.entries[i].if_id, &policies.entries[i].sel,
			policies.entries[i].dir);
	dump(x, XFRM_MSG_GETSA, doom_sa, &sas);
	for (size_t i = 0; i < sas.count; i++) {
		struct nl_msg *m = xfrm_message(
			XFRM_MSG_DELSA, 0, &sas.entries[i].id, sizeof(sas.entries[i].id));

		if (m)
			(void)transact(x, m);
	}
	free(sas.entries);
	free(policies.entries);
}

static int on_message(struct nl_msg *m, void *arg)
{
	struct xfrm *x = arg;
	struct xfrm_event e;

	if (xfrm_event_parse(nlmsg_hdr(m), &e))
		x->on_event(x->context, &e);
	return NL_OK;
}

void xfrm_count(struct xfrm *x)
{
	dump(x, XFRM_MSG_GETSA, on_message, x);
}

struct replay_question {
	uint32_t spi;
	struct ip_addr destination;
	struct xfrm_replay *replay;
	bool found;
};

static int answer_replay(struct nl_msg *m, void *arg)
{
	const struct xfrm_usersa_info *info = nlmsg_data(nlmsg_hdr(m));
	struct ip_addr destination = xfrm_from_kernel(&info->id.daddr, info->family);
	struct replay_question *q = arg;
	struct nlattr *a;

	if (ntohl(info->id.spi) != q->spi || !addr_equal(&destination, &q->destination))
		return NL_OK;
	q->found = true;
	a = nlmsg_find_attr(nlmsg_hdr(m), sizeof(*info), XFRMA_REPLAY_ESN_VAL);
	q->replay->len = 0;
	if (a && nla_len(a) <= (int)sizeof(q->replay->bytes)) {
		q->replay->len = (uint32_t)nla_len(a);
		memcpy(q->replay->bytes, nla_data(a), q->replay->len);
	}
	return NL_OK;
}

bool xfrm_sa_replay(
	struct xfrm *x, uint32_t spi, const struct ip_addr *destination, struct xfrm_replay *replay)
{
	struct replay_question q = {.spi = spi, .destination = *destination, .replay = replay};

	dump(x, XFRM_MSG_GETSA, answer_replay, &q);
	return q.found;
}

/* ---- what the kernel says by itself ---- */

int xfrm_fd(const struct xfrm *x)
{
	return nl_socket_get_fd(x->events);
}

void xfrm_read(struct xfrm *x)
{
	(void)nl_recvmsgs_default(x->events);
}

struct xfrm *xfrm_open(xfrm_handler *on_event, void *context, char error[DATAPLANE_ERROR_SIZE])
{
	struct xfrm *x = calloc(1, sizeof(*x));
	int r = -NLE_NOMEM;

	if (!x)
		goto fail;
	x->on_event = on_event;
	x->context = context;
	x->ask = nl_socket_alloc();
	x->events = nl_socket_alloc();
	if (!x->ask || !x->events)
		goto fail;
	nl_socket_disable_seq_check(x->events);
	nl_socket_modify_cb(x->events, NL_CB_VALID, NL_CB_CUSTOM, on_message, x);
	r = nl_connect(x->ask, NETLINK_XFRM);
	if (!r)
		r = nl_connect(x->events, NETLINK_XFRM);
	if (!r)
		r = nl_socket_add_memberships(x->events, XFRMNLGRP_EXPIRE, XFRMNLGRP_MAPPING, 0);
	if (!r)
		r = nl_socket_set_nonblocking(x->events);
	if (!r)
		return x;
fail:
	snprintf(error, DATAPLANE_ERROR_SIZE,
		"this kernel has no IPsec that can be configured (module xfrm_user): %s",
		nl_geterror(r));
	xfrm_close(x);
	return NULL;
}

void xfrm_close(struct xfrm *x)
{
	if (!x)
		return;
	nl_socket_free(x->ask);
	nl_socket_free(x->events);
	free(x);
}

bool xfrm_probe(struct xfrm *x, char error[DATAPLANE_ERROR_SIZE])
{
	static const char *const texts[] = {"AES-GCM", "AES-CBC with HMAC-SHA-256"};
	static const struct esp_params tries[] = {
		{.spi = 0x51000001, .outbound = true, .cipher = ESP_AES_GCM_16, .key_len = 16},
		{.spi = 0x51000001,
			.outbound = true,
			.cipher = ESP_AES_CBC,
			.integ = ESP_HMAC_SHA256_128,
			.key_len = 16,
			.integ_len = 32},
	};
	/* RFC 5737: an address that is nobody's. */
	struct ip_endpoint nobody = {.addr = {.family = AF_INET, .bytes = {192, 0, 2, 1}}};

	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		struct xfrm_sa sa = {.tunnel = SLUICE_MAX_TUNNELS - 1,
			.esp = &tries[i],
			.local = nobody,
			.remote = nobody};
		int r = xfrm_sa_add(x, &sa);

		if (r) {
			snprintf(error, DATAPLANE_ERROR_SIZE,
				"this kernel has no ESP with %s (modules esp4, esp6, gcm, cbc): %s",
				texts[i], nl_geterror(r));
			return false;
		}
		(void)xfrm_sa_del(x, tries[i].spi, &nobody.addr);
	}
	return true;
}
