/* SPDX-License-Identifier: Apache-2.0 */
/* What hears BGP of the sites on the inside device. */
#include "hub/site/site.h"

#include "base/log.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "hub/secret/exec_keep.h"
#include "hub/secret/reads.h"
#include "hub/secret/secret.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

struct inside_sockets {
	int bgp_listen[2]; /* IPv4, IPv6 */
};

struct inside_sockets *inside_sockets_new(void)
{
	struct inside_sockets *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->bgp_listen[0] = s->bgp_listen[1] = -1;
	return s;
}

void inside_sockets_free(struct inside_sockets *s)
{
	for (int i = 0; s && i < 2; i++) {
		if (s->bgp_listen[i] >= 0)
			close(s->bgp_listen[i]);
	}
	free(s);
}

int hub_bgp_listener(const struct hub *h, int family)
{
	return h->inside->bgp_listen[family == AF_INET6];
}

/* One listener per family on the inside device: other speakers on the host are not disturbed. */
bool hub_bgp_listen(struct hub *h, int family)
{
	const char *device = link_name(h->link);
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(SLUICE_PORT_BGP)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(SLUICE_PORT_BGP)};
	const void *address = family == AF_INET ? (const void *)&in : (const void *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6);
	int on = 1, fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	h->inside->bgp_listen[family == AF_INET6] = fd;
	if (fd < 0)
		return false;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	return !setsockopt(
		       fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1) &&
	       !bind(fd, address, len) && !listen(fd, 512);
}

/* False with errno. */
static bool sign(const struct hub *h, const struct ip_addr *peer, struct tcp_md5sig *m)
{
	struct ip_endpoint from = {.addr = *peer};

	(void)endpoint_to_sockaddr(&from, (struct sockaddr_storage *)&m->tcpm_addr);
	return !setsockopt(
		hub_bgp_listener(h, peer->family), IPPROTO_TCP, TCP_MD5SIG, m, sizeof(*m));
}

void hub_bgp_password_forget(const struct hub *h, const struct ip_addr *peer)
{
	struct tcp_md5sig none = {0};

	(void)sign(h, peer,
		&none); /* taking away a key that is not there is an error that does not matter */
}

/* Its length; 0: it cannot be read. */
static uint16_t read_password(const char *ref, uint8_t key[TCP_MD5SIG_MAXKEYLEN])
{
	int fd = secret_ref_open(ref);
	ssize_t n = fd >= 0 ? read(fd, key, TCP_MD5SIG_MAXKEYLEN) : 0;

	if (fd >= 0)
		close(fd);
	return n > 0 ? (uint16_t)secret_text_len(key, (size_t)n) : 0;
}

static void cannot_be_used(const struct site *site, const char *what_then)
{
	log_error("site %s: bgp_password %s cannot be used; %s", site->conf.name,
		site->conf.bgp_password, what_then);
}

void hub_bgp_password_read(struct hub *h, const struct site *site, unsigned int t)
{
	struct site_tunnel *state = site_tunnel_find(&h->model, tunnel_number(site, t));
	const struct tunnel_conf *conf = &site->conf.tunnels[t];
	const struct ip_addr peer = config_inside_site(
		site->conf.bgp_family == AF_INET6 ? &conf->inside6 : &conf->inside);
	const char *ref = site->conf.bgp_password;
	uint64_t ref_print = ref[0] ? secret_print((const uint8_t *)ref, strlen(ref)) : 0;
	struct tcp_md5sig m = {0};
	bool read = false;

	/* While a program is asked for the first time that of before is good; it is most likely what will be told. */
	if (state->md5_print && exec_is_awaited(ref))
		return;
	if (ref[0]) {
		m.tcpm_keylen = read_password(ref, m.tcpm_key);
		read = m.tcpm_keylen;
	}
	if (ref[0] && !read && ref_print == state->password_ref) {
		cannot_be_used(site, "the one of before stays");
		return;
	}
	state->md5_print = read ? secret_print(m.tcpm_key, m.tcpm_keylen) : 0;
	state->password_ref = read ? ref_print : 0;
	if (ref[0] && !read) { /* a key that nobody has is better than none */
		m.tcpm_keylen = sizeof(m.tcpm_key);
		if (getrandom(m.tcpm_key, sizeof(m.tcpm_key), 0) < 0)
			abort();
	}
	if ((!sign(h, &peer, &m) && m.tcpm_keylen) || (ref[0] && !read))
		cannot_be_used(site, "its BGP sessions stay down");
	else if (read)
		secret_was_read(ref, state->md5_print);
	secret_wipe(&m, sizeof(m));
}
