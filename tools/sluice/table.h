/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of text on top of libsmartcols, and the views that are made of them. */
#ifndef SLUICE_TOOL_TABLE_H
#define SLUICE_TOOL_TABLE_H

#include <jansson.h>
#include <stdbool.h>

struct libscols_table;
struct libscols_line;

struct table_column {
	const char *name;
	bool right; /* numbers */
	bool wrap;  /* may take several lines when the terminal is narrow */
	/* Of columns that have no room at all, the one of the highest rank goes first; 0: never. */
	unsigned int rank;
};

enum { TABLE_COLUMNS_MAX = 20 };

struct table {
	struct libscols_table *scols;
	struct libscols_line *line;
	unsigned int column; /* where the next cell goes */
	const struct table_column *columns;
	size_t widths[TABLE_COLUMNS_MAX]; /* of the widest cell */
};

/* `columns` ends with a name of NULL. */
void table_init(struct table *t, const struct table_column *columns);

/* Begins a row; cells then fill it from left to right. */
void table_row(struct table *t);
void table_text(struct table *t, const char *text);
__attribute__((format(printf, 2, 3))) void table_cell(struct table *t, const char *format, ...);

/*
 * Prints, or says `empty` when there is no row, and frees. On a terminal that is too narrow, columns are
 * left out, and a line below names them: nothing is cut without a word.
 */
void table_print(struct table *t, const char *empty);

/* Whether there is more than a note in the document of the doctor. */
bool doctor_finds(const json_t *document);

/* Views: each prints one document of the daemon. */
void print_sites(const json_t *document);
void print_tunnels(const json_t *document);
void print_bgp(const json_t *document);
void print_route(const json_t *document);
void print_routes(const json_t *document);
void print_sas(const json_t *document);
void print_endpoints(const json_t *document);
void print_dataplane(const json_t *document);
void print_log(const json_t *document);
void print_bgp_log(const json_t *document);
void print_closed(const json_t *document);
void print_certificates(const json_t *document);
void print_unknown(const json_t *document);
void print_alarms(const json_t *document);
void print_plan(const json_t *document);
void print_migration(const json_t *document);
void print_failure(const json_t *document);
void print_history(const json_t *document);
void print_doctor(const json_t *document);
void print_events(const json_t *document);
void print_event(const json_t *event);
void print_timeline(const json_t *document);
void print_graph(const json_t *document);
void print_report(const json_t *document);
void print_report_since(const json_t *document);
void print_secrets(const json_t *document);
void print_token(const json_t *document);
void print_tokens(const json_t *document);

#endif
