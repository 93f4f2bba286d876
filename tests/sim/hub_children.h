/* SPDX-License-Identifier: Apache-2.0 */
/* The children of the hub under test: who starts and ends them, and what they were told. A part of hub_world.h. */
#ifndef SLUICE_TESTS_SIM_HUB_CHILDREN_H
#define SLUICE_TESTS_SIM_HUB_CHILDREN_H

static inline void world_hear(void *context, const struct imsg *m)
{
	struct heard *h = &world.heard[world.heard_count];

	assert_true(world.heard_count < HEARD_MAX);
	*h = (struct heard){.role = (enum process_role)(uintptr_t)context,
		.type = m->type,
		.len = m->len,
		.fd = m->fd >= 0,
		.payload = malloc(m->len + 1u)};
	assert_non_null(h->payload);
	memcpy(h->payload, m->payload, m->len);
	world.heard_count++;
	if (m->fd >= 0)
		close(m->fd);
}

static inline void world_child_left(void *context)
{
	int role = (int)(uintptr_t)context;

	imsg_channel_free(world.children[role]);
	world.children[role] = NULL;
}

/* What a child says, as ipc/process.c hands it on. */
static inline void world_reported(void *context, const struct imsg *m)
{
	struct process *p = context;

	if (m->type == IMSG_READY)
		p->ready = p->was_ready = true;
	p->on_message(p->context, m);
}

static inline void world_hub_left(void *context)
{
	(void)context;
}

/* Lets everything happen that can happen now. */
static inline void world_turn(void)
{
	size_t before;

	do {
		before = world.heard_count;
		for (int i = 0; i < 4; i++)
			event_base_loop(world.hub->base, EVLOOP_NONBLOCK);
	} while (world.heard_count != before);
}

/* As time passes. */
static inline void world_wait(unsigned int ms)
{
	uint64_t until = clock_now() + ms * CLOCK_MILLISECOND;

	do {
		world_turn();
		usleep(2000);
	} while (clock_now() < until);
	world_turn();
}

/* What comes at some time, of another process: within seconds of a machine that has much to do. */
#define world_until(condition)                                                                     \
	do {                                                                                       \
		for (int i = 0; i < 500 && !(condition); i++)                                      \
			world_wait(10);                                                            \
		assert_true(condition);                                                            \
	} while (0)

/* The second is over: all that hub does then. */
static inline void world_second(void)
{
	hub_second(world.hub);
	world_turn();
}

/* A child that does nothing: killed with its parent, or by it. */
static inline pid_t world_idle(void)
{
	pid_t parent = getpid(), pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	signal(SIGTERM, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0); /* killed already */
	for (;;)
		pause();
}

static inline void world_start(enum process_role role)
{
	struct process *p = &world.hub->processes[role];
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	p->pid = world.without_processes ? 0 : world_idle();
	p->ready = p->asked = false;
	p->started_ns = clock_now();
	p->channel = imsg_channel_new(world.hub->base, pair[0], world_reported, world_hub_left, p);
	world.children[role] = imsg_channel_new(
		world.hub->base, pair[1], world_hear, world_child_left, (void *)(uintptr_t)role);
	p->on_start(p->context, p);
	world_turn();
}

/* It ends, `age_ns` after its start, and is not started again before the test does so. */
static inline void world_end(enum process_role role, uint64_t age_ns)
{
	struct process *p = &world.hub->processes[role];
	pid_t pid = p->pid;

	p->started_ns = clock_now() - age_ns;
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(process_reap(p, pid, SIGKILL));
	assert_non_null(p->restart);
	event_del(p->restart);
	p->restarts++;
	world_turn();
	imsg_channel_free(world.children[role]);
	world.children[role] = NULL;
}

/* ---- what is said ---- */

/* As a child of that role; by value, for literals. */
#define world_say(role, type, ...)                                                                 \
	do {                                                                                       \
		__VA_ARGS__                                                                        \
		imsg_send(world.children[role], type, -1, &said, sizeof(said));                    \
		world_turn();                                                                      \
	} while (0)

static inline void world_say_nothing_but(enum process_role role, enum imsg_type type)
{
	imsg_send(world.children[role], type, -1, NULL, 0);
	world_turn();
}

static inline void world_forget(void)
{
	while (world.heard_count)
		free(world.heard[--world.heard_count].payload);
}

static inline unsigned int world_count(enum process_role role, enum imsg_type type)
{
	unsigned int n = 0;

	for (size_t i = 0; i < world.heard_count; i++)
		n += world.heard[i].role == role && world.heard[i].type == type;
	return n;
}

/* The last message of a type, of that tunnel where its struct begins with one (>= 0); NULL: there was none. */
static inline const void *world_told(enum process_role role, enum imsg_type type, int tunnel)
{
	for (size_t i = world.heard_count; i > 0; i--) {
		const struct heard *h = &world.heard[i - 1];

		if (h->role == role && h->type == type &&
			(tunnel < 0 || *(const uint32_t *)h->payload == (uint32_t)tunnel))
			return h->payload;
	}
	return NULL;
}

/*
 * What bgp and ike were told of tunnels, a letter each: U, D: it is up, down for bgp; d, u: ike is to take it down, to
 * let it come.
 */
static inline const char *world_letters(void)
{
	static char text[64];
	size_t n = 0;

	for (size_t i = 0; i < world.heard_count; i++) {
		const struct heard *h = &world.heard[i];
		const struct imsg_bgp_tunnel *b = h->payload;
		const struct imsg_ike_command *c = h->payload;

		assert_true(n + 1 < sizeof(text));
		if (h->role == PROCESS_BGP && h->type == IMSG_BGP_TUNNEL)
			text[n++] = b->up ? 'U' : 'D';
		if (h->role == PROCESS_IKE && h->type == IMSG_IKE_COMMAND)
			text[n++] = c->command == IKE_COMMAND_DOWN ? 'd' : 'u';
	}
	text[n] = '\0';
	return text;
}

/* The last sample of a site that watch was told; NULL: none. */
static inline const struct imsg_watch_sample *world_sample(const char *site)
{
	for (size_t i = world.heard_count; i > 0; i--) {
		const struct imsg_watch_sample *m = world.heard[i - 1].payload;

		if (world.heard[i - 1].type == IMSG_SAMPLE && !strcmp(m->site, site))
			return m;
	}
	return NULL;
}

#endif
