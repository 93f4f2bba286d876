/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole hub, of a configuration in a file, on a kernel of tables (fake_plane.h). Its children are a process each
 * that does nothing; what hub tells them and what they report goes through real channels, whose other end is here.
 */
#ifndef TESTS_SIM_HUB_WORLD_H
#define TESTS_SIM_HUB_WORLD_H

#include "fake_plane.h"

#include "audit/log.h"
#include "base/clock.h"
#include "hub/api/access_internal.h"
#include "hub/api/api.h"
#include "hub/apply.h"
#include "hub/child/child.h"
#include "hub/host/host.h"
#include "hub/event/eventlog.h"
#include "hub/hub.h"
#include "hub/revision.h"
#include "hub/secret/certificates.h"
#include "hub/secret/vault.h"
#include "hub/site/admin_internal.h"
#include "hub/site/site.h"
#include "ipc/msg_api.h"
#include "ipc/msg_bgp.h"
#include "ipc/msg_data.h"
#include "ipc/msg_ike.h"
#include "ipc/msg_watch.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define HEARD_MAX 4096

struct heard {
	enum process_role role;
	uint32_t type;
	uint32_t len;
	bool fd;
	void *payload;
};

static struct {
	char dir[32], path[64]; /* of the configuration */
	char audit[64], control[64], revisions[64], secrets[64];
	bool keeps_revisions;   /* a start is with the newest one, and not with the files */
	bool without_processes; /* of children there are channels only, which is faster */
	struct hub *hub;
	struct imsg_channel *children[PROCESS_ROLES]; /* their ends */
	struct heard heard[HEARD_MAX];
	size_t heard_count;
	struct {
		unsigned int calls;
		bool ok;
		char summary[CONFIG_ERROR_SIZE];
		json_t *warnings;
	} applied;             /* what came of world_apply() */
	const char *endpoints; /* of the configuration; NULL: WORLD_ENDPOINTS */
} world;

#define WORLD_ENDPOINTS                                                                            \
	"    - { device: eth0, addresses: [198.51.100.1] }\n"                                      \
	"    - { device: eth1, addresses: [198.51.101.1] }\n"

/* %s: its endpoints; what else the concentrator has; sites. */
#define WORLD_CONFIG                                                                               \
	"concentrator:\n"                                                                          \
	"  name: hub-1\n"                                                                          \
	"  asn: 64512\n"                                                                           \
	"  endpoints:\n%s"                                                                         \
	"  networks: [10.0.0.0/16]\n"                                                              \
	"  identity: hub.example.net\n"                                                            \
	"  site_rate: 100M\n"                                                                      \
	"  aggregate_rate: 5G\n"                                                                   \
	"%s"                                                                                       \
	"sites:\n"                                                                                 \
	"%s"

#define WORLD_SITE(name, number, more)                                                             \
	"  - name: " name "\n"                                                                     \
	"    asn: 6500" number "\n" more "    tunnels:\n"                                          \
	"      - { identity: a" number ".example.net, inside: 169.254.10" number                   \
	".0/30, psk: 'file:DIR/psk' }\n"                                                           \
	"      - { identity: b" number ".example.net, inside: 169.254.10" number                   \
	".4/30, psk: 'file:DIR/psk' }\n"

static inline void world_write(const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", world.dir, name);
	(void)unlink(path);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fclose(f);
}

/* DIR in the text is the directory of this test. */
static inline void world_configure(const char *concentrator, const char *sites)
{
	size_t size = 16384, n = 0;
	char *text = calloc(2, size), *out = text + size;

	assert_non_null(text);
	assert_in_range(
		snprintf(text, size, WORLD_CONFIG,
			world.endpoints ? world.endpoints : WORLD_ENDPOINTS, concentrator, sites),
		1, size - 1);
	for (const char *at = text; *at && n + sizeof(world.dir) < size;) {
		if (!strncmp(at, "DIR", 3)) {
			n += (size_t)snprintf(out + n, size - n, "%s", world.dir);
			at += 3;
		} else {
			out[n++] = *at++;
		}
	}
	world_write("sluice.yaml", out);
	free(text);
}

#include "hub_children.h"

/* ---- a new configuration ---- */

#define WORLD_APPLIES 5 /* what hub is to give back, as it is */

static inline void world_applied(struct hub *h, uint64_t of, enum problem problem,
	const char *summary, const json_t *warnings, const json_t *more)
{
	(void)h, (void)more;
	assert_int_equal(of, WORLD_APPLIES);
	world.applied.calls++;
	world.applied.ok = problem == PROBLEM_NONE;
	snprintf(world.applied.summary, sizeof(world.applied.summary), "%s", summary);
	json_decref(world.applied.warnings);
	world.applied.warnings = json_deep_copy(warnings);
}

static inline void world_written(void)
{
	world_turn();
	for (int i = 0; i < 5000 && (hub_apply_is_writing(world.hub) ||
					    groups_are_looked_up(world.hub->access->groups_known));
		i++) {
		usleep(1000);
		world_turn();
	}
}

/* Until the revision is written: what leaves leaves afterwards. */
static inline void world_apply_order(struct apply_order order)
{
	world.applied.calls = 0;
	order.why = "test";
	order.done = world_applied;
	order.of = WORLD_APPLIES;
	hub_apply(world.hub, &order);
	world_written();
}

/* The file as it is. */
static inline void world_apply(void)
{
	world_apply_order((struct apply_order){0});
}

/* How many of the warnings have that part. */
static inline unsigned int world_warned(const char *part)
{
	unsigned int n = 0;
	json_t *text;
	size_t i;

	json_array_foreach(world.applied.warnings, i, text)
		n += strstr(json_string_value(text), part) != NULL;
	return n;
}

/* ---- the audit log ---- */

static inline void world_add_entry(
	void *context, const char *file, unsigned int number, const char *line, size_t len)
{
	(void)file, (void)number;
	json_array_append_new(context, json_loadb(line, len, 0, NULL));
}

/* All entries, the oldest first. */
static inline json_t *world_entries(void)
{
	json_t *entries = json_array();

	assert_true(audit_read(world.audit, world_add_entry, entries));
	return entries;
}

/* ---- tunnels ---- */

/* What is negotiated where nothing else is configured. */
#define WORLD_SUITE                                                                                \
	{                                                                                          \
		.encryption = 20, .key_bits = 256, .prf = 5, .group = 19                           \
	}

/* ike has a pair of SAs for the tunnel, or has not. */
static inline void world_peer(
	uint32_t tunnel, enum tunnel_phase phase, const char *peer, bool afresh)
{
	struct imsg_tunnel_state m = {
		.tunnel = tunnel, .phase = phase, .ike_version = 2, .afresh = afresh};

	assert_true(addr_parse(peer, &m.peer.addr));
	m.peer.port = 4500;
	if (phase == TUNNEL_UP)
		m.suite = (struct suite_numbers)WORLD_SUITE;
	snprintf(m.reason, sizeof(m.reason), "%s", phase == TUNNEL_UP ? "" : "DPD_TIMEOUT");
	imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_STATE, -1, &m, sizeof(m));
	world_turn();
}

/* It is up, by that key. */
static inline void world_shows(uint32_t tunnel, enum tunnel_key key)
{
	struct imsg_tunnel_state m = {.tunnel = tunnel,
		.phase = TUNNEL_UP,
		.ike_version = 2,
		.suite = WORLD_SUITE,
		.key = (uint8_t)key};

	assert_true(addr_parse("203.0.113.7", &m.peer.addr));
	m.peer.port = 4500;
	imsg_send(world.children[PROCESS_IKE], IMSG_TUNNEL_STATE, -1, &m, sizeof(m));
	world_turn();
}

static inline void world_tunnel(uint32_t tunnel, enum tunnel_phase phase)
{
	char peer[ADDR_STR_SIZE];

	snprintf(peer, sizeof(peer), "203.0.113.%u", 7 + tunnel);
	world_peer(tunnel, phase, peer, false);
}

static inline void world_session(uint32_t tunnel, enum bgp_state state)
{
	struct imsg_bgp_state m = {.tunnel = tunnel, .state = state};

	imsg_send(world.children[PROCESS_BGP], IMSG_BGP_STATE, -1, &m, sizeof(m));
	world_turn();
}

static inline void world_route(uint32_t tunnel, const char *prefix)
{
	struct imsg_route m = {
		.tunnel = tunnel, .source = SOURCE_BGP, .candidates = {.all = 1, .site = 1}};

	assert_true(prefix_parse(prefix, &m.prefix));
	imsg_send(world.children[PROCESS_BGP], IMSG_ROUTES, -1, &m, sizeof(m));
	world_turn();
}

static inline bool world_routed(const char *prefix)
{
	struct ip_prefix p;

	assert_true(prefix_parse(prefix, &p));
	return fake_find(&fake.kernel, &p) >= 0;
}

static inline struct site_tunnel *world_state(uint32_t tunnel)
{
	struct site_tunnel *t = site_tunnel_find(&world.hub->model, tunnel);

	assert_non_null(t);
	return t;
}

static inline struct site *world_site(const char *name)
{
	return site_find(&world.hub->model, name);
}

/* ---- begin and end ---- */

static inline void world_device(int i, const char *name, const char *address)
{
	struct host_address *a = &fake.addresses[fake.address_count++];
	struct fake_device *d = &fake.devices[i];

	*d = (struct fake_device){.is = {.ifindex = 11u + (uint32_t)i,
					  .rx_queues = 1,
					  .mtu = 1500,
					  .up = true,
					  .running = true}};
	snprintf(d->name, sizeof(d->name), "%s", name);
	*a = (struct host_address){.ifindex = d->is.ifindex, .len = 24, .global = true};
	assert_true(addr_parse(address, &a->address));
}

static inline struct sockaddr_un world_control(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", world.control);
	return un;
}

static inline void world_listen(struct hub *h)
{
	struct sockaddr_un un = world_control();

	(void)unlink(world.control);
	h->host->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(h->host->control_fd, (struct sockaddr *)&un, sizeof(un)), 0);
	assert_int_equal(listen(h->host->control_fd, 64), 0);
}

/* Somebody connects; the number that hub hands him on to api by, 0: it does not. */
static inline uint32_t world_connect(int *fd)
{
	struct sockaddr_un un = world_control();
	size_t before = world.heard_count;

	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*fd, (struct sockaddr *)&un, sizeof(un)), 0);
	world_turn();
	for (size_t i = before; i < world.heard_count; i++) {
		if (world.heard[i].type == IMSG_API_CLIENT && world.heard[i].fd)
			return ((const struct imsg_api_client *)world.heard[i].payload)->number;
	}
	return 0;
}

/* What hub_setup does, of which sockets at fixed ports are the half. */
static inline void world_set_up(struct hub *h)
{
	char error[CONFIG_ERROR_SIZE] = "";

	h->certificates = certificates_load(h->config, true, error);
	if (!h->certificates)
		fail_msg("%s", error);
	h->plane = (struct bpf_plane *)&fake;
	h->maps = (struct maps *)&fake;
	h->link = (struct link *)&fake;
	h->host->watch = (struct host_watch *)&fake;
	h->workers = 1;
	h->model.plane.inside_mode = "tcx";
	h->kernel_esp = h->config->concentrator.dataplane == DATAPLANE_XFRM;
	snprintf(h->model.host.inside, sizeof(h->model.host.inside), "sluice0");
	hub_outside_name(h);
	world_listen(h);
	assert_true(eventlog_open(h->events, h->config->concentrator.log_directory));
	assert_true(hub_interfaces_open(h, error));
	assert_true(hub_memfds_open(h));
	if (!hub_outside_attach(h, error))
		fail_msg("%s", error);
}

/* The hub of the configuration that world_configure has written, without its children. */
static inline void world_load(void)
{
	char error[CONFIG_ERROR_SIZE];
	struct revision_start start;

	if (!revision_choose(world.revisions, world.path, !world.keeps_revisions, &start, error))
		fail_msg("%s", error);
	world.hub = hub_new(world.revisions, world.path, &start);
	world.hub->admin->directory = world.dir;
	access_free(world.hub->access);
	world.hub->access = access_new(world.dir, world.hub);
	hub_audit_free(world.hub->audit);
	world.hub->audit = hub_audit_new(world.audit);
	world_set_up(world.hub);
	hub_begin(world.hub, false);
	hub_host_look(world.hub);
}

static inline void world_directory(void)
{
	memset(&world, 0, sizeof(world));
	memset(&fake, 0, sizeof(fake));
	strcpy(world.dir, "/tmp/sluice-test.XXXXXX");
	assert_non_null(mkdtemp(world.dir));
	snprintf(world.path, sizeof(world.path), "%s/sluice.yaml", world.dir);
	snprintf(world.revisions, sizeof(world.revisions), "%s/revisions", world.dir);
	snprintf(world.audit, sizeof(world.audit), "%s/audit", world.dir);
	snprintf(world.control, sizeof(world.control), "%s/control", world.dir);
	snprintf(world.secrets, sizeof(world.secrets), "%s/secrets", world.dir);
	vault_use(world.secrets);
	world_write("psk", "a.long_secret.of.tests\n");
	world_device(0, "eth0", "198.51.100.1");
	world_device(1, "eth1", "198.51.101.1");
}

/* The daemon starts, and its children are ready. */
static inline void world_run(void)
{
	world_load();
	for (int i = 0; i < PROCESS_ROLES; i++) {
		if (!world.hub->processes[i].off)
			world_start((enum process_role)i);
	}
	for (int i = 0; i < PROCESS_ROLES; i++) {
		struct imsg_bgp_ready ready = {0};

		if (world.hub->processes[i].off)
			continue;
		imsg_send(world.children[i], IMSG_READY, -1, &ready,
			i == PROCESS_BGP ? sizeof(ready) : 0);
	}
	world_written();
}

static inline void world_begin(const char *concentrator, const char *sites)
{
	world_directory();
	world_configure(concentrator, sites);
	world_run();
}

/* As the child that ipc/process.c starts; before the tests of main(). */
static inline void world_be_child(int argc, char **argv)
{
	char byte;

	if (argc < 2 || strcmp(argv[1], "--role"))
		return;
	while (read(PROCESS_CHANNEL_FD, &byte, 1) > 0)
		;
	_exit(0);
}

/* The daemon ends; its directory and the kernel stay. */
static inline void world_stop(void)
{
	for (int i = 0; i < PROCESS_ROLES; i++) {
		process_fini(&world.hub->processes[i]);
		imsg_channel_free(world.children[i]);
		world.children[i] = NULL;
	}
	close(world.hub->host->control_fd);
	world.hub->host->control_fd = -1;
	hub_teardown(world.hub);
	hub_free(world.hub);
	world.hub = NULL;
	world_forget();
}

static inline void world_clean(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf %s", world.dir);
	assert_int_equal(system(command), 0);
}

static inline int world_finish(void **state)
{
	(void)state;
	if (world.hub)
		world_stop();
	world_clean();
	json_decref(world.applied.warnings);
	world.applied.warnings = NULL;
	return 0;
}

#endif
