/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of root's that tell secrets, in a directory where nobody else can write. */
#ifndef TESTS_UNIT_EXEC_LAB_H
#define TESTS_UNIT_EXEC_LAB_H

#include "hub/secret/exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char programs[64]; /* "": none */

static inline void programs_begin(void)
{
	strcpy(programs, "/var/lib/sluice-exec.XXXXXX");
	assert_non_null(mkdtemp(programs));
	assert_int_equal(chmod(programs, 0755), 0);
	exec_use("nobody", 1);
}

static inline void programs_end(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", programs);
	if (programs[0])
		assert_int_equal(system(command), 0);
	exec_use(EXEC_USER, EXEC_WITHIN_S);
	programs[0] = '\0';
}

/* A script of that name. */
static inline void program(const char *name, const char *script)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", programs, name);
	f = fopen(path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

#endif
