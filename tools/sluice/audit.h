/* SPDX-License-Identifier: Apache-2.0 */
/* sluice audit: who changed what. It reads the log itself, so it needs no daemon, but the right to read it. */
#ifndef SLUICE_TOOL_AUDIT_H
#define SLUICE_TOOL_AUDIT_H

/* argv[0] is "audit". Returns the exit status of the command. */
int audit_main(int argc, char **argv);

#endif
