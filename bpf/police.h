/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Rates. A bucket is one GCRA that all CPUs share (abi.h), and to look at it costs what memory costs
 * that others write. So a CPU borrows from it for several packets at a time, and spends the loan where
 * no other CPU looks. What is in a loan has been paid for; it leaves as packets, or not at all.
 *
 * A loan is at most a quantum, and is looked at again in every turn: what is left of it then counts as
 * the time it was paid with, at the price of the day, and as no more than a new loan. So nobody has more
 * than its rate over time, its burst and CPUs * quantum, whatever the rate, or the site in this place, was.
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

/* Of this CPU: what it borrowed from the aggregate, and when it last read the clock. */
struct police_cpu {
	struct loan aggregate;
	__u64 now, jiffies;
};

/*
 * Reading the clock costs as much as all the rest. A time read in the same jiffy serves while it lets
 * the packet pass; who refuses a packet looks again, with `exact`. To a full bucket the time does not
 * matter, and an idle one keeps up to a jiffy more of what it did not use.
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

/* How pay() is asked: about packets, not bytes; for a packet that has a reserve. */
#define PAY_PACKETS 1
#define PAY_SMALL   2

/* How much to borrow at a time: so little of a burst that nobody notices. */
static __always_inline __u64 quantum_of(__u64 price, __u64 burst, __u64 most)
{
	burst /= SLUICE_LOAN_PART;
	return bucket_cost(most, price) <= burst ? most : (burst << 16) / price;
}

/*
 * A whole loan is had only from a bucket that has room for it. From one that is nearly full each packet
 * pays for itself alone: who drops a loan's worth in a row takes all of a short window, and a sender of TCP
 * then waits for its timer in place of sending faster again.
 *
 * Bulk fills a bucket up to its burst, small packets may go a quarter further, each with what it costs
 * itself. So the keep-alives of a site (BFD, BGP, DPD of devices) pass while its bulk is dropped. They
 * are charged like all others: the rate over time is the same.
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
 * own_limits: this bucket does not pay into the aggregate. small: PAY_SMALL or 0. Nobody pays for a drop.
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

/* The same where there is a loan of everything: then nobody else's memory is looked at. */
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
