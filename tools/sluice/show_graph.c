/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice graph`: rates of a site as bars, the oldest first. */
#include "format.h"
#include "table.h"

#include <stdio.h>

enum { HEIGHT = 6 };

static uint64_t rate_of(const json_t *point, const char *direction, const char *name)
{
	return field_number(json_object_get(point, direction), name);
}

static uint64_t greatest(const json_t *points, const char *direction)
{
	uint64_t most = 0;
	const json_t *p;
	size_t i;

	json_array_foreach(points, i, p) {
		uint64_t rate = rate_of(p, direction, "delivered_bps");

		most = rate > most ? rate : most;
	}
	return most;
}

/* Eighths of a line, of HEIGHT lines that are `most`. What is not nothing is seen. */
static unsigned int bar(uint64_t rate, uint64_t most)
{
	unsigned int eighths = most ? (unsigned int)((double)rate * HEIGHT * 8 / (double)most) : 0;

	return rate && !eighths ? 1 : eighths;
}

static void print_bars(const json_t *points, const char *direction)
{
	static const char *const parts[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	uint64_t most = greatest(points, direction);
	char text[FORMAT_SIZE];
	const json_t *p;
	size_t i;

	for (unsigned int line = HEIGHT; line-- > 0;) {
		printf("%-3s %12s |", line == HEIGHT - 1 ? direction : "",
			line == HEIGHT - 1 ? format_quantity(most, "bit/s", text) : "");
		json_array_foreach(points, i, p) {
			unsigned int eighths = bar(rate_of(p, direction, "delivered_bps"), most);
			unsigned int here = eighths > line * 8 ? eighths - line * 8 : 0;

			fputs(parts[here > 8 ? 8 : here], stdout);
		}
		puts("");
	}
}

/* '#': something was dropped. */
static void print_drops(const json_t *points)
{
	const json_t *p;
	size_t i;

	printf("%-16s |", "dropped");
	json_array_foreach(points, i, p) {
		bool any = rate_of(p, "in", "dropped_bps") || rate_of(p, "out", "dropped_bps");

		putchar(any ? '#' : ' ');
	}
	puts("");
}

/* '=' all of the time, '-' some of it, '.' never, ' ' not known */
static void print_up(const json_t *points, size_t tunnel)
{
	const json_t *p;
	size_t i;

	printf("tunnel %zu up      |", tunnel);
	json_array_foreach(points, i, p) {
		uint64_t of = field_number(p, "seconds");
		uint64_t up = (uint64_t)json_integer_value(
			json_array_get(json_object_get(p, "up_s"), tunnel));

		/* The second in which a minute begins may be missing. */
		putchar(!of ? ' ' : up * 50 >= of * 49 ? '=' : up ? '-' : '.');
	}
	puts("");
}

void print_graph(const json_t *document)
{
	const json_t *points = json_object_get(document, "points");

	printf("%s, %s to %s\n", field_text(document, "site"), field_text(document, "from"),
		field_text(document, "to"));
	if (!json_array_size(points)) {
		puts("nothing is known of that time");
		return;
	}
	print_bars(points, "in");
	print_bars(points, "out");
	print_drops(points);
	for (size_t t = 0; t < 2; t++)
		print_up(points, t);
}
