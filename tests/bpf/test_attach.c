/* SPDX-License-Identifier: Apache-2.0 */
/* How programs come onto an outside device and stay there: a kill, others who detach them, what is in the way. */
#include "guard_lab.h"

#include "dataplane/bpf_refusal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Loaded anew each time: what the one before has left behind is what these tests are about. */
static bool load(struct state *s, uint32_t ifindex, bool forwarding)
{
	struct bpf_options o = options_of(ifindex, forwarding);
	char error[DATAPLANE_ERROR_SIZE] = "";

	return have(s, bpf_plane_load(&o, error), error);
}

static uint32_t attached(uint32_t ifindex)
{
	uint32_t id = 0;

	return bpf_xdp_query_id((int)ifindex, 0, &id) ? 0 : id;
}

static uint32_t program_id(int fd)
{
	struct bpf_prog_info info = {0};
	uint32_t len = sizeof(info);

	assert_int_equal(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	return info.id;
}

/* As `bpftool link detach` does it; false when it is on no link. */
static bool detach(int prog, uint32_t device)
{
	uint32_t id = 0, program = program_id(prog);
	bool found = false;

	while (!found && !bpf_link_get_next_id(id, &id)) {
		int link = bpf_link_get_fd_by_id(id);
		struct bpf_link_info info = {0};
		uint32_t len = sizeof(info);

		found = link >= 0 && !bpf_obj_get_info_by_fd(link, &info, &len) &&
			info.prog_id == program && info.xdp.ifindex == device &&
			!bpf_link_detach(link);
		if (link >= 0)
			close(link);
	}
	return found;
}

/* Who takes them off by mistake, or not by mistake, does so for no longer than until hub looks. */
static void detached_programs_are_missed(void **context)
{
	uint32_t device = if_nametoindex("d0"), inside = if_nametoindex("d1");
	const char *mode, *inside_mode;
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct state s;

	(void)context;
	assert_true(load(&s, device, false));
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_true(bpf_plane_attach_inside(s.plane, inside, &inside_mode, error));
	assert_true(bpf_plane_outside_holds(s.plane, 0));
	assert_true(bpf_plane_inside_holds(s.plane, inside));
	assert_true(detach(bpf_plane_outside_fd(s.plane), device));
	assert_int_equal(attached(device), 0);
	assert_false(bpf_plane_outside_holds(s.plane, 0));
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_int_equal(attached(device), program_id(bpf_plane_outside_fd(s.plane)));
	assert_true(bpf_plane_outside_holds(s.plane, 0));
	/* Where the kernel has TCX. */
	if (detach(bpf_plane_leaving_fd(s.plane), device)) {
		assert_false(bpf_plane_outside_holds(s.plane, 0));
		assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
		assert_true(bpf_plane_outside_holds(s.plane, 0));
		assert_true(detach(bpf_plane_leaving_fd(s.plane), device));
	}
	if (detach(bpf_plane_from_site_fd(s.plane), inside)) {
		assert_false(bpf_plane_inside_holds(s.plane, inside));
		assert_true(bpf_plane_attach_inside(s.plane, inside, &inside_mode, error));
		assert_true(bpf_plane_inside_holds(s.plane, inside));
		assert_true(detach(bpf_plane_from_site_fd(s.plane), inside));
	}
	maps_free(s.maps);
	bpf_plane_free(s.plane);
}

static void a_killed_process_leaves_them_closed(void **context)
{
	uint32_t device = if_nametoindex("d0"), first;
	struct state s;
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE] = "";

	(void)context;
	assert_true(load(&s, device, false));
	assert_int_equal(attached(device), 0);
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_string_equal(mode, "native");
	first = attached(device);
	assert_int_equal(first, program_id(bpf_plane_outside_fd(s.plane)));
	maps_free(s.maps);
	bpf_plane_forget(s.plane); /* what the kernel does when it is killed */
	assert_int_equal(attached(device), first);

	/* One that does not come so far as to attach leaves them as they are. */
	assert_true(load(&s, device, false));
	maps_free(s.maps);
	bpf_plane_free(s.plane);
	assert_int_equal(attached(device), first);

	assert_true(load(&s, device, false));
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_string_equal(mode, "native");
	assert_int_equal(attached(device), program_id(bpf_plane_outside_fd(s.plane)));
	maps_free(s.maps);
	bpf_plane_free(s.plane);
	assert_int_equal(attached(device), 0);
	assert_int_equal(access(test_pins(), F_OK), -1);
}

static unsigned int descriptors(void)
{
	unsigned int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What is in the way may go at any time, so it is tried each second. */
static void attaching_again_costs_nothing(void **context)
{
	static const char *const kinds[] = {"xdp", "tc"};
	uint32_t device = if_nametoindex("d0");
	char error[DATAPLANE_ERROR_SIZE], pin[128];
	unsigned int before;
	const char *mode;
	bool has_tcx =
		false; /* a filter of clsact has no pin that something could be in the way of */
	struct state s;

	(void)context;
	for (int k = 0; k < 1 + has_tcx; k++) {
		assert_true(load(&s, device, false));
		before = descriptors();
		snprintf(pin, sizeof(pin), "%s/link_%s_%u", test_pins(), kinds[k], device);
		assert_int_equal(mkdir(pin, 0700), 0); /* in the way of the pin */
		for (int i = 0; i < 5; i++)
			assert_false(bpf_plane_attach_outside(s.plane, 0, &mode, error));
		assert_in_range(descriptors(), before, before + 1);
		assert_int_equal(rmdir(pin), 0);
		for (int i = 0; i < 5; i++)
			assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
		assert_in_range(descriptors(), before + 1, before + 2);
		assert_int_equal(access(pin, F_OK), 0);
		snprintf(pin, sizeof(pin), "%s/link_tc_%u", test_pins(), device);
		has_tcx = !access(pin, F_OK);
		maps_free(s.maps);
		bpf_plane_free(s.plane);
	}
}

/* In a child: without CAP_PERFMON the verifier takes less than the programs do. 0: all as it should be. */
static int refused_for_want_of_perfmon(void)
{
	static const cap_value_t away[] = {CAP_PERFMON, CAP_SYS_ADMIN};
	cap_t caps = cap_get_proc();
	struct state s;
	bool processed = false, program = false;

	if (cap_set_flag(caps, CAP_EFFECTIVE, 2, away, CAP_CLEAR) || cap_set_proc(caps))
		return 1;
	cap_free(caps);
	if (load(&s, LOOPBACK, false))
		return 2;
	for (unsigned int i = 0; bpf_refusal_line(i); i++) {
		print_message("%s\n", bpf_refusal_line(i));
		processed |= !strncmp(bpf_refusal_line(i), "processed ", 10);
		program |= bpf_refusal_line(i)[0] >= '0' && bpf_refusal_line(i)[0] <= '9';
	}
	return processed && program ? 0 : 3;
}

static void a_refusal_is_in_the_verifiers_words(void **context)
{
	pid_t child = fork();
	int status;

	(void)context;
	if (!child)
		_exit(refused_for_want_of_perfmon());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Whether the program on what leaves is there: by TCX, or as a filter. */
static bool is_guarded(const struct state *s, uint32_t device)
{
	uint32_t ids[8] = {0}, program = program_id(bpf_plane_leaving_fd(s->plane));
	LIBBPF_OPTS(bpf_prog_query_opts, q, .prog_ids = ids, .prog_cnt = 8);
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)device, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = 0x5311, .priority = 0x5311);

	for (uint32_t i = 0;
		!bpf_prog_query_opts((int)device, (enum bpf_attach_type)47, &q) && i < q.prog_cnt;
		i++) {
		if (ids[i] == program)
			return true;
	}
	return !bpf_tc_query(&hook, &filter) && filter.prog_id == program;
}

/* A device becomes an outside device and is one no longer: before and afterwards nothing leaves by it in clear. */
static void the_guard_is_there_before_and_afterwards(void **context)
{
	uint32_t first = if_nametoindex("d0"), next = if_nametoindex("d1");
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct state s;

	(void)context;
	assert_true(load(&s, first, false));
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_true(bpf_plane_guard(s.plane, next, error));
	assert_true(bpf_plane_guard(s.plane, next, error));
	assert_true(is_guarded(&s, next));
	assert_int_equal(attached(next), 0);
	bpf_plane_move_outside(s.plane, 0, 0);
	assert_int_equal(attached(first), 0);
	assert_true(is_guarded(&s, first));
	assert_true(bpf_plane_guard_holds(s.plane, first));
	bpf_plane_move_outside(s.plane, 0, next);
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_true(is_guarded(&s, next));
	bpf_plane_unguard(s.plane, first);
	assert_false(is_guarded(&s, first));
	assert_false(bpf_plane_guard_holds(s.plane, first));
	maps_free(s.maps);
	bpf_plane_free(s.plane);
	assert_int_equal(access(test_pins(), F_OK), -1);
}

/* It is told beforehand, without trying, and what it has is left alone; and what is refused leaves nothing behind. */
static void a_device_with_another_program(void **context)
{
	uint32_t device = if_nametoindex("d0"), other = if_nametoindex("d1");
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	const char *mode;
	char error[DATAPLANE_ERROR_SIZE] = "";
	struct state s;
	int link;

	(void)context;
	assert_true(load(&s, device, false));
	assert_true(bpf_plane_may_attach(s.plane, device, error));
	link = bpf_link_create(
		bpf_plane_outside_fd(s.plane), (int)device, BPF_XDP, &native); /* somebody's */
	assert_true(link >= 0);
	assert_false(bpf_plane_may_attach(s.plane, device, error));
	assert_non_null(strstr(error, "it has another XDP program (number "));
	assert_true(bpf_plane_may_attach(s.plane, other, error));
	assert_false(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_non_null(strstr(error, "(it has another XDP program)"));
	assert_false(is_guarded(&s, device));
	close(link);
	assert_true(bpf_plane_attach_outside(s.plane, 0, &mode, error));
	assert_true(bpf_plane_may_attach(s.plane, device, error));
	assert_true(is_guarded(&s, device));
	maps_free(s.maps);
	bpf_plane_free(s.plane);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guard_is_there_before_and_afterwards),
		cmocka_unit_test(a_device_with_another_program),
		cmocka_unit_test(detached_programs_are_missed),
		cmocka_unit_test(a_killed_process_leaves_them_closed),
		cmocka_unit_test(attaching_again_costs_nothing),
		cmocka_unit_test(a_refusal_is_in_the_verifiers_words),
	};

	return own_network() ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
