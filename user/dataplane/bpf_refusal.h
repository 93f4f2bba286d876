/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a BPF object could not be loaded: what libbpf warned of, above all the last lines of the
 * verifier's log. Not thread-safe: `hub` loads alone.
 */
#ifndef SLUICE_DATAPLANE_BPF_REFUSAL_H
#define SLUICE_DATAPLANE_BPF_REFUSAL_H

/* Forgets what was said and has libbpf say here what it says from now on. */
void bpf_refusal_listen(void);

/* Line i, from 0, of what was said last; NULL: there are no more. At most 12 lines of 160 bytes. */
const char *bpf_refusal_line(unsigned int i);

#endif
