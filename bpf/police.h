/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rate limits. A bucket is one GCRA word that all CPUs share (abi.h), and reading memory that other CPUs write
 * is slow. So a CPU charges the bucket for several packets at a time, a loan, and pays the next packets out of
 * its loan, which is per-CPU memory. A loan is charged when it is taken; what of it is never spent is
 * lost to the site.
 *
 * A loan is at most a quantum (quantum_of). Every turn of 16 jiffies the CPU compares its loan with the bucket
 * again: it converts what is left into time at the price it was bought for, back into bytes at the present
 * price, and keeps no more than one quantum. So a site passes at most its rate over time, its burst, and CPUs *
 * quantum, also when its rate has changed or another site has taken over its slot.
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

#define LOAN_TURN_SHIFT 4 /* a turn is so many jiffies, 16: 64 ms where there are 250 in a second */

static __always_inline __u64 loan_turn(void)
{
	return bpf_jiffies64() >> LOAN_TURN_SHIFT;
}

/* Bytes or packets that this CPU has paid and not yet spent, and the price they were paid at. */
struct loan {
	__u64 units;
	__u64 price;
};

struct site_loan {
	struct loan bytes, packets;
	__u64 turn; /* when it was last looked at */
};

/* What a CPU has borrowed from the aggregate, and the time as it read it last (`now`, in jiffy `jiffies`). */
struct police_cpu {
	struct loan aggregate;
	__u64 now, jiffies;
};

/*
 * Reading the clock costs as much as all the rest of policing. So the time is read once a jiffy and used again
 * while packets pass; before a packet is refused it is read anew (`exact`). With a time that is too old a bucket
 * looks fuller than it is, and one that was idle keeps what it did not use for up to a jiffy longer.
 */
static __always_inline __u64 clock_of(struct police_cpu *cpu, int exact)
{
	__u64 jiffies = bpf_jiffies64();

	if (exact || cpu->jiffies != jiffies) {
		cpu->jiffies = jiffies;
		cpu->now = bpf_ktime_get_ns();
	}
	return cpu->now;
}

/* Flags of pay(): charge a packet instead of bytes; the packet is small and may use the reserve. */
#define PAY_PACKETS 1
#define PAY_SMALL   2

/* Bytes (or packets) of one loan: SLUICE_LOAN_PART of the burst, `most` at most. */
static __always_inline __u64 quantum_of(__u64 price, __u64 burst, __u64 most)
{
	burst /= SLUICE_LOAN_PART;
	return bucket_cost(most, price) <= burst ? most : (burst << 16) / price;
}

/*
 * Pays for a packet out of the loan, or takes a new loan from the bucket first. True: paid.
 *
 * A whole loan is given only while the bucket has room for it. From a bucket that is nearly full, each packet
 * pays for itself: otherwise a loan's worth of packets would be dropped in a row, which is all of a short TCP
 * window, and the sender would wait for its retransmission timer.
 *
 * Other packets fill a bucket up to its burst; small ones (PAY_SMALL) may exceed it by a quarter. So BFD, BGP
 * and the DPD of devices pass while a site's bulk is dropped. They are charged like all others, so the rate
 * stays the same.
 */
static __noinline int pay(
	struct rate_bucket *b, struct loan *loan, struct police_cpu *cpu, __u64 bytes, int how)
{
	int packets = how & PAY_PACKETS;
	__u64 price = packets ? b->ns_per_packet_q16 : b->ns_per_byte_q16;
	__u64 burst = packets ? b->packet_burst_ns : b->burst_ns;
	__u64 most = packets ? SLUICE_LOAN_PACKETS : SLUICE_LOAN_BYTES;
	__u64 units = packets ? 1 : bytes, have = loan->units, start;

	if (!price) {
		/* No limit, and no need to look again for a while. */
		loan->price = 0;
		loan->units = most;
		return 1;
	}
	most = quantum_of(price, burst, most);
	if (most < units)
		most = units;
	if (loan->price != price)
		have = have * loan->price / price;
	if (have > most)
		have = most;
#pragma clang loop unroll(disable)
	for (int last = 0; have < units && last < 2; last++) {
		__u64 now = clock_of(cpu, last), more = (last ? units : most) - have;
		__u64 cost = bucket_cost(more, price), ahead = burst;

		if (!last)
			ahead -= cost < burst ? cost : burst;
		else if (how & PAY_SMALL)
			ahead += burst / 4;
		if (bucket_charge(&b->tat_ns + packets, now, cost, ahead, &start))
			have += more;
	}
	loan->price = price;
	loan->units = have < units ? have : have - units;
	return have >= units;
}

/*
 * Charges a packet of so many bytes to the aggregate (unless own_limits: a gateway's tunnel is no part of it)
 * and to the site's bucket. small: PAY_SMALL or 0. A packet that one of the two refuses is charged to neither.
 */
static __always_inline enum police_verdict police(struct rate_bucket *site, struct site_loan *loan,
	struct rate_bucket *aggregate, int own_limits, struct police_cpu *cpu, __u64 bytes,
	int small)
{
	enum police_verdict v = POLICE_SITE_PPS;

	if (!own_limits && !pay(aggregate, &cpu->aggregate, cpu, bytes, small))
		return POLICE_AGGREGATE;
	loan->turn = loan_turn();
	if (pay(site, &loan->packets, cpu, bytes, PAY_PACKETS | small)) {
		if (pay(site, &loan->bytes, cpu, bytes, small))
			return POLICE_PASS;
		loan->packets.units++;
		v = POLICE_SITE_RATE;
	}
	if (!own_limits)
		cpu->aggregate.units += bytes;
	return v;
}

/* The fast path of police(): true if this CPU's loans cover the packet, so that no shared memory need be read. */
static __always_inline int spend(
	struct site_loan *loan, int own_limits, struct police_cpu *cpu, __u64 bytes)
{
	if (loan->turn != loan_turn() || loan->bytes.units < bytes || !loan->packets.units)
		return 0;
	if (!own_limits) {
		if (cpu->aggregate.units < bytes)
			return 0;
		cpu->aggregate.units -= bytes;
	}
	loan->bytes.units -= bytes;
	loan->packets.units--;
	return 1;
}

#endif
