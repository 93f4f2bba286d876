/* SPDX-License-Identifier: Apache-2.0 */
/* A branch of data_loop.c with a TUN device and the ESP library; and what both ends must agree on. */
#ifndef SLUICE_TESTS_DATA_SITE_H
#define SLUICE_TESTS_DATA_SITE_H

#include "esp/esp.h"
#include "../selectors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define NATT_PORT  4500
#define SPI        0x5a5a0000u /* both ways; tunnel 0, slot 0; the next slots after rekeys */
#define SITE_COUNT 8           /* SA pairs the site accepts: rekeys */

static const uint8_t key_to_hub[32] = "key of packets from site to hub";
static const uint8_t key_to_site[32] = "key of packets from hub to site";

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "data_loop: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a;

	if (!addr_parse(text, &a))
		die(text);
	return a;
}

static volatile sig_atomic_t rebind; /* SIGUSR1: a NAT on the way gave us another port */

static void on_usr1(int signal_number)
{
	(void)signal_number;
	rebind = 1;
}

static int site_socket(const struct ip_endpoint *local, bool native)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(local, &ss);
	int size = 4 << 20;
	int sock = native ? socket(local->addr.family, SOCK_RAW, IPPROTO_ESP)
			  : socket(local->addr.family, SOCK_DGRAM, 0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&ss, len))
		die("bind");
	setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return sock;
}

static struct esp_sa *site_sa(bool outbound, uint32_t n)
{
	struct esp_params p = {.spi = SPI + n,
		.outbound = outbound,
		.cipher = ESP_AES_GCM_16,
		.key_len = 16,
		.replay_window = 1024,
		.local = everything(),
		.remote = everything()};

	memcpy(p.key, outbound ? key_to_hub : key_to_site, 16);
	p.salt[0] = (uint8_t)n; /* one key, many SAs: the salt keeps nonces apart */
	return esp_sa_new(&p, ESP_ENGINE_AUTO);
}

__attribute__((unused)) static int site(const char *hub, const char *own, bool native)
{
	struct ip_endpoint local = {.addr = address(own), .port = native ? 0 : NATT_PORT};
	struct ip_endpoint remote = {.addr = address(hub), .port = native ? 0 : NATT_PORT};
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	struct esp_sa *in[SITE_COUNT], *out[SITE_COUNT];
	static uint8_t buffer[ESP_HEADROOM + 65536 + ESP_TAILROOM];
	struct sockaddr_storage to;
	socklen_t to_len;
	int current = 0;
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	int sock = site_socket(&local, native);
	struct pollfd fds[2] = {{.fd = tun, .events = POLLIN}, {.fd = sock, .events = POLLIN}};

	strcpy(ifr.ifr_name, "site0");
	if (tun < 0 || ioctl(tun, TUNSETIFF, &ifr))
		die("tun");
	signal(SIGUSR1, on_usr1);
	to_len = endpoint_to_sockaddr(&remote, &to);
	for (uint32_t i = 0; i < SITE_COUNT; i++) {
		in[i] = site_sa(false, i);
		out[i] = site_sa(true, i);
	}
	for (;;) {
		uint8_t *p = buffer + ESP_HEADROOM;
		struct inner inner;
		ssize_t n;

		poll(fds, 2, -1);
		if (rebind) {
			rebind = 0;
			close(sock);
			local.port++;
			fds[1].fd = sock = site_socket(&local, native);
		}
		for (int i = 0; i < 64 && (n = read(tun, p, 65536)) > 0; i++) {
			uint32_t l = (uint32_t)n;
			uint8_t *q = p;

			if (esp_seal(out[current], &q, &l) == ESP_OK)
				(void)!sendto(sock, q, l, 0, (struct sockaddr *)&to, to_len);
		}
		for (int i = 0; i < 64 && (n = recv(sock, p, 65536, MSG_DONTWAIT)) > 0; i++) {
			uint32_t header = native && local.addr.family == AF_INET ? 20 : 0;
			uint8_t *q = p + header;
			uint32_t l = (uint32_t)n - header;
			uint32_t k = l > 4 ? (ntohl(*(uint32_t *)(void *)q) - SPI) : SITE_COUNT;

			if (k >= SITE_COUNT || esp_open(in[k], &q, &l, &inner) != ESP_OK)
				continue;
			current = (int)k; /* answer on the SA that is heard last */
			(void)!write(tun, q, l);
		}
	}
}

#endif
