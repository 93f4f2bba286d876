/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How a map is written down. Each program defines the maps it uses, at its top; maps that only user
 * space touches are in worker.bpf.c, so that bpftool prints their fields too.
 */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include "sluice/abi.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* An array that user space maps into its memory as well: rates, SAs, workers' counters. */
#define SHARED_ARRAY(name, value_type, entries)                                                    \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* An array only written through the system call. */
#define PLAIN_ARRAY(name, value_type, entries)                                                     \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* Counters that a BPF program writes: one copy per CPU, no atomics. */
#define COUNTER_ARRAY(name, value_type, entries)                                                   \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);                                           \
		__uint(max_entries, entries);                                                      \
		__type(key, __u32);                                                                \
		__type(value, value_type);                                                         \
	} name SEC(".maps")

/* Longest prefix match. */
#define ROUTE_TRIE(name, key_type, entries)                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                               \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, entries);                                                      \
		__type(key, key_type);                                                             \
		__type(value, struct route_target);                                                \
	} name SEC(".maps")

/* The same for addresses that belong to somebody, list by list. */
#define SOURCE_TRIE(name, key_type)                                                                \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_LPM_TRIE);                                               \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, SLUICE_MAX_SOURCES);                                           \
		__type(key, key_type);                                                             \
		__type(value, struct source_owner);                                                \
	} name SEC(".maps")

#endif
