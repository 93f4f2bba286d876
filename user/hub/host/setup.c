/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that needs root at start: programs, devices, sockets. And its end. */
#include "hub/host/host.h"

#include "base/log.h"
#include "dataplane/bpf_refusal.h"
#include "hub/event/eventlog.h"
#include "hub/site/bfd_sockets.h"
#include "hub/site/site.h"
#include "ipc/datagram.h"
#include "ipc/msg_data.h"
#include "ipc/privsep.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <linux/udp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define RUN_DIR       "/run/sluice"
#define EMPTY_ROOT    RUN_DIR "/empty"
#define CONTROL_PATH  RUN_DIR "/control.sock"
#define CONTROL_GROUP "sluice" /* members may use the control socket */
#define INSIDE_MTU    1500

#define EVENTS_DIRECTORY "/var/lib/sluice/events"

#define TCP_BACKLOG 64

struct host *host_new(void)
{
	struct host *host = calloc(1, sizeof(*host));

	if (!host)
		abort();
	host->too_big[0] = host->too_big[1] = -1;
	host->control_fd = host->metrics_fd = -1;
	host->checkpoint_fd = host->saved_fd = host->events_fd = -1;
	return host;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	if (host->changed)
		event_free(host->changed);
	if (host->look_again)
		event_free(host->look_again);
	host_addresses_fini(&host->addresses);
	free(host);
}

static bool fail(char *error, const char *what, const char *name)
{
	snprintf(error, CONFIG_ERROR_SIZE, "%s %s: %s", what, name, strerror(errno));
	return false;
}

/*
 * As many as we have CPUs. More than one receive queue of an outside device has to offer would have
 * nothing to decrypt; with kernel ESP tunnels are spread over CPUs whatever the queues are.
 */
static uint32_t choose_workers(const struct hub *h)
{
	uint32_t chosen = h->config->concentrator.workers, cpus = 1, queues = 1;
	cpu_set_t set;

	if (chosen)
		return chosen;
	if (!sched_getaffinity(0, sizeof(set), &set))
		cpus = (uint32_t)CPU_COUNT(&set);
	for (uint32_t i = 0; i < h->model.host.outside_count; i++) {
		if (h->model.host.outside[i].queues > queues)
			queues = h->model.host.outside[i].queues;
	}
	chosen = h->kernel_esp || cpus < queues ? cpus : queues;
	return chosen < SLUICE_MAX_WORKERS ? chosen : SLUICE_MAX_WORKERS;
}

static bool load_plane(struct hub *h, char *error)
{
	const struct concentrator_conf *c = &h->config->concentrator;
	struct bpf_options bpf = {.workers = h->workers,
		.live = {.packets = c->packets,
			.outside_forwarding = c->outside_forwarding,
			.sites_apart = !c->site_to_site},
		.bgp_uid = privsep_uid("bgp"),
		.outside_count = h->model.host.outside_count,
		.esp_cpus = h->kernel_esp ? h->workers : 0};
	struct link_options link = {.queues = h->kernel_esp ? 1 : h->workers,
		.mtu = INSIDE_MTU,
		.table = c->route_table};
	char why[DATAPLANE_ERROR_SIZE] = "";

	for (uint32_t i = 0; i < h->model.host.outside_count; i++)
		bpf.outside_ifindex[i] = h->model.host.outside[i].ifindex;
	h->plane = bpf_plane_load(&bpf, why);
	for (unsigned int i = 0; !h->plane && bpf_refusal_line(i); i++)
		log_error("%s", bpf_refusal_line(i));
	if (h->plane)
		h->maps = maps_new(h->plane);
	if (h->plane && !h->maps)
		snprintf(why, sizeof(why), "the BPF maps cannot be mapped: %s", strerror(errno));
	if (h->maps) {
		link.steer_fd = bpf_plane_steer_fd(h->plane);
		h->link = link_open(&link, why);
		if (h->link)
			snprintf(h->model.host.inside, sizeof(h->model.host.inside), "%s",
				link_name(h->link));
	}
	if (!h->link || !bpf_plane_attach_inside(h->plane, link_ifindex(h->link),
				&h->model.plane.inside_mode, why)) {
		snprintf(error, CONFIG_ERROR_SIZE, "%s", why);
		return false;
	}
	return true;
}

static bool open_bgp(struct hub *h, char *error)
{
	return (hub_bgp_listen(h, AF_INET) && hub_bgp_listen(h, AF_INET6)) ||
	       fail(error, "cannot listen for BGP on", link_name(h->link));
}

static bool make_run_dir(char *error)
{
	if ((mkdir(RUN_DIR, 0755) && errno != EEXIST) ||
		(mkdir(EMPTY_ROOT, 0555) && errno != EEXIST))
		return fail(error, "cannot create", EMPTY_ROOT);
	return true;
}

static bool open_control(struct hub *h, char *error)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = CONTROL_PATH};
	const struct group *group = getgrnam(CONTROL_GROUP);

	h->host->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (h->host->control_fd < 0)
		return fail(error, "socket", CONTROL_PATH);
	unlink(CONTROL_PATH);

	mode_t old = umask(0117);
	int r = bind(h->host->control_fd, (struct sockaddr *)&un, sizeof(un));

	umask(old);
	if (r || listen(h->host->control_fd, 64))
		return fail(error, "cannot listen on", CONTROL_PATH);
	if (group && chown(CONTROL_PATH, 0, group->gr_gid))
		return fail(error, "cannot give away", CONTROL_PATH);
	return true;
}

static bool fail_listen(
	const char *what, const struct ip_endpoint *at, char error[CONFIG_ERROR_SIZE])
{
	char text[ENDPOINT_STR_SIZE], cannot[60];

	snprintf(cannot, sizeof(cannot), "cannot listen for %s on", what);
	return fail(error, cannot, endpoint_format(at, text));
}

bool hub_tcp_bind(
	const char *what, const struct ip_endpoint *at, int *fd, char error[CONFIG_ERROR_SIZE])
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(at, &ss);
	int on = 1;

	*fd = -1;
	if (!addr_is_set(&at->addr))
		return true;
	*fd = socket(at->addr.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* All addresses instead of one: the next listener is there before this one goes. */
	(void)setsockopt(*fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	if (*fd >= 0 && !bind(*fd, (struct sockaddr *)&ss, len))
		return true;
	(void)fail_listen(what, at, error);
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return false;
}

bool hub_tcp_listen(
	const char *what, const struct ip_endpoint *at, int fd, char error[CONFIG_ERROR_SIZE])
{
	return !listen(fd, TCP_BACKLOG) || fail_listen(what, at, error);
}

bool hub_tcp_open(
	const char *what, const struct ip_endpoint *at, int *fd, char error[CONFIG_ERROR_SIZE])
{
	if (!hub_tcp_bind(what, at, fd, error))
		return false;
	if (*fd < 0 || hub_tcp_listen(what, at, *fd, error))
		return true;
	close(*fd);
	*fd = -1;
	return false;
}

bool hub_metrics_open(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	return hub_tcp_open(
		"metrics", &h->config->concentrator.metrics, &h->host->metrics_fd, error);
}

/* Tunnels do not wait for it: its address may come later, as those of endpoints may. */
static void open_metrics(struct hub *h)
{
	char error[CONFIG_ERROR_SIZE];

	if (!hub_metrics_open(h, error))
		log_warn("%s; it is tried again each second", error);
}

static bool watch_host(struct hub *h, char *error)
{
	char why[DATAPLANE_ERROR_SIZE];

	h->host->watch = host_watch_open(why);
	if (!h->host->watch)
		snprintf(error, CONFIG_ERROR_SIZE, "%s", why);
	return h->host->watch;
}

/* Last: the kernel forwards nothing before the outside devices are closed for what is in clear. */
static bool forward(struct hub *h, char *error)
{
	char why[DATAPLANE_ERROR_SIZE];
	bool ok = link_host_settings(h->link, true, why);

	if (!ok)
		snprintf(error, CONFIG_ERROR_SIZE, "%s", why);
	return ok;
}

static bool open_events(struct hub *h, char *error)
{
	const char *directory = h->config->concentrator.log_directory;

	return eventlog_open(h->events, directory) || fail(error, "log_directory", directory);
}

bool hub_setup(struct hub *h, char error[CONFIG_ERROR_SIZE])
{
	h->kernel_esp = h->config->concentrator.dataplane == DATAPLANE_XFRM;
	if (!watch_host(h, error))
		return false;
	hub_outside_name(h);
	if (!(open_events(h, error) && make_run_dir(error) && hub_dataplane_probe(h, error) &&
		    (h->workers = choose_workers(h)) && load_plane(h, error) &&
		    hub_interfaces_open(h, error) && hub_too_big_open(h, error) &&
		    hub_outside_sockets_open(
			    h, &h->config->concentrator, false, &h->host->sockets, error) &&
		    open_bgp(h, error) && open_control(h, error) &&
		    (hub_memfds_open(h) || fail(error, "memfd", "sluice")) &&
		    hub_outside_attach(h, error) && forward(h, error)))
		return false;
	open_metrics(h);
	hub_events_directory_open(h, EVENTS_DIRECTORY);
	return true;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void hub_teardown(struct hub *h)
{
	hub_interfaces_close(h);
	if (h->plane) /* else the rules are those of another hub that runs */
		hub_outside_open(h);
	host_watch_close(h->host->watch);
	h->host->watch = NULL;
	link_close(h->link);
	maps_free(h->maps);
	bpf_plane_free(h->plane);
	h->link = NULL;
	h->maps = NULL;
	h->plane = NULL;
	outside_sockets_close(&h->host->sockets);
	outside_sockets_close(&h->host->retired);
	inside_sockets_free(h->inside);
	h->inside = NULL;
	bfd_sockets_free(h->bfd_sockets);
	h->bfd_sockets = NULL;
	close_fd(&h->host->too_big[0]);
	close_fd(&h->host->too_big[1]);
	if (h->host->control_fd >= 0)
		unlink(CONTROL_PATH);
	close_fd(&h->host->control_fd);
	close_fd(&h->host->metrics_fd);
	close_fd(&h->host->checkpoint_fd);
	close_fd(&h->host->saved_fd);
	close_fd(&h->host->events_fd);
}
