/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the machine stood still: a test that judges by time asks it before it blames the hub.
 *   stalls FILE      until it is killed; a line of "CPU MILLISECONDS" in FILE for each wait of 5 ms
 *                    that took STALL_NS longer, on any CPU
 */
#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS  (5 * CLOCK_MILLISECOND)
#define STALL_NS (40 * CLOCK_MILLISECOND)
#define CPUS_MAX 64

static FILE *out;

static void *watch(void *arg)
{
	long cpu = (long)(intptr_t)arg;
	struct timespec step = {.tv_nsec = STEP_NS};
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		return NULL; /* not a CPU of ours */
	for (;;) {
		uint64_t before = clock_now(), took;

		nanosleep(&step, NULL);
		took = clock_now() - before;
		if (took > STEP_NS + STALL_NS) {
			fprintf(out, "%ld %.0f\n", cpu, (double)took / 1e6);
			fflush(out);
		}
	}
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t thread;

	if (argc != 2) {
		fprintf(stderr, "usage: stalls FILE\n");
		return 2;
	}
	out = fopen(argv[1], "a");
	if (!out) {
		perror("stalls");
		return 1;
	}
	for (long cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++) {
		if (pthread_create(&thread, NULL, watch, (void *)(intptr_t)cpu))
			return 1;
	}
	pause();
	return 0;
}
