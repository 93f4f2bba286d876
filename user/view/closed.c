/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice show closed`: what the hub itself sends does not reach. */
#include "view/view.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	const struct closed_view *x = a, *y = b;

	return prefix_compare(&x->prefix, &y->prefix);
}

json_t *view_closed(
	const struct model *m, const struct site *site, struct closed_view *list, size_t count)
{
	json_t *rows = json_array();
	char text[PREFIX_STR_SIZE];

	if (count)
		qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i < count; i++) {
		const struct closed_view *v = &list[i];
		const struct site *its = site_of_tunnel(m, v->tunnel);
		json_t *o;

		if (!its || (site && its != site))
			continue;
		o = json_pack("{s:s, s:s, s:s}", "prefix", prefix_format(&v->prefix, text), "site",
			its->conf.name, "reason",
			v->inside      ? "the tunnel is down"
			: v->withdrawn ? "withdrawn by the site"
				       : "the site has no session");
		json_object_set_new(
			o, "ends_in_s", v->withdrawn ? json_integer(v->ends_in_s) : json_null());
		json_array_append_new(rows, o);
	}
	return json_pack("{s:o}", "closed", rows);
}
