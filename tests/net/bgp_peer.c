/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted hub around the real `bgp` process: reads commands from standard input, one a line,
 * sends them as messages, and prints what comes back, one line each.
 *
 *   graceful 0|1                  for the next conf
 *   bfd MILLISECONDS MULTIPLIER   for the next neighbours; multiplier 0: off
 *   conf AS ROUTER-ID HOLD KEEPALIVE SITE-TO-SITE(0|1)
 *   listen ADDRESS
 *   neighbor TUNNEL SITE LOCAL4 PEER4 LOCAL6|- PEER6|- AS MAX-IN MAX-OUT MED GROUP DEFAULT(0|1)
 *   delete TUNNEL
 *   tunnel TUNNEL up|down
 *   network PREFIX add|del
 *   start
 *   quiet                         routes are no longer printed
 *   kernel                        before the neighbours: routes go where hub puts them, into the
 *                                 trie and the kernel's table of this network namespace
 *   shutdown
 *
 *   ready | settled | gone
 *   state TUNNEL NAME in N out N error CODE/SUBCODE DETAIL
 *   counts TUNNEL discarded N as-withdraw N refused N denied N
 *   event TUNNEL DETAILS
 *   bfd TUNNEL STATE
 *   route PREFIX tunnel N med N path AS,AS candidates N
 *   unroute PREFIX
 */
#include "base/log.h"
#include "bgp/bfd/packet.h"
#include "hub/hub.h"
#include "hub/route/closed.h"
#include "hub/route/route.h"
#include "ipc/privsep.h"
#include "proc/roles.h"
#include "ipc/msg_bgp.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* The process under test stays who it is: its users need not exist where tests run. */
void privsep_drop(const char *role)
{
	(void)role;
}

static struct event_base *base;
static struct imsg_channel *channel;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static struct ip_addr address(const char *text)
{
	struct ip_addr a = {0};

	if (strcmp(text, "-") && !addr_parse(text, &a))
		fail(text);
	return a;
}

static bool graceful, quiet;
static uint32_t bfd_interval_us;
static uint8_t bfd_multiplier;

static void do_graceful(char **w)
{
	graceful = atoi(w[1]);
}

static void do_bfd(char **w)
{
	bfd_interval_us = (uint32_t)atoi(w[1]) * 1000;
	bfd_multiplier = (uint8_t)atoi(w[2]);
}

/* What hub opens: UDP 3784 of the inside address. */
static int bfd_socket(const struct ip_addr *local)
{
	struct ip_endpoint at = {.addr = *local, .port = SLUICE_PORT_BFD};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&at, &ss);
	int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		setsockopt(fd, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)) ||
		bind(fd, (struct sockaddr *)&ss, len))
		fail("BFD socket");
	return fd;
}

static struct hub hub; /* as far as routes need it; no routes: not in use */

static void do_kernel(char **w)
{
	struct link_options link = {.queues = 1, .mtu = 1400, .steer_fd = -1};
	struct bpf_options plane = {.workers = 1};
	char error[DATAPLANE_ERROR_SIZE] = "", pins[64];

	(void)w;
	snprintf(pins, sizeof(pins), "%s-test-%d", SLUICE_PIN_DIR, (int)getpid());
	plane.pin_dir = pins;
	hub.plane = bpf_plane_load(&plane, error);
	hub.maps = hub.plane ? maps_new(hub.plane) : NULL;
	hub.link = hub.maps ? link_open(&link, error) : NULL;
	hub.config = calloc(1, sizeof(*hub.config));
	hub.rules = route_rules_new();
	hub.fib = fib_new();
	hub.model.routes = fib_table(hub.fib);
	hub.closed = closed_new();
	if (!hub.link || !hub.config) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	puts("kernel");
}

static void kernel_end(void)
{
	for (uint32_t i = 0; i < SITE_SLOTS; i++)
		free(hub.model.sites[i]);
	fib_free(hub.fib);
	route_rules_free(hub.rules);
	closed_free(hub.closed);
	if (hub.link)
		link_close(hub.link);
	maps_free(hub.maps);
	bpf_plane_free(hub.plane);
	free(hub.config);
}

static void add_site(const struct bgp_neighbor *n)
{
	struct site **site = &hub.model.sites[n->tunnel / TUNNELS_PER_SITE];

	if (!*site)
		*site = calloc(1, sizeof(**site));
	if (!*site)
		fail("calloc");
	(*site)->slot = n->tunnel / TUNNELS_PER_SITE;
	(*site)->conf.max_prefixes_in = n->max_prefixes_in ? n->max_prefixes_in : 1000000;
	(*site)->conf.propagate = true;
	(*site)->tunnels[n->tunnel % TUNNELS_PER_SITE].open = true;
}

static void do_conf(char **w)
{
	struct ip_addr id = address(w[2]);
	struct imsg_bgp_conf m = {
		.config = {.local_as = (uint32_t)strtoul(w[1], NULL, 10),
			.router_id = (uint32_t)id.bytes[0] << 24 | (uint32_t)id.bytes[1] << 16 |
				     (uint32_t)id.bytes[2] << 8 | id.bytes[3],
			.hold_s = (uint16_t)atoi(w[3]),
			.keepalive_s = (uint16_t)atoi(w[4]),
			.site_to_site = atoi(w[5]),
			.graceful_restart = graceful}};

	imsg_send(channel, IMSG_BGP_CONF, -1, &m, sizeof(m));
}

static void do_listen(char **w)
{
	struct imsg_socket m = {.local = {.addr = address(w[1]), .port = SLUICE_PORT_BGP}};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&m.local, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
		bind(fd, (struct sockaddr *)&ss, len) || listen(fd, 64))
		fail("listen");
	imsg_send(channel, IMSG_BGP_LISTEN, fd, &m, sizeof(m));
}

static void do_neighbor(char **w)
{
	struct imsg_bgp_neighbor m = {.conf = {.tunnel = (uint32_t)atoi(w[1]),
					      .local4 = address(w[3]),
					      .peer4 = address(w[4]),
					      .local6 = address(w[5]),
					      .peer6 = address(w[6]),
					      .remote_as = (uint32_t)strtoul(w[7], NULL, 10),
					      .max_prefixes_in = (uint32_t)atoi(w[8]),
					      .max_prefixes_out = (uint32_t)atoi(w[9]),
					      .med_out = (uint32_t)atoi(w[10]),
					      .group = (uint32_t)atoi(w[11]),
					      .allow_default = atoi(w[12])},
		.bfd_interval_us = bfd_interval_us,
		.bfd_multiplier = bfd_multiplier};

	snprintf(m.conf.site, sizeof(m.conf.site), "%s", w[2]);
	if (hub.fib)
		add_site(&m.conf);
	imsg_send(channel, IMSG_BGP_NEIGHBOR, bfd_multiplier ? bfd_socket(&m.conf.local4) : -1, &m,
		sizeof(m));
}

static void do_delete(char **w)
{
	struct imsg_tunnel m = {.tunnel = (uint32_t)atoi(w[1])};

	imsg_send(channel, IMSG_BGP_NEIGHBOR_DEL, -1, &m, sizeof(m));
}

static void do_tunnel(char **w)
{
	struct imsg_bgp_tunnel m = {.tunnel = (uint32_t)atoi(w[1]), .up = !strcmp(w[2], "up")};

	imsg_send(channel, IMSG_BGP_TUNNEL, -1, &m, sizeof(m));
}

static void do_network(char **w)
{
	struct imsg_bgp_network m = {.present = !strcmp(w[2], "add")};

	if (!prefix_parse(w[1], &m.prefix))
		fail(w[1]);
	imsg_send(channel, IMSG_BGP_NETWORK, -1, &m, sizeof(m));
}

static void do_start(char **w)
{
	(void)w;
	imsg_send(channel, IMSG_START, -1, NULL, 0);
}

static void do_quiet(char **w)
{
	(void)w;
	quiet = true;
}

static void do_shutdown(char **w)
{
	(void)w;
	imsg_send(channel, IMSG_SHUTDOWN, -1, NULL, 0);
}

static void run_line(char *line)
{
	enum { WORDS = 16 };
	static const struct {
		const char *name;
		int words;
		void (*run)(char **w);
	} commands[] = {
		{"graceful", 2, do_graceful},
		{"bfd", 3, do_bfd},
		{"conf", 6, do_conf},
		{"listen", 2, do_listen},
		{"neighbor", 13, do_neighbor},
		{"delete", 2, do_delete},
		{"tunnel", 3, do_tunnel},
		{"network", 3, do_network},
		{"start", 1, do_start},
		{"quiet", 1, do_quiet},
		{"kernel", 1, do_kernel},
		{"shutdown", 1, do_shutdown},
	};
	char *words[WORDS], *save = NULL;
	int n = 0;

	for (char *t = strtok_r(line, " \n", &save); t && n < WORDS;
		t = strtok_r(NULL, " \n", &save))
		words[n++] = t;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (!strcmp(words[0], commands[i].name) && n == commands[i].words) {
			commands[i].run(words);
			return;
		}
	}
	if (n)
		printf("what? %s, %d words\n", words[0], n);
}

static void on_input(int fd, short what, void *arg)
{
	static char buffer[4096];
	static size_t len;
	ssize_t n = read(fd, buffer + len, sizeof(buffer) - 1 - len);
	char *end;

	(void)what;
	(void)arg;
	if (n <= 0) {
		event_base_loopbreak(base);
		return;
	}
	len += (size_t)n;
	while ((end = memchr(buffer, '\n', len))) {
		size_t used = (size_t)(end - buffer) + 1;

		*end = '\0';
		run_line(buffer);
		memmove(buffer, buffer + used, len - used);
		len -= used;
	}
}

static void print_state(const struct imsg_bgp_state *m)
{
	static const char *const names[] = {
		"Idle", "Connect", "Active", "OpenSent", "OpenConfirm", "Established"};

	printf("state %u %s in %u out %u error %u/%u %s\n", m->tunnel, names[m->state],
		m->prefixes_in, m->prefixes_out, m->error_code, m->error_subcode, m->detail);
	printf("counts %u discarded %u as-withdraw %u refused %u denied %u\n", m->tunnel,
		m->counts.discarded, m->counts.as_withdraw, m->counts.refused, m->counts.denied);
}

static void print_route(const struct imsg_route *m)
{
	char text[PREFIX_STR_SIZE];

	prefix_format(&m->prefix, text);
	printf("route %s tunnel %u med %u path ", text, m->tunnel, m->med);
	for (int i = 0; i < m->as_path_len && i < ROUTE_AS_PATH_SHOWN; i++)
		printf("%s%u", i ? "," : "", m->as_path[i]);
	printf(" candidates %u\n", m->candidates.all);
}

static void print_bfd(const struct imsg_bfd_state *m)
{
	printf("bfd %u %s\n", m->tunnel, m->present ? bfd_state_name(m->state) : "off");
}

static void print_event(const struct imsg_bgp_event *m)
{
	char text[PREFIX_STR_SIZE];

	if (quiet || !m->event.details[0])
		return;
	printf("event %u %s%s%s\n", m->tunnel,
		m->event.prefix.addr.family ? prefix_format(&m->event.prefix, text) : "",
		m->event.prefix.addr.family ? " " : "", m->event.details);
}

static void on_routes(const struct imsg *m)
{
	const struct imsg_route *route = m->payload;
	size_t count = m->len / sizeof(*route);

	if (hub.fib)
		hub_routes_take(&hub, route, count);
	for (size_t i = 0; !quiet && i < count; i++)
		print_route(&route[i]);
}

static void on_unroutes(const struct imsg *m)
{
	const struct ip_prefix *gone = m->payload;
	size_t count = m->len / sizeof(*gone);
	char text[PREFIX_STR_SIZE];

	if (hub.fib)
		hub_routes_gone(&hub, gone, count);
	for (size_t i = 0; !quiet && i < count; i++)
		printf("unroute %s\n", prefix_format(&gone[i], text));
}

static void on_message(void *context, const struct imsg *m)
{
	(void)context;
	switch (m->type) {
	case IMSG_READY:
		puts("ready");
		return;
	case IMSG_BGP_SETTLED:
		puts("settled");
		return;
	case IMSG_BGP_STATE:
		print_state(m->payload);
		return;
	case IMSG_ROUTES:
		on_routes(m);
		return;
	case IMSG_UNROUTES:
		on_unroutes(m);
		return;
	case IMSG_BFD_STATE:
		print_bfd(m->payload);
		return;
	case IMSG_BGP_EVENT:
		print_event(m->payload);
		return;
	default:
		printf("message %u\n", m->type);
	}
}

static void on_gone(void *context)
{
	(void)context;
	puts("gone");
	event_base_loopbreak(base);
}

int main(void)
{
	int pair[2], status = 0;
	struct event *input;
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		fail("socketpair");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		close(pair[0]);
		log_init("bgp", LOG_VERBOSE);
		exit(proc_bgp_run(pair[1]));
	}
	close(pair[1]);
	base = event_base_new();
	channel = imsg_channel_new(base, pair[0], on_message, on_gone, NULL);
	input = event_new(base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
	event_add(input, NULL);
	event_base_dispatch(base);

	event_free(input);
	imsg_channel_free(channel);
	event_base_free(base);
	kernel_end();
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
