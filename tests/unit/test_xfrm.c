/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to the kernel's IPsec, attribute by attribute, and what is understood of its answers. */
#include "dataplane/xfrm_message.h"

#include <arpa/inet.h>
#include <linux/udp.h>
#include <netlink/attr.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TUNNEL 7

static struct esp_params gcm(bool outbound)
{
	struct esp_params p = {.spi = 0x07001234,
		.outbound = outbound,
		.cipher = ESP_AES_GCM_16,
		.key_len = 16,
		.replay_window = outbound ? 0 : 100};

	memset(p.key, 0x11, 16);
	memset(p.salt, 0x22, sizeof(p.salt));
	return p;
}

static struct xfrm_sa sa_of(const struct esp_params *p)
{
	struct xfrm_sa sa = {.tunnel = TUNNEL, .esp = p};

	addr_parse("198.51.100.1", &sa.local.addr);
	addr_parse("203.0.113.9", &sa.remote.addr);
	sa.local.port = 4500;
	sa.remote.port = 20001;
	return sa;
}

static const void *attribute(struct nl_msg *m, int type, size_t size)
{
	struct nlattr *a = nlmsg_find_attr(nlmsg_hdr(m), sizeof(struct xfrm_usersa_info), type);

	if (!a)
		return NULL;
	assert_true(nla_len(a) >= (int)size);
	return nla_data(a);
}

static void an_inbound_sa(void **context)
{
	struct esp_params p = gcm(false);
	struct xfrm_sa sa = sa_of(&p);
	struct nl_msg *m = xfrm_message_sa(&sa);
	const struct xfrm_usersa_info *info;
	const struct xfrm_replay_state_esn *replay;
	const struct xfrm_algo_aead *alg;

	(void)context;
	assert_non_null(m);
	info = nlmsg_data(nlmsg_hdr(m));
	assert_int_equal(nlmsg_hdr(m)->nlmsg_type, XFRM_MSG_NEWSA);
	assert_int_equal(info->id.spi, htonl(0x07001234));
	assert_memory_equal(&info->id.daddr, sa.local.addr.bytes, 4);
	assert_memory_equal(&info->saddr, sa.remote.addr.bytes, 4);
	assert_int_equal(info->reqid, SLUICE_IF_ID + TUNNEL);
	assert_int_equal(info->mode, XFRM_MODE_TUNNEL);
	assert_false(info->flags & XFRM_STATE_ESN);
	alg = attribute(m, XFRMA_ALG_AEAD, sizeof(*alg) + 20);
	assert_string_equal(alg->alg_name, "rfc4106(gcm(aes))");
	assert_int_equal(alg->alg_key_len, 160);
	assert_int_equal(alg->alg_icv_len, 128);
	assert_memory_equal(alg->alg_key, p.key, 16);
	assert_memory_equal(alg->alg_key + 16, p.salt, 4);
	replay = attribute(m, XFRMA_REPLAY_ESN_VAL, sizeof(*replay) + 16);
	assert_int_equal(replay->replay_window, 100);
	assert_int_equal(replay->bmp_len, 4);
	assert_null(attribute(m, XFRMA_ENCAP, 0));
	assert_null(attribute(m, XFRMA_OFFLOAD_DEV, 0));
	assert_int_equal(xfrm_if_id_of(nlmsg_hdr(m), sizeof(struct xfrm_usersa_info)),
		SLUICE_IF_ID + TUNNEL);
	nlmsg_free(m);
}

static void an_outbound_sa_in_udp(void **context)
{
	struct esp_params p = gcm(true);
	struct xfrm_sa sa = sa_of(&p);
	const struct xfrm_encap_tmpl *encap;
	const struct xfrm_user_offload *device;
	const struct xfrm_usersa_info *info;
	struct nl_msg *m;

	(void)context;
	p.esn = true;
	sa.udp_encap = true;
	sa.offload_ifindex = 9;
	m = xfrm_message_sa(&sa);
	assert_non_null(m);
	info = nlmsg_data(nlmsg_hdr(m));
	assert_true(info->flags & XFRM_STATE_ESN);
	assert_memory_equal(&info->id.daddr, sa.remote.addr.bytes, 4);
	encap = attribute(m, XFRMA_ENCAP, sizeof(*encap));
	assert_int_equal(encap->encap_type, UDP_ENCAP_ESPINUDP);
	assert_int_equal(encap->encap_sport, htons(4500));
	assert_int_equal(encap->encap_dport, htons(20001));
	assert_null(attribute(m, XFRMA_MTIMER_THRESH, 0)); /* only who receives sees a move */
	device = attribute(m, XFRMA_OFFLOAD_DEV, sizeof(*device));
	assert_int_equal(device->ifindex, 9);
	assert_int_equal(device->flags, 0);
	nlmsg_free(m);
	p.outbound = false;
	m = xfrm_message_sa(&sa);
	assert_non_null(attribute(m, XFRMA_MTIMER_THRESH, 4));
	encap = attribute(m, XFRMA_ENCAP, sizeof(*encap));
	assert_int_equal(encap->encap_sport, htons(20001));
	device = attribute(m, XFRMA_OFFLOAD_DEV, sizeof(*device));
	assert_int_equal(device->flags, XFRM_OFFLOAD_INBOUND);
	nlmsg_free(m);
}

/* What goes on from other numbers has fewer left before it must be replaced. */
static void numbers_go_on(void **context)
{
	struct xfrm_replay replay = {.len = sizeof(struct xfrm_replay_state_esn)};
	struct esp_params p = gcm(true);
	struct xfrm_sa sa = sa_of(&p);
	const struct xfrm_replay_state_esn *state;
	const struct xfrm_usersa_info *info;
	struct nl_msg *m;

	(void)context;
	((struct xfrm_replay_state_esn *)(void *)replay.bytes)->oseq = 1000;
	sa.replay = &replay;
	m = xfrm_message_sa(&sa);
	info = nlmsg_data(nlmsg_hdr(m));
	assert_int_equal(info->lft.soft_packet_limit, 0xf0000000 - 1000);
	state = attribute(m, XFRMA_REPLAY_ESN_VAL, sizeof(*state));
	assert_int_equal(state->oseq, 1000);
	nlmsg_free(m);
}

static void an_algorithm_without_name_is_refused(void **context)
{
	struct esp_params p = gcm(true);
	struct xfrm_sa sa = sa_of(&p);

	(void)context;
	p.cipher = 0xffff;
	assert_null(xfrm_message_sa(&sa));
	p.cipher = ESP_AES_CBC; /* and no integrity */
	p.integ = 0xffff;
	assert_null(xfrm_message_sa(&sa));
}

static void a_policy_names_its_sa(void **context)
{
	struct esp_params p = gcm(true);
	struct xfrm_sa sa = sa_of(&p);
	struct nl_msg *m =
		xfrm_message_policy(TUNNEL, 0x1234, &sa.local.addr, &sa.remote.addr, AF_INET6);
	const struct xfrm_userpolicy_info *info = nlmsg_data(nlmsg_hdr(m));
	struct nlattr *a = nlmsg_find_attr(nlmsg_hdr(m), sizeof(*info), XFRMA_TMPL);
	const struct xfrm_user_tmpl *t = nla_data(a);

	(void)context;
	assert_int_equal(info->dir, XFRM_POLICY_OUT);
	assert_int_equal(info->sel.family, AF_INET6);
	assert_int_equal(t->id.spi, htonl(0x1234));
	assert_int_equal(t->reqid, SLUICE_IF_ID + TUNNEL);
	assert_int_equal(t->family, AF_INET);
	assert_memory_equal(&t->saddr, sa.local.addr.bytes, 4);
	assert_int_equal(xfrm_if_id_of(nlmsg_hdr(m), sizeof(*info)), SLUICE_IF_ID + TUNNEL);
	nlmsg_free(m);
}

static bool parsed(struct nl_msg *own_m, struct xfrm_event *e)
{
	bool r = xfrm_event_parse(nlmsg_hdr(own_m), e);

	nlmsg_free(own_m);
	return r;
}

static void what_the_kernel_says(void **context)
{
	struct xfrm_user_expire expire = {
		.state = {.id.spi = htonl(5), .reqid = SLUICE_IF_ID + TUNNEL, .family = AF_INET}};
	struct xfrm_user_mapping mapping = {.id = {.spi = htonl(6), .family = AF_INET},
		.reqid = SLUICE_IF_ID + TUNNEL,
		.new_sport = htons(30001)};
	struct xfrm_event e;
	struct nl_msg *m;

	(void)context;
	memcpy(&mapping.new_saddr, "\xcb\x00\x71\x09", 4);
	assert_true(parsed(xfrm_message(XFRM_MSG_EXPIRE, 0, &expire, sizeof(expire)), &e));
	assert_int_equal(e.type, XFRM_EVENT_EXPIRING);
	assert_int_equal(e.tunnel, TUNNEL);
	assert_int_equal(e.spi, 5);
	expire.hard = 1; /* it is gone already */
	assert_false(parsed(xfrm_message(XFRM_MSG_EXPIRE, 0, &expire, sizeof(expire)), &e));
	assert_true(parsed(xfrm_message(XFRM_MSG_MAPPING, 0, &mapping, sizeof(mapping)), &e));
	assert_int_equal(e.type, XFRM_EVENT_MOVED);
	assert_int_equal(e.remote.port, 30001);
	assert_memory_equal(e.remote.addr.bytes, "\xcb\x00\x71\x09", 4);
	mapping.reqid = 7; /* another program's SA */
	assert_false(parsed(xfrm_message(XFRM_MSG_MAPPING, 0, &mapping, sizeof(mapping)), &e));
	mapping.reqid = SLUICE_IF_ID + SLUICE_MAX_TUNNELS;
	assert_false(parsed(xfrm_message(XFRM_MSG_MAPPING, 0, &mapping, sizeof(mapping)), &e));
	mapping.reqid = SLUICE_IF_ID + TUNNEL;
	m = xfrm_message(XFRM_MSG_MAPPING, 0, &mapping, sizeof(mapping) - 1);
	nlmsg_hdr(m)->nlmsg_len = NLMSG_HDRLEN + sizeof(mapping) - 4; /* cut short */
	assert_false(parsed(m, &e));
}

static void counters_of_an_sa(void **context)
{
	struct esp_params p = gcm(false);
	struct xfrm_sa sa = sa_of(&p);
	struct xfrm_usersa_info *info;
	struct xfrm_event e;
	struct nl_msg *m = xfrm_message_sa(&sa);

	(void)context;
	info = nlmsg_data(nlmsg_hdr(m));
	info->stats.replay = 3;
	info->stats.replay_window = 4;
	info->stats.integrity_failed = 5;
	assert_true(parsed(m, &e));
	assert_int_equal(e.type, XFRM_EVENT_COUNTED);
	assert_int_equal(e.replay, 7);
	assert_int_equal(e.auth, 5);
	assert_false(e.offloaded);
	assert_true(addr_equal(&e.destination, &sa.local.addr));
	sa.offload_ifindex = 3;
	assert_true(parsed(xfrm_message_sa(&sa), &e));
	assert_true(e.offloaded);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_inbound_sa),
		cmocka_unit_test(an_outbound_sa_in_udp),
		cmocka_unit_test(numbers_go_on),
		cmocka_unit_test(an_algorithm_without_name_is_refused),
		cmocka_unit_test(a_policy_names_its_sa),
		cmocka_unit_test(what_the_kernel_says),
		cmocka_unit_test(counters_of_an_sa),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
