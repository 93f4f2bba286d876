/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xfrm.h"

#include "base/secret.h"
#include "dataplane/xfrm_algorithms.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/udp.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_PRIORITY 83
#define WINDOW_WORD     32                   /* bits */
#define SOFT_PACKETS    UINT64_C(0xf0000000) /* without ESN: RFC 4303 3.3.3 */
#define SOFT_ESN        (UINT64_C(0xf) << 60)
#define MAPPING_SECONDS 1 /* between two reports that a peer has moved */

struct xfrm {
	struct nl_sock *ask, *events;
	xfrm_handler *on_event;
	void *context;
};

static xfrm_address_t to_kernel(const struct ip_addr *a)
{
	xfrm_address_t x = {0};

	memcpy(&x, a->bytes, addr_len(a));
	return x;
}

static struct ip_addr from_kernel(const xfrm_address_t *x, uint16_t family)
{
	return addr_from_bytes(family == AF_INET6 ? AF_INET6 : AF_INET, (const uint8_t *)x);
}

static bool is_ours(uint32_t if_id)
{
	return if_id >= SLUICE_IF_ID && if_id < SLUICE_IF_ID + SLUICE_MAX_TUNNELS;
}

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

static struct nl_msg *message(int type, int flags, void *body, size_t len)
{
	struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (m && nlmsg_append(m, body, len, NLMSG_ALIGNTO)) {
		nlmsg_free(m);
		m = NULL;
	}
	return m;
}

/*
 * The kernel wants a window of at least one packet wherever there are 64-bit numbers; outbound it
 * means nothing, but in this form the number last used can be read and set.
 */
static int put_replay(struct nl_msg *m, const struct xfrm_sa *sa)
{
	uint32_t window = sa->esp->replay_window ? sa->esp->replay_window : 1;
	uint32_t words = (window + WINDOW_WORD - 1) / WINDOW_WORD;
	size_t len = sizeof(struct xfrm_replay_state_esn) + words * sizeof(uint32_t);
	struct xfrm_replay_state_esn *r;
	struct nlattr *a;

	if (sa->replay && sa->replay->len)
		return nla_put(m, XFRMA_REPLAY_ESN_VAL, (int)sa->replay->len, sa->replay->bytes);
	if (!sa->esp->replay_window && !sa->esp->esn && !sa->esp->outbound)
		return 0;
	a = nla_reserve(m, XFRMA_REPLAY_ESN_VAL, (int)len);
	if (!a)
		return -NLE_NOMEM;
	r = nla_data(a);
	memset(r, 0, len);
	r->bmp_len = words;
	r->replay_window = window;
	return 0;
}

static int put_encap(struct nl_msg *m, const struct xfrm_sa *sa)
{
	const struct ip_endpoint *from = sa->esp->outbound ? &sa->local : &sa->remote;
	const struct ip_endpoint *to = sa->esp->outbound ? &sa->remote : &sa->local;
	struct xfrm_encap_tmpl e = {.encap_type = UDP_ENCAP_ESPINUDP,
		.encap_sport = htons(from->port),
		.encap_dport = htons(to->port)};
	int r;

	if (!sa->udp_encap)
		return 0;
	r = nla_put(m, XFRMA_ENCAP, sizeof(e), &e);
	if (!r && !sa->esp->outbound)
		r = nla_put_u32(m, XFRMA_MTIMER_THRESH, MAPPING_SECONDS);
	return r;
}

static int put_offload(struct nl_msg *m, const struct xfrm_sa *sa)
{
	struct xfrm_user_offload o = {.ifindex = (int)sa->offload_ifindex,
		.flags = sa->esp->outbound ? 0 : XFRM_OFFLOAD_INBOUND};

	return sa->offload_ifindex ? nla_put(m, XFRMA_OFFLOAD_DEV, sizeof(o), &o) : 0;
}

/* The number that was sent last. */
static uint64_t replay_sent(const struct xfrm_replay *r)
{
	const struct xfrm_replay_state_esn *state = r ? (const void *)r->bytes : NULL;

	return r && r->len >= sizeof(*state) ? (uint64_t)state->oseq_hi << 32 | state->oseq : 0;
}

static struct xfrm_lifetime_cfg lifetime(const struct xfrm_sa *sa)
{
	uint64_t soft = sa->esp->esn ? SOFT_ESN : SOFT_PACKETS;
	uint64_t used = replay_sent(sa->replay);

	return (struct xfrm_lifetime_cfg){.soft_byte_limit = XFRM_INF,
		.hard_byte_limit = XFRM_INF,
		.soft_packet_limit = soft > used ? soft - used : 1,
		.hard_packet_limit = XFRM_INF};
}

static int sa_message(struct xfrm *x, const struct xfrm_sa *sa)
{
	const struct ip_endpoint *from = sa->esp->outbound ? &sa->local : &sa->remote;
	const struct ip_endpoint *to = sa->esp->outbound ? &sa->remote : &sa->local;
	struct xfrm_usersa_info info = {
		.id = {.daddr = to_kernel(&to->addr),
			.spi = htonl(sa->esp->spi),
			.proto = IPPROTO_ESP},
		.saddr = to_kernel(&from->addr),
		.lft = lifetime(sa),
		.reqid = SLUICE_IF_ID + sa->tunnel,
		.family = (uint16_t)to->addr.family,
		.mode = XFRM_MODE_TUNNEL,
		.flags = XFRM_STATE_AF_UNSPEC,
	};
	struct nl_msg *m;
	int r;

	if (sa->esp->esn)
		info.flags |= XFRM_STATE_ESN;
	m = message(XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	if (!m)
		return -NLE_NOMEM;
	r = xfrm_put_algorithms(m, sa->esp);
	if (!r)
		r = put_replay(m, sa);
	if (!r)
		r = put_encap(m, sa);
	if (!r)
		r = put_offload(m, sa);
	if (!r)
		r = nla_put_u32(m, XFRMA_IF_ID, SLUICE_IF_ID + sa->tunnel);
	if (!r)
		return transact(x, m);
	secret_wipe(nlmsg_data(nlmsg_hdr(m)), nlmsg_datalen(nlmsg_hdr(m)));
	nlmsg_free(m);
	return r;
}

int xfrm_sa_add(struct xfrm *x, const struct xfrm_sa *sa)
{
	struct xfrm_sa plain = *sa;
	int r = sa_message(x, sa);

	if (!r || !sa->offload_ifindex)
		return r;
	/* Not this algorithm, not in this form, no room in the device: then as without it. */
	plain.offload_ifindex = 0;
	return sa_message(x, &plain);
}

static struct xfrm_usersa_id sa_id(uint32_t spi, const struct ip_addr *destination)
{
	return (struct xfrm_usersa_id){.daddr = to_kernel(destination),
		.spi = htonl(spi),
		.family = (uint16_t)destination->family,
		.proto = IPPROTO_ESP};
}

int xfrm_sa_del(struct xfrm *x, uint32_t spi, const struct ip_addr *destination)
{
	struct xfrm_usersa_id id = sa_id(spi, destination);
	struct nl_msg *m = message(XFRM_MSG_DELSA, 0, &id, sizeof(id));

	return m ? transact(x, m) : -NLE_NOMEM;
}

static int policy_message(struct xfrm *x, uint32_t tunnel, uint32_t spi,
	const struct ip_addr *local, const struct ip_addr *remote, int family)
{
	struct xfrm_userpolicy_info info = {
		.sel.family = (uint16_t)family,
		.lft = {.soft_byte_limit = XFRM_INF,
			.hard_byte_limit = XFRM_INF,
			.soft_packet_limit = XFRM_INF,
			.hard_packet_limit = XFRM_INF},
		.priority = POLICY_PRIORITY,
		.dir = XFRM_POLICY_OUT,
		.action = XFRM_POLICY_ALLOW,
	};
	struct xfrm_user_tmpl t = {
		.id = {.daddr = to_kernel(remote), .spi = htonl(spi), .proto = IPPROTO_ESP},
		.family = (uint16_t)remote->family,
		.saddr = to_kernel(local),
		.reqid = SLUICE_IF_ID + tunnel,
		.mode = XFRM_MODE_TUNNEL,
		.aalgos = ~0u,
		.ealgos = ~0u,
		.calgos = ~0u,
	};
	struct nl_msg *m = message(XFRM_MSG_UPDPOLICY, 0, &info, sizeof(info));

	if (!m)
		return -NLE_NOMEM;
	if (!nla_put(m, XFRMA_TMPL, sizeof(t), &t) &&
		!nla_put_u32(m, XFRMA_IF_ID, SLUICE_IF_ID + tunnel))
		return transact(x, m);
	nlmsg_free(m);
	return -NLE_NOMEM;
}

int xfrm_policy_set(struct xfrm *x, uint32_t tunnel, uint32_t spi, const struct ip_addr *local,
	const struct ip_addr *remote)
{
	int r = policy_message(x, tunnel, spi, local, remote, AF_INET);

	return r ? r : policy_message(x, tunnel, spi, local, remote, AF_INET6);
}

static void policy_del(struct xfrm *x, uint32_t if_id, const struct xfrm_selector *sel, uint8_t dir)
{
	struct xfrm_userpolicy_id id = {.sel = *sel, .dir = dir};
	struct nl_msg *m = message(XFRM_MSG_DELPOLICY, 0, &id, sizeof(id));

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

static uint32_t if_id_of(struct nl_msg *m, size_t body)
{
	struct nlattr *a = nlmsg_find_attr(nlmsg_hdr(m), (int)body, XFRMA_IF_ID);

	return a && nla_len(a) >= 4 ? nla_get_u32(a) : 0;
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
	return is_ours(if_id) && !(d->keeps && d->keeps(d->context, if_id - SLUICE_IF_ID, spi));
}

static int doom_sa(struct nl_msg *m, void *arg)
{
	const struct xfrm_usersa_info *info = nlmsg_data(nlmsg_hdr(m));
	uint32_t if_id = if_id_of(m, sizeof(*info));
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
	uint32_t if_id = if_id_of(m, sizeof(*info));
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
		struct nl_msg *m =
			message(XFRM_MSG_DELSA, 0, &sas.entries[i].id, sizeof(sas.entries[i].id));

		if (m)
			(void)transact(x, m);
	}
	free(sas.entries);
	free(policies.entries);
}

static int report_count(struct nl_msg *m, void *arg)
{
	const struct xfrm_usersa_info *info = nlmsg_data(nlmsg_hdr(m));
	uint32_t if_id = if_id_of(m, sizeof(*info));
	struct xfrm *x = arg;
	struct xfrm_event e;

	if (!is_ours(if_id))
		return NL_OK;
	e = (struct xfrm_event){.type = XFRM_EVENT_COUNTED,
		.tunnel = if_id - SLUICE_IF_ID,
		.spi = ntohl(info->id.spi),
		.destination = from_kernel(&info->id.daddr, info->family),
		.replay = info->stats.replay + info->stats.replay_window,
		.auth = info->stats.integrity_failed};
	x->on_event(x->context, &e);
	return NL_OK;
}

void xfrm_count(struct xfrm *x)
{
	dump(x, XFRM_MSG_GETSA, report_count, x);
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
	struct ip_addr destination = from_kernel(&info->id.daddr, info->family);
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

static void on_expire(struct xfrm *x, const struct xfrm_user_expire *m)
{
	struct xfrm_event e = {.type = XFRM_EVENT_EXPIRING,
		.tunnel = m->state.reqid - SLUICE_IF_ID,
		.spi = ntohl(m->state.id.spi),
		.destination = from_kernel(&m->state.id.daddr, m->state.family)};

	if (is_ours(m->state.reqid) && !m->hard)
		x->on_event(x->context, &e);
}

static void on_mapping(struct xfrm *x, const struct xfrm_user_mapping *m)
{
	struct xfrm_event e = {.type = XFRM_EVENT_MOVED,
		.tunnel = m->reqid - SLUICE_IF_ID,
		.spi = ntohl(m->id.spi),
		.destination = from_kernel(&m->id.daddr, m->id.family),
		.remote = {.addr = from_kernel(&m->new_saddr, m->id.family),
			.port = ntohs(m->new_sport)}};

	if (is_ours(m->reqid))
		x->on_event(x->context, &e);
}

static int on_message(struct nl_msg *m, void *arg)
{
	struct nlmsghdr *h = nlmsg_hdr(m);

	if (h->nlmsg_type == XFRM_MSG_EXPIRE &&
		nlmsg_datalen(h) >= (int)sizeof(struct xfrm_user_expire))
		on_expire(arg, nlmsg_data(h));
	else if (h->nlmsg_type == XFRM_MSG_MAPPING &&
		 nlmsg_datalen(h) >= (int)sizeof(struct xfrm_user_mapping))
		on_mapping(arg, nlmsg_data(h));
	return NL_OK;
}

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
		"this kernel's IPsec cannot be spoken to (module xfrm_user): %s", nl_geterror(r));
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
				"this kernel has no ESP with %s (modules esp4, esp6, gcm, cbc, "
				"...): "
				"%s; dataplane: af_xdp does without",
				texts[i], nl_geterror(r));
			return false;
		}
		(void)xfrm_sa_del(x, tries[i].spi, &nobody.addr);
	}
	return true;
}
