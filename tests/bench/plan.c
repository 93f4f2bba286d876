/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan costs hub with a full table of routes: CONFIG_CONCENTRATED_MAX sites with 1,500 routes each, of both families,
 * within what each declares. Milliseconds of hub's loop, medians of ROUNDS: where nothing changes, where one site's rate
 * does, where each declares another prefix, and where 1,000 routes have changed since the plan before.
 */
#include "base/clock.h"
#include "plan/findings.h"
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS   15
#define OF_SITE  1500 /* routes */
#define OF_THEM6 500  /* of IPv6 */
#define CHURN    1000

static struct model model;
static struct route_table *routes;

static struct config *configuration(unsigned int shift)
{
	static char text[1 << 18], error[CONFIG_ERROR_SIZE];
	size_t n = (size_t)snprintf(text, sizeof(text),
		"concentrator:\n  name: hub\n  asn: 64512\n  networks: [192.168.0.0/16]\n"
		"  endpoints: [{ device: wan0, addresses: [198.51.100.1] }]\nsites:\n");
	struct config *c;

	for (unsigned int s = 0; s < CONFIG_CONCENTRATED_MAX; s++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			"  - { name: s%u, asn: %u, max_prefixes: 2000, prefixes: [10.%u.0.0/16, "
			"'fd00:%x::/32', 172.16.%u.0/24], tunnels: [\n"
			"    { inside: 169.254.1%02u.0/30, identity: s%u.example, psk: 'file:/k' } "
			"] "
			"}\n",
			s, 65000 + s, s, s + 1, (s + shift) % CONFIG_CONCENTRATED_MAX, s, s);
	c = config_parse("t", text, n, error);
	if (!c) {
		fprintf(stderr, "%s\n", error);
		exit(1);
	}
	return c;
}

static struct ip_prefix route_of(unsigned int s, unsigned int i)
{
	struct ip_prefix p = {0};

	if (i < OF_THEM6) {
		p.addr.family = AF_INET6;
		memcpy(p.addr.bytes,
			(uint8_t[]){0xfd, 0, (uint8_t)((s + 1) >> 8), (uint8_t)(s + 1),
				(uint8_t)(i >> 8), (uint8_t)i},
			6);
		p.len = 48;
	} else {
		i -= OF_THEM6;
		p.addr.family = AF_INET;
		memcpy(p.addr.bytes,
			(uint8_t[]){10, (uint8_t)s, (uint8_t)(i >> 2), (uint8_t)(i << 6)}, 4);
		p.len = 26;
	}
	return p;
}

static void route(unsigned int s, unsigned int i, bool present)
{
	struct ip_prefix p = route_of(s, i);
	struct route_entry *e;

	if (!present) {
		route_table_remove(routes, &p);
		return;
	}
	e = route_table_get(routes, &p);
	e->tunnel = (uint16_t)(s * TUNNELS_PER_SITE);
	e->installed = true;
}

static void fill(const struct config *c)
{
	model.config = c;
	model.routes = routes = route_table_new(4711);
	for (unsigned int s = 0; s < CONFIG_CONCENTRATED_MAX; s++) {
		struct site *site = calloc(1, sizeof(*site));

		if (!site)
			abort();
		site->slot = site->group = s;
		memcpy(&site->conf, &c->sites[s], sizeof(site->conf));
		model.sites[s] = site;
	}
	for (unsigned int i = 0; i < OF_SITE; i++) {
		for (unsigned int s = 0; s < CONFIG_CONCENTRATED_MAX; s++)
			route(s, i, true);
	}
}

/* Of the processor: others may use it, too. */
static uint64_t spent(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * CLOCK_SECOND + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const char *what, const struct config *was, const struct config *is, bool churn)
{
	struct plan_known then = {.model = &model, .candidate = was, .wall_ns = clock_wall()},
			  now = then;
	double ms[ROUNDS];

	now.candidate = is;
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t start;

		for (unsigned int i = 0; churn && i < CHURN; i++)
			route(i % CONFIG_CONCENTRATED_MAX,
				OF_SITE - 1 - i / CONFIG_CONCENTRATED_MAX, round & 1);
		start = spent();
		plan_free(plan_make(was, is, &now));
		findings_free(findings_make(
			&(struct findings_of){was, &then}, &(struct findings_of){is, &now}));
		ms[round] = (double)(spent() - start) / 1e6;
	}
	qsort(ms, ROUNDS, sizeof(double), compare);
	printf("%-40s %8.2f ms  (%.2f to %.2f)\n", what, ms[ROUNDS / 2], ms[0], ms[ROUNDS - 1]);
}

int main(void)
{
	struct config *was = configuration(0), *same = configuration(0), *rate = configuration(0),
		      *others = configuration(1);

	rate->sites[7].rate = 77000000;
	fill(was);
	printf("%zu routes\n", route_table_count(model.routes));
	measure("nothing changes", was, same, false);
	measure("the rate of a site", was, rate, false);
	measure("all declare another prefix", was, others, false);
	measure("1,000 routes have come or gone meanwhile", was, rate, true);
	for (unsigned int s = 0; s < CONFIG_CONCENTRATED_MAX; s++)
		free(model.sites[s]);
	route_table_free(routes);
	config_free(was);
	config_free(same);
	config_free(rate);
	config_free(others);
	return 0;
}
