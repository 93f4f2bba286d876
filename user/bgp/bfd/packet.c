/* SPDX-License-Identifier: Apache-2.0 */
#include "bgp/bfd/packet.h"

enum flag {
	FLAG_POLL = 0x20,
	FLAG_FINAL = 0x10,
	FLAG_INDEPENDENT = 0x08, /* never sent: BFD ends with the process that speaks BGP */
	FLAG_AUTHENTICATED = 0x04,
	FLAG_DEMAND = 0x02,
	FLAG_MULTIPOINT = 0x01,
};

enum bfd_verdict bfd_packet_decode(struct rd r, struct bfd_packet *p)
{
	size_t size = rd_left(&r);
	uint8_t first = rd_u8(&r), flags = rd_u8(&r);
	uint8_t multiplier = rd_u8(&r), length = rd_u8(&r);
	struct bfd_packet own = {.diag = first & 0x1f,
		.state = flags >> 6,
		.poll = flags & FLAG_POLL,
		.final = flags & FLAG_FINAL,
		.demand = flags & FLAG_DEMAND,
		.multiplier = multiplier};

	own.mine = rd_u32(&r);
	own.yours = rd_u32(&r);
	own.desired_tx_us = rd_u32(&r);
	own.required_rx_us = rd_u32(&r);
	own.required_echo_us = rd_u32(&r);

	if (r.bad)
		return BFD_BAD_LENGTH;
	if (first >> 5 != BFD_VERSION)
		return BFD_BAD_VERSION;
	if (length < BFD_PACKET_SIZE || length > size)
		return BFD_BAD_LENGTH;
	if (!multiplier)
		return BFD_BAD_MULTIPLIER;
	if (flags & FLAG_MULTIPOINT)
		return BFD_MULTIPOINT;
	if (!own.mine)
		return BFD_BAD_MINE;
	if (!own.yours && own.state != BFD_DOWN && own.state != BFD_ADMIN_DOWN)
		return BFD_BAD_YOURS;
	if (flags & FLAG_AUTHENTICATED)
		return BFD_AUTHENTICATED;
	*p = own;
	return BFD_FINE;
}

void bfd_packet_encode(const struct bfd_packet *p, struct wr *w)
{
	unsigned int flags = (unsigned int)p->state << 6;

	flags |= p->poll ? FLAG_POLL : 0u;
	flags |= p->final ? FLAG_FINAL : 0u;
	flags |= p->demand ? FLAG_DEMAND : 0u;
	wr_u8(w, (uint8_t)(BFD_VERSION << 5 | p->diag));
	wr_u8(w, (uint8_t)flags);
	wr_u8(w, p->multiplier);
	wr_u8(w, BFD_PACKET_SIZE);
	wr_u32(w, p->mine);
	wr_u32(w, p->yours);
	wr_u32(w, p->desired_tx_us);
	wr_u32(w, p->required_rx_us);
	wr_u32(w, p->required_echo_us);
}

const char *bfd_state_name(unsigned int state)
{
	static const char *const names[BFD_STATES] = {
		[BFD_ADMIN_DOWN] = "AdminDown",
		[BFD_DOWN] = "Down",
		[BFD_INIT] = "Init",
		[BFD_UP] = "Up",
	};

	return state < BFD_STATES ? names[state] : "unknown";
}

const char *bfd_diag_name(unsigned int diag)
{
	static const char *const names[BFD_DIAGS] = {
		[BFD_DIAG_NONE] = "no diagnostic",
		[BFD_DIAG_TIME_EXPIRED] = "control detection time expired",
		[BFD_DIAG_ECHO_FAILED] = "echo function failed",
		[BFD_DIAG_NEIGHBOR_DOWN] = "neighbor signaled session down",
		[BFD_DIAG_PLANE_RESET] = "forwarding plane reset",
		[BFD_DIAG_PATH_DOWN] = "path down",
		[BFD_DIAG_CONCATENATED_DOWN] = "concatenated path down",
		[BFD_DIAG_ADMIN_DOWN] = "administratively down",
		[BFD_DIAG_REVERSE_DOWN] = "reverse concatenated path down",
	};

	return diag < BFD_DIAGS ? names[diag] : "unknown diagnostic";
}

const char *bfd_verdict_name(enum bfd_verdict verdict)
{
	static const char *const names[BFD_VERDICTS] = {
		[BFD_FINE] = "fine",
		[BFD_BAD_VERSION] = "unknown version",
		[BFD_BAD_LENGTH] = "wrong length",
		[BFD_BAD_MULTIPLIER] = "detect multiplier 0",
		[BFD_MULTIPOINT] = "multipoint bit",
		[BFD_BAD_MINE] = "no discriminator of its own",
		[BFD_BAD_YOURS] = "no discriminator of ours",
		[BFD_AUTHENTICATED] = "authentication that was not agreed upon",
	};

	return names[verdict];
}
