/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/xfrm_message.h"

#include "base/secret.h"
#include "dataplane/xfrm_algorithms.h"

#include <arpa/inet.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <string.h>

#define POLICY_PRIORITY 83
#define WINDOW_WORD     32                   /* bits */
#define SOFT_PACKETS    UINT64_C(0xf0000000) /* without ESN: RFC 4303 3.3.3 */
#define SOFT_ESN        (UINT64_C(0xf) << 60)
#define MAPPING_SECONDS 1 /* between two reports that a peer has moved */

static xfrm_address_t to_kernel(const struct ip_addr *a)
{
	xfrm_address_t x = {0};

	memcpy(&x, a->bytes, addr_len(a));
	return x;
}

struct ip_addr xfrm_from_kernel(const xfrm_address_t *x, uint16_t family)
{
	return addr_from_bytes(family == AF_INET6 ? AF_INET6 : AF_INET, (const uint8_t *)x);
}

bool xfrm_is_ours(uint32_t if_id)
{
	return if_id >= SLUICE_IF_ID && if_id < SLUICE_IF_ID + SLUICE_MAX_TUNNELS;
}

struct nl_msg *xfrm_message(int type, int flags, void *body, size_t len)
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

struct nl_msg *xfrm_message_sa(const struct xfrm_sa *sa)
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
	m = xfrm_message(XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	if (!m)
		return NULL;
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
		return m;
	secret_wipe(nlmsg_data(nlmsg_hdr(m)), nlmsg_datalen(nlmsg_hdr(m)));
	nlmsg_free(m);
	return NULL;
}

struct xfrm_usersa_id xfrm_sa_id(uint32_t spi, const struct ip_addr *destination)
{
	return (struct xfrm_usersa_id){.daddr = to_kernel(destination),
		.spi = htonl(spi),
		.family = (uint16_t)destination->family,
		.proto = IPPROTO_ESP};
}

struct nl_msg *xfrm_message_policy(uint32_t tunnel, uint32_t spi, const struct ip_addr *local,
	const struct ip_addr *remote, int family)
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
	struct nl_msg *m = xfrm_message(XFRM_MSG_UPDPOLICY, 0, &info, sizeof(info));

	if (m && !nla_put(m, XFRMA_TMPL, sizeof(t), &t) &&
		!nla_put_u32(m, XFRMA_IF_ID, SLUICE_IF_ID + tunnel))
		return m;
	nlmsg_free(m);
	return NULL;
}

uint32_t xfrm_if_id_of(struct nlmsghdr *h, size_t body)
{
	struct nlattr *a = nlmsg_find_attr(h, (int)body, XFRMA_IF_ID);

	return a && nla_len(a) >= 4 ? nla_get_u32(a) : 0;
}

static bool parse_expire(struct nlmsghdr *h, struct xfrm_event *e)
{
	const struct xfrm_user_expire *m = nlmsg_data(h);

	*e = (struct xfrm_event){.type = XFRM_EVENT_EXPIRING,
		.tunnel = m->state.reqid - SLUICE_IF_ID,
		.spi = ntohl(m->state.id.spi),
		.destination = xfrm_from_kernel(&m->state.id.daddr, m->state.family)};
	return xfrm_is_ours(m->state.reqid) && !m->hard;
}

static bool parse_mapping(struct nlmsghdr *h, struct xfrm_event *e)
{
	const struct xfrm_user_mapping *m = nlmsg_data(h);

	*e = (struct xfrm_event){.type = XFRM_EVENT_MOVED,
		.tunnel = m->reqid - SLUICE_IF_ID,
		.spi = ntohl(m->id.spi),
		.destination = xfrm_from_kernel(&m->id.daddr, m->id.family),
		.remote = {.addr = xfrm_from_kernel(&m->new_saddr, m->id.family),
			.port = ntohs(m->new_sport)}};
	return xfrm_is_ours(m->reqid);
}

static bool parse_count(struct nlmsghdr *h, struct xfrm_event *e)
{
	const struct xfrm_usersa_info *m = nlmsg_data(h);
	uint32_t if_id = xfrm_if_id_of(h, sizeof(*m));

	*e = (struct xfrm_event){.type = XFRM_EVENT_COUNTED,
		.tunnel = if_id - SLUICE_IF_ID,
		.spi = ntohl(m->id.spi),
		.destination = xfrm_from_kernel(&m->id.daddr, m->family),
		.replay = (uint64_t)m->stats.replay + m->stats.replay_window,
		.auth = m->stats.integrity_failed,
		.offloaded = nlmsg_find_attr(h, sizeof(*m), XFRMA_OFFLOAD_DEV)};
	return xfrm_is_ours(if_id);
}

bool xfrm_event_parse(struct nlmsghdr *h, struct xfrm_event *e)
{
	static const struct {
		uint16_t type;
		int size;
		bool (*parse)(struct nlmsghdr *h, struct xfrm_event *e);
	} rows[] = {
		{XFRM_MSG_EXPIRE, sizeof(struct xfrm_user_expire), parse_expire},
		{XFRM_MSG_MAPPING, sizeof(struct xfrm_user_mapping), parse_mapping},
		{XFRM_MSG_NEWSA, sizeof(struct xfrm_usersa_info), parse_count},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (h->nlmsg_type == rows[i].type && nlmsg_valid_hdr(h, rows[i].size))
			return rows[i].parse(h, e);
	}
	return false;
}
