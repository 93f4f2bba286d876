/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The data plane without IKE: `data_loop hub` is hub and ike in one, with a fixed key; `data_loop
 * site` is a branch: a TUN device and the ESP library. data_loop.sh puts them into namespaces.
 * `data_loop sites` is another hub that stands for all the branches, for what must not be slower than
 * the hub: its networks and its keys are the other way round.
 *
 * Site n has 10.77.n+1.0/24 and, at the other end, 10.1.n.0/24.
 *
 * The hub reads commands from standard input:
 *   rate in|out BITS BURST PPS                   set the rate of all sites
 *   rate all-in|all-out BITS BURST PPS           set the rate of all together, shared fairly
 *   stats                                        print counters, of all sites together
 *   rekey                                        a new SA pair takes over
 *   restart                                      the data process is killed, another goes on
 *   quit
 */
#include "base/clock.h"
#include "base/log.h"
#include "dataplane/bpf.h"
#include "dataplane/fair.h"
#include "dataplane/link.h"
#include "dataplane/maps.h"
#include "esp/esp.h"
#include "ipc/data_saved.h"
#include "ipc/datagram.h"
#include "ipc/descriptor.h"
#include "ipc/msg_data.h"
#include "ipc/msg_sa.h"
#include "proc/roles.h"
#include "state/stats_fields.h"
#include "data_site.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SITES_MAX 100

struct test_hub {
	struct bpf_plane *plane;
	struct maps *maps;
	struct link *link;
	int hub_fd, ike_fd;
	pid_t child;
	const char *own, *site;
	bool native;
	bool narrow; /* only 10.77.1.0/24 belongs to the site */
	int saved_fd;
	const char *device;
	struct link_device outside;
	uint32_t horizon, workers;
	uint32_t sites;
	bool mirror; /* it stands for the sites */
	uint32_t rekeys;
	struct fair *fair[SLUICE_DIRECTIONS];
	uint64_t caps[SLUICE_DIRECTIONS];
};

static void message(int fd, enum imsg_type type, int pass, const void *payload, size_t len)
{
	struct {
		uint32_t type, len;
		uint8_t bytes[8192];
	} m = {.type = type, .len = (uint32_t)len};

	if (len)
		memcpy(m.bytes, payload, len);
	if (descriptor_send(fd, &m, 8 + len, pass, 0) < 0)
		die("sendmsg");
}

static void expect(int fd, enum imsg_type type)
{
	static _Alignas(16) uint8_t buffer[IMSG_MAX_SIZE];
	struct imsg m;

	while (imsg_receive_blocking(fd, &m, buffer, sizeof(buffer))) {
		if (m.type == type)
			return;
		if (m.type == IMSG_DATA_MODE)
			printf("mode %s\n", ((const struct imsg_data_mode *)m.payload)->text);
	}
	die("the data process ended");
}

static struct imsg_sa_add pair(const struct test_hub *h, uint32_t site)
{
	uint32_t n = h->rekeys, tunnel = 2 * site,
		 spi = SPI + tunnel * SLUICE_SA_SLOTS_PER_TUNNEL + n;
	struct imsg_sa_add a = {.tunnel = tunnel,
		.spi_in = spi,
		.spi_out = spi,
		.cipher = ESP_AES_GCM_16,
		.udp_encap = !h->native,
		.replay_window = 1024,
		.key_len = 16,
		.local = {.addr = address(h->own), .port = NATT_PORT},
		.remote = {.addr = address(h->site), .port = NATT_PORT},
		.local_ts = everything(),
		.remote_ts = everything()};

	if (h->narrow) {
		a.remote_ts.selectors[0].first = address("10.77.1.0");
		a.remote_ts.selectors[0].last = address("10.77.1.255");
	}
	memcpy(a.key_in, h->mirror ? key_to_site : key_to_hub, 16);
	memcpy(a.key_out, h->mirror ? key_to_hub : key_to_site, 16);
	a.salt_in[0] = a.salt_out[0] = (uint8_t)n;
	a.salt_in[1] = a.salt_out[1] = (uint8_t)site;
	return a;
}

static void install(struct test_hub *h)
{
	for (uint32_t i = 0; i < h->sites; i++) {
		struct imsg_sa_add a = pair(h, i);
		struct imsg_sa_ref use = {
			.tunnel = a.tunnel, .spi_in = a.spi_in, .spi_out = a.spi_out};

		message(h->ike_fd, IMSG_SA_ADD, -1, &a, sizeof(a));
		expect(h->ike_fd, IMSG_SA_INSTALLED);
		message(h->ike_fd, IMSG_SA_USE, -1, &use, sizeof(use));
		if (h->rekeys) {
			struct imsg_sa_ref old = {.tunnel = a.tunnel,
				.spi_in = a.spi_in - 1,
				.spi_out = a.spi_out - 1};

			usleep(200000); /* the site has switched by then */
			message(h->ike_fd, IMSG_SA_DEL, -1, &old, sizeof(old));
		}
	}
	h->rekeys++;
}

static void start_data(struct test_hub *h)
{
	static const enum data_map maps[] = {DATA_MAP_SA_IN, DATA_MAP_BUCKET_IN,
		DATA_MAP_BUCKET_OUT, DATA_MAP_BUCKET_AGGREGATE, DATA_MAP_WORKER_IN_STATS,
		DATA_MAP_WORKER_OUT_STATS, DATA_MAP_TUNNEL_STATS, DATA_MAP_WORKERS, DATA_MAP_XSKS};
	struct imsg_data_conf conf = {.workers = h->workers,
		.packets.pacing_horizon_us = h->horizon,
		.packets.ecn_marking = true,
		.inside_mtu = 1500,
		.inside_uso = strstr(link_offloads(h->link), "uso")};
	struct imsg_data_outside o = {
		.ifindex = h->outside.ifindex, .queues = h->outside.rx_queues};
	struct imsg_socket s = {
		.local = {.addr = address(h->own), .port = h->native ? 0 : NATT_PORT}};
	struct imsg_data_tunnel t = {.tunnel = 0, .present = true};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&s.local, &ss);
	int hub[2], ike[2], size = 4 << 20, sender;
	int sock = h->native ? socket(s.local.addr.family, SOCK_RAW, IPPROTO_ESP)
			     : socket(s.local.addr.family, SOCK_DGRAM, 0);

	if (sock < 0 || bind(sock, (struct sockaddr *)&ss, len))
		die("bind");
	if (!datagram_let_fragment(sock, s.local.addr.family) ||
		setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, h->device, strlen(h->device)))
		die("socket options");
	(void)datagram_want_class(sock, s.local.addr.family);
	sender = datagram_sender_open(sock, &s.local, h->outside.ifindex);
	if (sender < 0)
		die("sender");
	setsockopt(sender, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, hub) ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ike))
		die("socketpair");
	h->child = fork();
	if (h->child == 0) {
		close(hub[0]);
		close(ike[0]);
		log_init("data", LOG_INFO);
		_exit(proc_data_run(hub[1]));
	}
	close(hub[1]);
	h->hub_fd = hub[0];
	h->ike_fd = ike[0];
	message(h->hub_fd, IMSG_DATA_CONF, -1, &conf, sizeof(conf));
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		struct imsg_data_map m = {.map = maps[i],
			.value_size = bpf_plane_map_value_size(h->plane, maps[i]),
			.entries = bpf_plane_map_entries(h->plane, maps[i])};

		message(h->hub_fd, IMSG_DATA_MAP, bpf_plane_map_fd(h->plane, maps[i]), &m,
			sizeof(m));
	}
	message(h->hub_fd, IMSG_DATA_SOCKET, sock, &s, sizeof(s));
	close(sock);
	s.whole = true;
	message(h->hub_fd, IMSG_DATA_SOCKET, sender, &s, sizeof(s));
	close(sender);
	sock = datagram_too_big_socket(s.local.addr.family);
	if (sock < 0)
		die("ICMP");
	message(h->hub_fd, IMSG_DATA_TOO_BIG, sock,
		&(struct imsg_index){.index = s.local.addr.family == AF_INET6},
		sizeof(struct imsg_index));
	close(sock);
	for (uint32_t i = 0; i < h->workers; i++) {
		struct imsg_index index = {.index = i};

		message(h->hub_fd, IMSG_DATA_TAP, link_queue_fd(h->link, i), &index, sizeof(index));
	}
	snprintf(o.name, sizeof(o.name), "%s", h->device);
	message(h->hub_fd, IMSG_DATA_SAVED, h->saved_fd, NULL, 0);
	message(h->hub_fd, IMSG_DATA_OUTSIDE, -1, &o, sizeof(o));
	message(h->hub_fd, IMSG_DATA_TUNNEL, -1, &t, sizeof(t));
	message(h->hub_fd, IMSG_CHANNEL, ike[1], NULL, 0);
	message(h->hub_fd, IMSG_START, -1, NULL, 0);
	close(ike[1]);
	expect(h->hub_fd, IMSG_READY);
}

/* As hub and ike do it: the new process has the SAs, ike says which. */
static void restart(struct test_hub *h)
{
	uint32_t n = h->rekeys - 1;
	struct imsg_sa_keep keep = {
		.tunnel = 0, .spi_in = SPI + n, .spi_out = SPI + n, .in_use = 1};

	kill(h->child, SIGKILL);
	waitpid(h->child, NULL, 0);
	close(h->hub_fd);
	close(h->ike_fd);
	maps_workers_ended(h->maps);
	start_data(h);
	message(h->ike_fd, IMSG_SA_KEEP, -1, &keep, sizeof(keep));
	message(h->ike_fd, IMSG_SA_KEEP_END, -1, NULL, 0);
}

static void print_count(const char *name, const struct traffic *t)
{
	if (t->packets)
		printf(" %s=%llu/%llu", name, (unsigned long long)t->packets,
			(unsigned long long)t->bytes);
}

static void print_site(const char *name, const struct site_stats *s)
{
	uint64_t sum = s->delivered.packets;

	printf("%s", name);
	print_count("offered", &s->offered);
	print_count("delivered", &s->delivered);
	for (const struct stats_field *f = site_drop_fields; f->name; f++) {
		const struct traffic *t = stats_field_of(s, f);

		print_count(f->name, t);
		sum += t->packets;
	}
	printf(" missing=%lld\n", (long long)(s->offered.packets - sum));
}

static void sum_sites(struct test_hub *h, enum sluice_direction d, struct site_stats *sum)
{
	uint64_t *to = (uint64_t *)(void *)sum;

	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < h->sites; i++) {
		struct site_stats s;
		const uint64_t *from = (const uint64_t *)(const void *)&s;

		maps_site_stats(h->maps, d, i, &s);
		for (size_t k = 0; k < sizeof(s) / sizeof(*from); k++)
			to[k] += from[k];
	}
}

static void print_stats(struct test_hub *h)
{
	struct outside_stats outside;
	struct inside_stats inside;
	struct tunnel_stats tunnel;
	struct worker_stats w;
	struct site_stats s;
	uint64_t drops = 0;

	if (link_ring_drops(h->link, &drops))
		maps_inside_ring_drops_set(h->maps, drops);
	/* What is missing in two looks was lost. */
	for (int look = 0; look < 2; look++) {
		maps_ring_drops_look(h->maps);
		sum_sites(h, SLUICE_OUT, &s);
		sum_sites(h, SLUICE_IN, &s);
	}
	print_site("in", &s);
	sum_sites(h, SLUICE_OUT, &s);
	print_site("out", &s);
	maps_outside_stats(h->maps, &outside);
	printf("outside esp=%llu unknown_spi=%llu wrong_outer=%llu fragment=%llu not_ours=%llu "
	       "no_socket=%llu malformed=%llu\n",
		outside.esp.packets, outside.unknown_spi.packets, outside.wrong_outer.packets,
		outside.fragment.packets, outside.not_ours.packets, outside.no_socket.packets,
		outside.malformed.packets);
	maps_inside_stats(h->maps, &inside);
	maps_tunnel_stats(h->maps, 0, &tunnel);
	maps_worker_stats(h->maps, 0, &w);
	printf("inside no_route=%llu multicast=%llu tunnel in=%llu out=%llu worker ring_full=%llu "
	       "fill_empty=%llu no_mark=%llu no_buffer=%llu not_esp=%llu sends=%llu writes=%llu "
	       "wakeups=%llu tap_drops=%llu\n",
		inside.no_route.packets, inside.multicast.packets, tunnel.in.packets,
		tunnel.out.packets, w.ring_full, w.fill_empty, w.no_mark, w.no_buffer, w.not_esp,
		w.sends, w.tap_writes, w.wakeups, (unsigned long long)drops);
	for (uint32_t i = 0; i < h->workers; i++) {
		maps_worker_stats(h->maps, i, &w);
		printf("worker%u writes=%llu\n", i, w.tap_writes);
	}
}

/* As rates.c does it. */
static void set_shares(struct test_hub *h, enum sluice_direction d, uint64_t burst)
{
	for (uint32_t i = 0; i < h->sites; i++) {
		struct bucket_rate r = {.bits_per_second = fair_limit(h->fair[d], i),
			.burst_bytes = fair_short(h->fair[d]) ? 0 : burst};

		maps_site_rate_set(h->maps, d, i, &r);
	}
}

static void share(struct test_hub *h)
{
	for (int i = 0; i < SLUICE_DIRECTIONS; i++) {
		enum sluice_direction d = (enum sluice_direction)i;
		uint64_t now = clock_now(), offered[SLUICE_MAX_SITES], before = h->fair[d]->level;

		if (!h->fair[d]->capacity || !maps_offered(h->maps, d, 0, offered, h->sites))
			continue;
		fair_turn(h->fair[d], offered, maps_aggregate_used(h->maps, d, now), now);
		if (h->fair[d]->level != before)
			set_shares(h, d, 0);
	}
}

static void set_rate(struct test_hub *h, const char *which, struct bucket_rate *r)
{
	enum sluice_direction d = strstr(which, "out") ? SLUICE_OUT : SLUICE_IN;

	if (strncmp(which, "all-", 4)) {
		h->caps[d] = r->bits_per_second;
		for (uint32_t i = 0; i < h->sites; i++)
			maps_site_rate_set(h->maps, d, i, r);
		return;
	}
	if (r->bits_per_second && h->sites > 1) {
		struct site_stats s;

		r->burst_bytes = fair_burst(r->bits_per_second, h->sites);
		h->fair[d]->turned_ns = clock_now();
		for (uint32_t i = 0; i < h->sites; i++) {
			maps_site_stats(h->maps, d, i, &s);
			fair_site_set(h->fair[d], i, h->caps[d], s.offered.bytes);
		}
		fair_aggregate_set(h->fair[d], r->bits_per_second);
	} else {
		h->fair[d]->capacity = 0;
	}
	maps_aggregate_rate_set(h->maps, d, r);
}

/* False: it is to end. */
static bool command(struct test_hub *h, const char *line)
{
	unsigned long long rate, burst, pps;
	char which[16];

	if (sscanf(line, "rate %15s %llu %llu %llu", which, &rate, &burst, &pps) == 4) {
		struct bucket_rate r = {
			.bits_per_second = rate, .burst_bytes = burst, .packets_per_second = pps};

		set_rate(h, which, &r);
	} else if (!strncmp(line, "stats", 5)) {
		print_stats(h);
	} else if (!strncmp(line, "rekey", 5)) {
		install(h);
	} else if (!strncmp(line, "restart", 7)) {
		restart(h);
	} else if (!strncmp(line, "narrow", 6)) {
		h->narrow = true;
		install(h);
	} else if (!strncmp(line, "quit", 4)) {
		return false;
	}
	printf("ok\n");
	fflush(stdout);
	return true;
}

static void commands(struct test_hub *h)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[128];

	setvbuf(stdin, NULL, _IONBF, 0); /* what is buffered, poll does not see */
	for (;;) {
		bool short_of = h->fair[SLUICE_IN]->capacity || h->fair[SLUICE_OUT]->capacity;

		if (poll(&p, 1, short_of ? (int)(FAIR_TURN_NS / CLOCK_MILLISECOND) : -1)) {
			if (!fgets(line, sizeof(line), stdin) || !command(h, line))
				return;
		}
		if (short_of)
			share(h);
	}
}

static bool route_set(struct link *l, const struct ip_prefix *prefix)
{
	struct fib_route r = {.prefix = *prefix, .mtu = 1438};

	return !link_routes_set(l, &r, 1);
}

/* A tunnel of one site: its record and the way to it. */
static void add_site(struct test_hub *h, uint32_t site)
{
	struct tunnel_record record = {.site = site,
		.up = 1,
		.group = site + 1,
		.inner_mtu = 1438,
		.mss4 = 1398,
		.mss6 = 1378};
	char text[64];
	struct ip_prefix p;

	snprintf(text, sizeof(text), "site-%u", site + 1);
	maps_site_set(h->maps, site, text, 65001 + site);
	maps_tunnel_set(h->maps, 2 * site, &record);
	if (h->mirror)
		snprintf(text, sizeof(text), "10.1.%u.0/24", site);
	else
		snprintf(text, sizeof(text), "10.77.%u.0/24", site + 1);
	prefix_parse(text, &p);
	if (!maps_route_set(h->maps, &p, 2 * site, 0) || !route_set(h->link, &p))
		die("route 4");
	snprintf(text, sizeof(text), h->mirror ? "2001:db8:%u::/64" : "2001:db8:77:%u::/64",
		site + 1);
	prefix_parse(text, &p);
	if (!maps_route_set(h->maps, &p, 2 * site, 0) || !route_set(h->link, &p))
		die("route 6");
}

static int hub(char **args, uint32_t sites, bool mirror)
{
	const char *device = args[0];
	struct test_hub h = {.device = device,
		.own = args[1],
		.site = args[2],
		.native = !strcmp(args[3], "native"),
		.horizon = (uint32_t)atoi(args[4]),
		.workers = (uint32_t)atoi(args[5]),
		.sites = sites,
		.mirror = mirror,
		.saved_fd = memfd_create("data_loop", MFD_CLOEXEC)};
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct bpf_options bpf = {.pin_dir = "/sys/fs/bpf/data_loop",
		.workers = h.workers,
		.live.packets.pacing_horizon_us = h.horizon,
		.live.packets.ecn_marking = true,
		.outside_count = 1};
	struct link_options link = {.queues = h.workers, .mtu = 1500};
	const char *mode, *inside_mode;

	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		h.fair[d] = calloc(1, sizeof(*h.fair[d]));
	if (!link_device(device, &h.outside) || h.saved_fd < 0 ||
		ftruncate(h.saved_fd, DATA_SAVED_SIZE))
		die(device);
	bpf.outside_ifindex[0] = h.outside.ifindex;
	h.plane = bpf_plane_load(&bpf, error);
	h.maps = h.plane ? maps_new(h.plane) : NULL;
	if (h.maps) {
		link.steer_fd = bpf_plane_steer_fd(h.plane);
		h.link = link_open(&link, error);
	}
	if (!h.link ||
		!bpf_plane_attach_inside(h.plane, link_ifindex(h.link), &inside_mode, error) ||
		!link_host_settings(h.link, true, error)) {
		fprintf(stderr, "data_loop: %s\n", error);
		return 1;
	}
	for (uint32_t i = 0; i < sites; i++)
		add_site(&h, i);
	start_data(&h);
	if (!bpf_plane_attach_outside(h.plane, 0, &mode, error)) {
		fprintf(stderr, "data_loop: %s\n", error);
		return 1;
	}
	install(&h);
	printf("ready xdp=%s tc=%s offloads=%s\n", mode, inside_mode, link_offloads(h.link));
	fflush(stdout);
	commands(&h);
	message(h.hub_fd, IMSG_SHUTDOWN, -1, NULL, 0);
	waitpid(h.child, NULL, 0);
	link_close(h.link);
	maps_free(h.maps);
	for (int d = 0; d < SLUICE_DIRECTIONS; d++)
		free(h.fair[d]);
	bpf_plane_free(h.plane);
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t sites = argc == 9 ? (uint32_t)atoi(argv[8]) : 1;

	signal(SIGPIPE, SIG_IGN);
	if ((argc == 8 || argc == 9) && sites && sites <= SITES_MAX &&
		(!strcmp(argv[1], "hub") || !strcmp(argv[1], "sites")))
		return hub(argv + 2, sites, !strcmp(argv[1], "sites"));
	if (argc == 5 && !strcmp(argv[1], "site"))
		return site(argv[2], argv[3], !strcmp(argv[4], "native"));
	fprintf(stderr,
		"usage: data_loop hub|sites DEVICE OWN PEER udp|native HORIZON_US WORKERS [SITES]\n"
		"       data_loop site HUB OWN udp|native\n");
	return 2;
}
