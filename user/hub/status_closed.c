/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show closed`, `sluice release`: what the hub itself sends does not reach. */
#include "hub/status.h"

#include <stdlib.h>

struct closed_rows {
	struct hub *h;
	const struct hub_site *site; /* NULL: all */
	struct closed_view *rows;
	size_t count, size;
};

static void add_row(void *context, const struct closed_view *v)
{
	struct closed_rows *c = context;

	if (c->site && hub_site_of_tunnel(c->h, v->tunnel) != c->site)
		return;
	if (c->count == c->size) {
		c->size = c->size ? c->size * 2 : 64;
		c->rows = realloc(c->rows, c->size * sizeof(*c->rows));
		if (!c->rows)
			abort();
	}
	c->rows[c->count++] = *v;
}

static int compare_rows(const void *a, const void *b)
{
	const struct closed_view *x = a, *y = b;

	return prefix_compare(&x->prefix, &y->prefix);
}

json_t *status_closed(struct hub *h, const struct hub_site *site)
{
	struct closed_rows c = {.h = h, .site = site};
	json_t *list = json_array();
	char text[PREFIX_STR_SIZE];

	closed_each(h, add_row, &c);
	if (c.count)
		qsort(c.rows, c.count, sizeof(*c.rows), compare_rows);
	for (size_t i = 0; i < c.count; i++) {
		const struct closed_view *v = &c.rows[i];
		json_t *o = json_pack("{s:s, s:s, s:s}", "prefix", prefix_format(&v->prefix, text),
			"site", hub_site_of_tunnel(h, v->tunnel)->conf.name, "reason",
			v->inside      ? "the tunnel is down"
			: v->withdrawn ? "withdrawn by the site"
				       : "the site has no session");

		json_object_set_new(
			o, "ends_in_s", v->withdrawn ? json_integer(v->ends_in_s) : json_null());
		json_array_append_new(list, o);
	}
	free(c.rows);
	return json_pack("{s:o}", "closed", list);
}

json_t *status_release(struct hub *h, const struct ip_prefix *prefix)
{
	const char *why = closed_release(h, prefix);

	if (!why)
		process_send(
			&h->processes[PROCESS_BGP], IMSG_BGP_RELEASE, -1, prefix, sizeof(*prefix));
	return why ? json_pack("{s:s}", "error", why) : json_pack("{s:s}", "ok", "released");
}
