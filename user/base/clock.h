/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock, for process loops. Libraries take `now` as an argument instead. */
#ifndef SLUICE_BASE_CLOCK_H
#define SLUICE_BASE_CLOCK_H

#include <stdint.h>

#define CLOCK_SECOND      UINT64_C(1000000000) /* nanoseconds */
#define CLOCK_MILLISECOND UINT64_C(1000000)
#define CLOCK_NEVER       UINT64_MAX

/* CLOCK_MONOTONIC in nanoseconds: the clock bpf_ktime_get_ns() reads. */
uint64_t clock_now(void);

/* CLOCK_REALTIME in nanoseconds since the epoch, for time stamps people read. */
uint64_t clock_wall(void);

#endif
