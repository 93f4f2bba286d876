/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint is one outside address of the hub, on its device. What is wrong with it is one fact of the
 * hub, not one of each tunnel that ends there: those are closed while it lasts, so that their routes and
 * sessions move at once.
 */
#ifndef SLUICE_STATE_ENDPOINTS_H
#define SLUICE_STATE_ENDPOINTS_H

#include <stdbool.h>
#include <stdint.h>

enum endpoint_fault {
	ENDPOINT_FINE,
	ENDPOINT_NO_DEVICE,
	ENDPOINT_NOT_CLOSED, /* the programs that keep clear packets out cannot be attached to the device */
	ENDPOINT_DOWN,
	ENDPOINT_NO_CARRIER,
	ENDPOINT_NO_ADDRESS,
	ENDPOINT_FAULTS,
};

/* As the kernel says. */
struct endpoint_facts {
	bool device, closed, up, carrier, address;
};

struct endpoint {
	enum endpoint_fault fault;
	uint64_t since_wall_ns; /* of the fault, or of none; 0: since the start */
	bool late;              /* its tunnels are to be opened when data is there */
	bool no_way;            /* no route leads over the device to anywhere but its own network */
};

/* The first fault in the order of the list above. */
enum endpoint_fault endpoint_judge(const struct endpoint_facts *f);

/*
 * Takes note of what is so now. True when a fault begins or ends, and not when there is another one: a device
 * goes and comes back in steps.
 */
bool endpoint_turn(struct endpoint *e, enum endpoint_fault fault, uint64_t wall_ns);

/* "link down", to follow the name of a device. */
const char *endpoint_fault_text(enum endpoint_fault fault);

#endif
