/* SPDX-License-Identifier: Apache-2.0 */
/* What hears BGP of the sites on the inside device. */
#include "hub/site/site.h"

#include "base/log.h"
#include "base/secret.h"
#include "crypto/hash.h"
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

bool hub_bgp_password(
	const struct hub *h, const struct ip_addr *peer, const char *ref, uint64_t *print)
{
	struct ip_endpoint from = {.addr = *peer};
	struct tcp_md5sig m = {0};
	int listener = hub_bgp_listener(h, peer->family);
	int fd = ref[0] ? secret_ref_open(ref) : -1;
	ssize_t n = fd >= 0 ? read(fd, m.tcpm_key, sizeof(m.tcpm_key)) : 0;
	bool ok = !ref[0] || n > 0;

	if (fd >= 0)
		close(fd);
	m.tcpm_keylen = n > 0 ? (uint16_t)secret_text_len(m.tcpm_key, (size_t)n) : 0;
	if (ref[0] && !m.tcpm_keylen) { /* a key that nobody has is better than none */
		m.tcpm_keylen = sizeof(m.tcpm_key);
		ok = false;
		if (getrandom(m.tcpm_key, sizeof(m.tcpm_key), 0) < 0)
			abort();
	}
	*print = m.tcpm_keylen ? secret_print(m.tcpm_key, m.tcpm_keylen) : 0;
	(void)endpoint_to_sockaddr(&from, (struct sockaddr_storage *)&m.tcpm_addr);
	/* Taking away a key that is not there is an error that does not matter. */
	if (setsockopt(listener, IPPROTO_TCP, TCP_MD5SIG, &m, sizeof(m)) && m.tcpm_keylen)
		ok = false;
	secret_wipe(&m, sizeof(m));
	if (ok)
		secret_was_read(ref, *print);
	return ok;
}
