/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bpf_internal.h"
#include "dataplane/bpf_refusal.h"

#include "inside.skel.h"
#include "outside.skel.h"
#include "steer.skel.h"
#include "worker.skel.h"
#include "xfrm.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <dirent.h>

#define IKE_DEFAULT_RATE      200
#define IKE_DEFAULT_BURST     400
#define NANOSECONDS           UINT64_C(1000000000)
#define CPU_QUEUE             2048                     /* packets on their way to a CPU */
#define MAP_ROWS(per, worker) ((per) * ((worker) + 1)) /* one more for the control thread */

static bool is_bpf_fs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/* /sys/fs/bpf is mounted by the init system nearly everywhere; containers and small images lack it. */
static bool mount_bpf_fs(const char *pin_dir, char error[DATAPLANE_ERROR_SIZE])
{
	static const char usual[] = "/sys/fs/bpf";
	char parent[PIN_PATH_SIZE];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", pin_dir);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent) {
		bpf_plane_say(error, "pin directory %s must be a directory below a bpf file system",
			pin_dir);
		return false;
	}
	*slash = 0;
	if (is_bpf_fs(parent))
		return true;
	if (!strncmp(pin_dir, usual, strlen(usual)) &&
		!mount("bpf", usual, "bpf", 0, "mode=0700") && is_bpf_fs(parent))
		return true;
	bpf_plane_say(
		error, "%s is not on a bpf file system and none could be mounted there", pin_dir);
	return false;
}

static void remove_pins(const struct bpf_plane *p, bool links)
{
	DIR *d = opendir(p->pin_dir);
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.' && (links || !bpf_plane_is_link(p, e->d_name)))
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
}

/* The lock tells a living owner from pins that a crash left behind. */
static bool take_pin_dir(struct bpf_plane *p, char error[DATAPLANE_ERROR_SIZE])
{
	if (!mount_bpf_fs(p->pin_dir, error))
		return false;
	if (mkdir(p->pin_dir, 0700) && errno != EEXIST) {
		bpf_plane_say(error, "cannot create %s: %s", p->pin_dir, strerror(errno));
		return false;
	}
	p->owner_fd = open(p->pin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->owner_fd < 0) {
		bpf_plane_say(error, "cannot open %s: %s", p->pin_dir, strerror(errno));
		return false;
	}
	if (flock(p->owner_fd, LOCK_EX | LOCK_NB)) {
		bpf_plane_say(error, "another sluiced is running: it holds %s", p->pin_dir);
		close(p->owner_fd);
		p->owner_fd = -1;
		return false;
	}
	remove_pins(p, false);
	return true;
}

static void set_outside(struct bpf_plane *p, const struct bpf_live *live)
{
	p->outside->bss->ecn_marking = live->packets.ecn_marking;
	p->outside->bss->outer_rates = live->packets.rate_bytes == RATE_OUTER;
	p->outside->bss->outside_forwarding = live->outside_forwarding;
}

static void set_inside(struct bpf_plane *p, const struct bpf_live *live)
{
	p->inside->bss->horizon_ns = (uint64_t)live->packets.pacing_horizon_us * 1000;
	p->inside->bss->ecn_marking = live->packets.ecn_marking;
	p->inside->bss->sites_apart = live->sites_apart;
}

/* The maps of these variables are mapped: a program sees each of them with its next packet. */
void bpf_plane_live_set(struct bpf_plane *p, const struct bpf_live *live)
{
	set_outside(p, live);
	set_inside(p, live);
}

static bool load_outside(struct bpf_plane *p, const struct bpf_options *o)
{
	uint32_t rate = o->ike_per_second ? o->ike_per_second : IKE_DEFAULT_RATE;
	uint32_t burst = o->ike_burst ? o->ike_burst : IKE_DEFAULT_BURST;

	p->outside = outside_bpf__open();
	if (!p->outside)
		return false;
	for (uint32_t i = 0; i < o->outside_count; i++)
		p->outside->bss->outside_ifindex[i] = o->outside_ifindex[i];
	p->outside->rodata->esp_cpus = o->esp_cpus;
	set_outside(p, &o->live);
	p->outside->rodata->ike_cost_ns = NANOSECONDS / rate;
	/* The packet that is looked at is allowed too: a burst of n lets n - 1 be ahead of it. */
	p->outside->rodata->ike_burst_ns = NANOSECONDS / rate * (burst - 1);
	if (o->ike_first_per_second) {
		for (int i = 0; i < SLUICE_IKE_STRANGERS; i++)
			p->outside->rodata->ike_strangers[i] = (struct stranger_limit){
				NANOSECONDS / o->ike_first_per_second, NANOSECONDS / 10};
	}
	return !outside_bpf__load(p->outside);
}

/* A map that another object has made already. */
static bool share_map(struct bpf_map *mine, const struct bpf_map *its)
{
	return !bpf_map__reuse_fd(mine, bpf_map__fd(its));
}

static bool load_worker(struct bpf_plane *p, const struct bpf_options *o)
{
	struct worker_bpf *w = worker_bpf__open();

	p->worker = w;
	if (!w)
		return false;
	bpf_map__set_max_entries(w->maps.worker_in_stats, MAP_ROWS(SLUICE_MAX_SITES, o->workers));
	bpf_map__set_max_entries(w->maps.worker_out_stats, MAP_ROWS(SLUICE_MAX_SITES, o->workers));
	bpf_map__set_max_entries(w->maps.tunnel_stats, MAP_ROWS(SLUICE_MAX_TUNNELS, o->workers));
	bpf_map__set_max_entries(w->maps.workers, MAP_ROWS(1, o->workers));
	return !worker_bpf__load(w);
}

static bool load_inside(struct bpf_plane *p, const struct bpf_options *o)
{
	p->inside = inside_bpf__open();
	if (!p->inside)
		return false;
	set_inside(p, &o->live);
	p->inside->rodata->bgp_uid = o->bgp_uid;
	if (!share_map(p->inside->maps.bucket_aggregate, p->outside->maps.bucket_aggregate) ||
		!share_map(p->inside->maps.tunnel_stats, p->worker->maps.tunnel_stats) ||
		!share_map(p->inside->maps.site_in_stats, p->outside->maps.site_in_stats) ||
		inside_bpf__load(p->inside))
		return false;
	p->steer = steer_bpf__open_and_load();
	return p->steer != NULL;
}

/* The CPUs that tunnels are spread over: the first ones. */
static bool fill_cpus(struct bpf_plane *p, uint32_t count)
{
	int fd = bpf_map__fd(p->outside->maps.cpus);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t queue = CPU_QUEUE;

		if (bpf_map_update_elem(fd, &i, &queue, BPF_ANY))
			return false;
	}
	return true;
}

/* A kernel that does not tell of them loses these packets uncounted, and works all the same. */
static void count_queue_drops(struct bpf_plane *p)
{
	static const char *const events[QUEUE_EVENTS] = {
		"xdp_cpumap_enqueue", "xdp_cpumap_kthread"};
	struct bpf_map_info info = {0};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_map__fd(p->outside->maps.cpus), &info, &len))
		return;
	p->xfrm->bss->cpus_id = info.id;
	for (int i = 0; i < QUEUE_EVENTS; i++)
		p->queue_link[i] = bpf_raw_tracepoint_open(
			events[i], bpf_program__fd(p->xfrm->progs.cpu_queue));
}

static bool load_xfrm(struct bpf_plane *p, const struct bpf_options *o)
{
	struct xfrm_bpf *x;

	if (!o->esp_cpus)
		return true;
	p->xfrm = x = xfrm_bpf__open();
	if (!(x && share_map(x->maps.bucket_in, p->outside->maps.bucket_in) &&
		    share_map(x->maps.bucket_aggregate, p->outside->maps.bucket_aggregate) &&
		    share_map(x->maps.site_in_stats, p->outside->maps.site_in_stats) &&
		    share_map(x->maps.site_credit, p->outside->maps.site_credit) &&
		    share_map(x->maps.tunnels, p->inside->maps.tunnels) &&
		    share_map(x->maps.route4, p->inside->maps.route4) &&
		    share_map(x->maps.route6, p->inside->maps.route6) &&
		    share_map(x->maps.sources4, p->inside->maps.sources4) &&
		    share_map(x->maps.sources6, p->inside->maps.sources6) &&
		    share_map(x->maps.services, p->inside->maps.services) &&
		    share_map(x->maps.strange_sessions, p->inside->maps.strange_sessions) &&
		    share_map(x->maps.inside_drops, p->inside->maps.inside_drops) &&
		    share_map(x->maps.selectors, p->inside->maps.selectors) &&
		    share_map(x->maps.tunnel_stats, p->worker->maps.tunnel_stats) &&
		    !xfrm_bpf__load(x) && fill_cpus(p, o->esp_cpus)))
		return false;
	count_queue_drops(p);
	return true;
}

static void name_maps(struct bpf_plane *p)
{
	struct bpf_map **m = p->maps;

	m[DATA_MAP_SA_IN] = p->outside->maps.sa_in;
	m[DATA_MAP_BUCKET_IN] = p->outside->maps.bucket_in;
	m[DATA_MAP_BUCKET_OUT] = p->inside->maps.bucket_out;
	m[DATA_MAP_BUCKET_AGGREGATE] = p->outside->maps.bucket_aggregate;
	m[DATA_MAP_SITE_IN_STATS] = p->outside->maps.site_in_stats;
	m[DATA_MAP_SITE_OUT_STATS] = p->inside->maps.site_out_stats;
	m[DATA_MAP_WORKER_IN_STATS] = p->worker->maps.worker_in_stats;
	m[DATA_MAP_WORKER_OUT_STATS] = p->worker->maps.worker_out_stats;
	m[DATA_MAP_TUNNEL_STATS] = p->worker->maps.tunnel_stats;
	m[DATA_MAP_WORKERS] = p->worker->maps.workers;
	m[DATA_MAP_OUTSIDE_DROPS] = p->outside->maps.outside_drops;
	m[DATA_MAP_INSIDE_DROPS] = p->inside->maps.inside_drops;
	m[DATA_MAP_TUNNELS] = p->inside->maps.tunnels;
	m[DATA_MAP_SITES] = p->worker->maps.sites;
	m[DATA_MAP_SHARES] = p->inside->maps.shares;
	m[DATA_MAP_ROUTE4] = p->inside->maps.route4;
	m[DATA_MAP_ROUTE6] = p->inside->maps.route6;
	m[DATA_MAP_SOURCES4] = p->inside->maps.sources4;
	m[DATA_MAP_SOURCES6] = p->inside->maps.sources6;
	m[DATA_MAP_SERVICES] = p->inside->maps.services;
	m[DATA_MAP_STRANGE_SESSIONS] = p->inside->maps.strange_sessions;
	m[DATA_MAP_CLOSED4] = p->outside->maps.closed4;
	m[DATA_MAP_CLOSED6] = p->outside->maps.closed6;
	m[DATA_MAP_XSKS] = p->outside->maps.xsks;
	m[DATA_MAP_IKE_GUARD] = p->outside->maps.ike_guard;
	m[DATA_MAP_IKE_SPIS] = p->outside->maps.ike_spis;
	m[DATA_MAP_SELECTORS] = p->inside->maps.selectors;
	m[DATA_MAP_CPUS] = p->outside->maps.cpus;
	m[DATA_MAP_INTERFACES] = p->xfrm ? p->xfrm->maps.interfaces : NULL;
	m[DATA_MAP_CREDIT] = p->outside->maps.site_credit;
}

static bool pin_maps(struct bpf_plane *p, char error[DATAPLANE_ERROR_SIZE])
{
	char path[PIN_PATH_SIZE];

	for (int i = 0; i < DATA_MAPS; i++) {
		if (!p->maps[i])
			continue;
		snprintf(path, sizeof(path), "%s/%s", p->pin_dir, bpf_map__name(p->maps[i]));
		if (bpf_map__pin(p->maps[i], path)) {
			bpf_plane_say(error, "cannot pin %s: %s", path, strerror(errno));
			return false;
		}
	}
	return true;
}

static bool options_valid(const struct bpf_options *o, char error[DATAPLANE_ERROR_SIZE])
{
	if (o->workers < 1 || o->workers > SLUICE_MAX_WORKERS) {
		bpf_plane_say(error, "%u workers, must be 1 to %u", o->workers, SLUICE_MAX_WORKERS);
		return false;
	}
	if (o->outside_count > SLUICE_MAX_OUTSIDE) {
		bpf_plane_say(error, "%u outside devices, must be at most %u", o->outside_count,
			SLUICE_MAX_OUTSIDE);
		return false;
	}
	return true;
}

struct bpf_plane *bpf_plane_load(const struct bpf_options *o, char error[DATAPLANE_ERROR_SIZE])
{
	const char *dir = o->pin_dir ? o->pin_dir : SLUICE_PIN_DIR;
	struct bpf_plane *p;

	if (!options_valid(o, error))
		return NULL;
	p = calloc(1, sizeof(*p));
	if (!p || strlen(dir) >= sizeof(p->pin_dir)) {
		bpf_plane_say(error, "no memory, or pin directory too long");
		free(p);
		return NULL;
	}
	snprintf(p->pin_dir, sizeof(p->pin_dir), "%s", dir);
	p->owner_fd = p->inside_link[0] = p->inside_link[1] = -1;
	for (int i = 0; i < QUEUE_EVENTS; i++)
		p->queue_link[i] = -1;
	for (int i = 0; i < SLUICE_MAX_OUTSIDE; i++)
		p->outside_link[i] = -1;
	memcpy(p->ifindex, o->outside_ifindex, sizeof(p->ifindex));

	bpf_refusal_listen();
	if (!take_pin_dir(p, error))
		goto fail;
	if (!load_outside(p, o) || !load_worker(p, o) || !load_inside(p, o) || !load_xfrm(p, o)) {
		bpf_plane_say(
			error, "the kernel refused a BPF program or map: %s", strerror(errno));
		goto fail;
	}
	name_maps(p);
	if (!pin_maps(p, error))
		goto fail;
	return p;
fail:
	bpf_plane_free(p);
	return NULL;
}

static int attach_tc(int prog, uint32_t ifindex, enum bpf_tc_attach_point point)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = prog, .handle = 1, .priority = 1);
	int r = bpf_tc_hook_create(&hook);

	return r && r != -EEXIST ? r : bpf_tc_attach(&hook, &opts);
}

static bool attach_clsact(struct bpf_plane *p, uint32_t ifindex, char error[DATAPLANE_ERROR_SIZE])
{
	int r = attach_tc(bpf_plane_inside_fd(p), ifindex, BPF_TC_EGRESS);

	if (!r && !p->xfrm)
		r = attach_tc(bpf_plane_from_site_fd(p), ifindex, BPF_TC_INGRESS);
	if (r) {
		bpf_plane_say(error, "cannot attach TC to interface %u: %s", ifindex, strerror(-r));
		return false;
	}
	p->clsact_ifindex = ifindex;
	return true;
}

static void close_inside(struct bpf_plane *p)
{
	for (int i = 0; i < 2; i++) {
		if (p->inside_link[i] >= 0)
			close(p->inside_link[i]);
		p->inside_link[i] = -1;
	}
}

bool bpf_plane_attach_inside(
	struct bpf_plane *p, uint32_t ifindex, const char **mode, char error[DATAPLANE_ERROR_SIZE])
{
	if (p->xfrm)
		p->xfrm->bss->inside_ifindex = ifindex;
	p->outside->bss->inside_ifindex = ifindex;
	p->inside->bss->inside_ifindex = ifindex;
	*mode = "tcx";
	close_inside(p); /* of one that has gone */
	p->inside_link[0] = bpf_link_create(bpf_plane_inside_fd(p), (int)ifindex,
		(enum bpf_attach_type)BPF_TCX_EGRESS_TYPE, NULL);
	/* With kernel ESP xfrm_in has asked what from_site asks. */
	if (p->inside_link[0] >= 0 && !p->xfrm)
		p->inside_link[1] = bpf_link_create(bpf_plane_from_site_fd(p), (int)ifindex,
			(enum bpf_attach_type)BPF_TCX_INGRESS_TYPE, NULL);
	if (p->inside_link[0] >= 0 && (p->xfrm || p->inside_link[1] >= 0))
		return true;
	close_inside(p);
	*mode = "clsact";
	return attach_clsact(p, ifindex, error);
}

bool bpf_plane_inside_holds(const struct bpf_plane *p, uint32_t ifindex)
{
	for (int i = 0; i < 2; i++) {
		if (p->inside_link[i] >= 0 && !bpf_plane_link_holds(p->inside_link[i], ifindex))
			return false;
	}
	return true;
}

bool bpf_plane_attach_interface(
	struct bpf_plane *p, uint32_t ifindex, uint32_t tunnel, char error[DATAPLANE_ERROR_SIZE])
{
	int r = bpf_map_update_elem(
		bpf_map__fd(p->xfrm->maps.interfaces), &ifindex, &tunnel, BPF_ANY);

	if (!r)
		r = attach_tc(bpf_program__fd(p->xfrm->progs.xfrm_in), ifindex, BPF_TC_INGRESS);
	if (!r)
		r = attach_tc(bpf_program__fd(p->xfrm->progs.xfrm_out), ifindex, BPF_TC_EGRESS);
	if (r)
		bpf_plane_say(error, "cannot attach TC to interface %u: %s", ifindex, strerror(-r));
	return !r;
}

void bpf_plane_interface_forget(struct bpf_plane *p, uint32_t ifindex)
{
	(void)bpf_map_delete_elem(bpf_map__fd(p->xfrm->maps.interfaces), &ifindex);
}

int bpf_plane_steer_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->steer->progs.steer);
}

int bpf_plane_map_fd(const struct bpf_plane *p, enum data_map map)
{
	return bpf_map__fd(p->maps[map]);
}

uint32_t bpf_plane_map_value_size(const struct bpf_plane *p, enum data_map map)
{
	return bpf_map__value_size(p->maps[map]);
}

uint32_t bpf_plane_map_entries(const struct bpf_plane *p, enum data_map map)
{
	return bpf_map__max_entries(p->maps[map]);
}

int bpf_plane_leaving_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->outside->progs.leaving);
}

int bpf_plane_inside_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->inside->progs.inside);
}

int bpf_plane_from_site_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->inside->progs.from_site);
}

int bpf_plane_xfrm_in_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->xfrm->progs.xfrm_in);
}

int bpf_plane_xfrm_out_fd(const struct bpf_plane *p)
{
	return bpf_program__fd(p->xfrm->progs.xfrm_out);
}

void bpf_plane_sources_changed(const struct bpf_plane *p)
{
	__atomic_fetch_add(&p->inside->bss->source_generation, 1, __ATOMIC_RELEASE);
	if (p->xfrm)
		__atomic_fetch_add(&p->xfrm->bss->source_generation, 1, __ATOMIC_RELEASE);
}

uint64_t bpf_plane_queue_drops(const struct bpf_plane *p)
{
	return p->xfrm ? __atomic_load_n(&p->xfrm->bss->cpu_queue_full, __ATOMIC_RELAXED) : 0;
}

void bpf_plane_forget(struct bpf_plane *p)
{
	if (!p)
		return;
	for (int i = 0; i < SLUICE_MAX_OUTSIDE; i++) {
		if (p->outside_link[i] >= 0)
			close(p->outside_link[i]);
	}
	for (int i = 0; i < GUARDS_MAX; i++) {
		if (p->guards[i].ifindex && p->guards[i].link >= 0)
			close(p->guards[i].link);
	}
	close_inside(p);
	for (int i = 0; i < QUEUE_EVENTS; i++) {
		if (p->queue_link[i] >= 0)
			close(p->queue_link[i]);
	}
	outside_bpf__destroy(p->outside);
	inside_bpf__destroy(p->inside);
	steer_bpf__destroy(p->steer);
	worker_bpf__destroy(p->worker);
	xfrm_bpf__destroy(p->xfrm);
	if (p->owner_fd >= 0)
		close(p->owner_fd);
	free(p);
}

void bpf_plane_free(struct bpf_plane *p)
{
	if (!p)
		return;
	bpf_plane_open_outside(p);
	if (p->clsact_ifindex) {
		LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)p->clsact_ifindex,
			.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

		bpf_tc_hook_destroy(&hook);
	}
	if (p->owner_fd >= 0) {
		/* What kept the devices closed for us does so for the next, if we did not come so far. */
		remove_pins(p, p->closed);
		rmdir(p->pin_dir);
	}
	bpf_plane_forget(p);
}
