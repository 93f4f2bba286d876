/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/half_open.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

struct found {
	struct ip_addr *list;
	size_t count, max;
};

static int take(struct nl_msg *answer, void *context)
{
	struct nlmsghdr *h = nlmsg_hdr(answer);
	const struct inet_diag_msg *m = nlmsg_data(h);
	struct found *f = context;

	if (h->nlmsg_type == SOCK_DIAG_BY_FAMILY && nlmsg_datalen(h) >= (int)sizeof(*m) &&
		m->idiag_state == TCP_SYN_RECV && f->count < f->max)
		f->list[f->count++] = addr_from_bytes(m->idiag_family, (void *)m->id.idiag_dst);
	return NL_OK;
}

static void ask(struct found *f, uint8_t family, uint16_t port)
{
	struct inet_diag_req_v2 wanted = {
		.sdiag_family = family,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_states = 1u << TCP_SYN_RECV,
		.id.idiag_sport = htons(port),
		.id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
	};
	struct nl_msg *question = nlmsg_alloc_simple(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
	struct nl_sock *sock = nl_socket_alloc();

	if (sock && question && !nlmsg_append(question, &wanted, sizeof(wanted), NLMSG_ALIGNTO) &&
		!nl_socket_modify_cb(sock, NL_CB_VALID, NL_CB_CUSTOM, take, f) &&
		!nl_connect(sock, NETLINK_SOCK_DIAG) && nl_send_auto(sock, question) >= 0)
		(void)nl_recvmsgs_default(sock);
	nlmsg_free(question);
	nl_socket_free(sock);
}

size_t half_open_list(uint16_t port, struct ip_addr *list, size_t max)
{
	struct found f = {.list = list, .max = max};

	ask(&f, AF_INET, port);
	ask(&f, AF_INET6, port);
	return f.count;
}
