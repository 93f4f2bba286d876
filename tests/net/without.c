/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command as on a kernel without a kind of socket. without FAMILY[/PROTOCOL] COMMAND...
 */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	char *end;
	unsigned long family, protocol;
	int r;

	if (argc < 3 || !filter)
		return 2;
	family = strtoul(argv[1], &end, 10);
	if (*end == '/') {
		protocol = strtoul(end + 1, NULL, 10);
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPROTONOSUPPORT), SCMP_SYS(socket), 2,
			SCMP_A0(SCMP_CMP_EQ, family), SCMP_A2(SCMP_CMP_EQ, protocol));
	} else {
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
			SCMP_A0(SCMP_CMP_EQ, family));
	}
	if (r || seccomp_load(filter)) {
		fprintf(stderr, "without: no seccomp\n");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
