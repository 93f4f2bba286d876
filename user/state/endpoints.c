/* SPDX-License-Identifier: Apache-2.0 */
#include "state/endpoints.h"

enum endpoint_fault endpoint_judge(const struct endpoint_facts *f)
{
	if (!f->device)
		return ENDPOINT_NO_DEVICE;
	if (!f->closed)
		return ENDPOINT_NOT_CLOSED;
	if (!f->up)
		return ENDPOINT_DOWN;
	if (!f->carrier)
		return ENDPOINT_NO_CARRIER;
	return f->address ? ENDPOINT_FINE : ENDPOINT_NO_ADDRESS;
}

bool endpoint_turn(struct endpoint *e, enum endpoint_fault fault, uint64_t wall_ns)
{
	bool turns = !e->fault != !fault;

	e->fault = fault;
	if (turns)
		e->since_wall_ns = wall_ns;
	return turns;
}

const char *endpoint_fault_text(enum endpoint_fault fault)
{
	static const char *const texts[ENDPOINT_FAULTS] = {
		[ENDPOINT_FINE] = "up",
		[ENDPOINT_NO_DEVICE] = "no such device",
		[ENDPOINT_NOT_CLOSED] = "XDP and TC cannot be attached",
		[ENDPOINT_DOWN] = "link down",
		[ENDPOINT_NO_CARRIER] = "link down (no carrier)",
		[ENDPOINT_NO_ADDRESS] = "address missing",
	};

	return fault < ENDPOINT_FAULTS ? texts[fault] : "";
}
