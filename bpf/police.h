/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rates. A site's bucket is one GCRA that all CPUs share (abi.h). The concentrator's is the same,
 * but borrowed from in quanta by each CPU, because every packet of every site pays into it. A loan
 * that the site's own bucket then does not want is given back: it never left this CPU.
 */
#ifndef BPF_POLICE_H
#define BPF_POLICE_H

#include "sluice/abi.h"

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum police_verdict {
	POLICE_PASS,
	POLICE_SITE_RATE,
	POLICE_SITE_PPS,
	POLICE_AGGREGATE,
};

/* What this CPU has borrowed and not yet spent, and when it last read the clock. */
struct loan {
	__u64 bytes;
	__u64 now, jiffies;
};

/*
 * A reserve: bulk fills a bucket up to its burst, small packets may go a quarter further. So the
 * keep-alives of a site (BFD, BGP, DPD of devices) pass while its bulk is dropped. They are charged
 * like all others: the rate over time is the same.
 */
static __always_inline __u64 reserve(__u64 burst, __u64 bytes)
{
	return bytes <= SLUICE_SMALL_PACKET ? burst + burst / 4 : burst;
}

static __always_inline int borrow(
	struct rate_bucket *aggregate, struct loan *loan, __u64 now, __u64 bytes)
{
	__u64 price = aggregate->ns_per_byte_q16;
	__u64 quantum = bytes > SLUICE_AGGREGATE_QUANTUM ? bytes : SLUICE_AGGREGATE_QUANTUM;
	__u64 start;

	if (!price)
		return 1;
	if (loan->bytes < bytes) {
		if (!bucket_charge(&aggregate->tat_ns, now, bucket_cost(quantum, price),
			    reserve(aggregate->burst_ns, bytes), &start))
			return 0;
		loan->bytes += quantum;
	}
	loan->bytes -= bytes;
	return 1;
}

static __always_inline enum police_verdict police_site(
	struct rate_bucket *site, __u64 now, __u64 bytes)
{
	__u64 price = site->ns_per_packet_q16;
	__u64 start;

	/* Look at one word, charge the other, then charge the first: nobody pays for a drop. */
	if (price &&
		bucket_word(&site->packet_tat_ns) > now + reserve(site->packet_burst_ns, bytes))
		return POLICE_SITE_PPS;
	if (site->ns_per_byte_q16 &&
		!bucket_charge(&site->tat_ns, now, bucket_cost(bytes, site->ns_per_byte_q16),
			reserve(site->burst_ns, bytes), &start))
		return POLICE_SITE_RATE;
	if (price)
		bucket_charge(&site->packet_tat_ns, now, bucket_cost(1, price), ~0ull, &start);
	return POLICE_PASS;
}

/*
 * Reading the clock costs as much as all the rest. A time read in the same jiffy serves while it lets
 * the packet pass; who refuses a packet looks again, with `exact`. To a full bucket the time does not
 * matter, and an idle one keeps up to a jiffy more of what it did not use.
 */
static __always_inline __u64 clock_of(struct loan *loan, int exact)
{
	__u64 jiffies = bpf_jiffies64();

	if (exact || loan->jiffies != jiffies) {
		loan->jiffies = jiffies;
		loan->now = bpf_ktime_get_ns();
	}
	return loan->now;
}

/* own_limits: this bucket does not pay into the aggregate. */
static __always_inline enum police_verdict police(struct rate_bucket *site,
	struct rate_bucket *aggregate, int own_limits, struct loan *loan, __u64 bytes)
{
	enum police_verdict v = POLICE_AGGREGATE;

#pragma clang loop unroll(disable)
	for (int exact = 0; v != POLICE_PASS && exact < 2; exact++) {
		__u64 now = clock_of(loan, exact);

		v = POLICE_AGGREGATE;
		if (own_limits || borrow(aggregate, loan, now, bytes)) {
			v = police_site(site, now, bytes);
			if (v != POLICE_PASS && !own_limits && aggregate->ns_per_byte_q16)
				loan->bytes += bytes;
		}
	}
	return v;
}

#endif
