/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bpf_refusal.h"

#include "dataplane/bpf_internal.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES     12
#define LINE_SIZE 160

static struct {
	char lines[LINES][LINE_SIZE]; /* a ring */
	unsigned int count;           /* lines ever */
	bool verifier; /* they end with the verifier's, which tell more than what follows */
} said;

static void keep(const char *line, size_t len)
{
	if (len)
		snprintf(said.lines[said.count++ % LINES], LINE_SIZE, "%.*s", (int)len, line);
}

static void keep_lines(const char *text)
{
	bool verifier = strstr(text, "-- BEGIN PROG LOAD LOG --");

	if (said.verifier)
		return;
	while (*text && !(verifier && !strncmp(text, "-- END PROG LOAD LOG --", 23))) {
		size_t len = strcspn(text, "\n");

		keep(text, len);
		text += len + (text[len] == '\n');
	}
	said.verifier = verifier;
}

static int note_line(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL;

	if (level > LIBBPF_WARN)
		return 0;
	if (vasprintf(&text, format, args) < 0)
		return 0;
	keep_lines(text);
	/* All of it is for developers: SLUICE_BPF_LOG=1 shows it. */
	if (getenv("SLUICE_BPF_LOG"))
		fputs(text, stderr);
	free(text);
	return 0;
}

void bpf_refusal_listen(void)
{
	memset(&said, 0, sizeof(said));
	libbpf_set_print(note_line);
}

const char *bpf_refusal_line(unsigned int i)
{
	unsigned int kept = said.count < LINES ? said.count : LINES;

	return i < kept ? said.lines[(said.count - kept + i) % LINES] : NULL;
}

void bpf_plane_say(char error[DATAPLANE_ERROR_SIZE], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, DATAPLANE_ERROR_SIZE, format, args);
	va_end(args);
}
