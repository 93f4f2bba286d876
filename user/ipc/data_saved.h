/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SAs of the data process in a memfd of hub, so that a data process that is started again goes on
 * with them: keys, peers, which of them sends, and how far sequence numbers and replay windows got
 * (esp.h, esp_progress). Hub never maps it. A record that was only half written, or written to by
 * accident, does not count: its tunnel is then set up anew.
 */
#ifndef SLUICE_IPC_DATA_SAVED_H
#define SLUICE_IPC_DATA_SAVED_H

#include "crypto/hash.h"
#include "esp/esp.h"
#include "ipc/msg_sa.h"
#include "sluice/abi.h"

#include <stdbool.h>

struct saved_sa {
	uint8_t digest[SHA256_LEN]; /* of in_use and add */
	uint32_t present;
	uint32_t in_use; /* sends for its tunnel */
	/* Kernel ESP: what it refused, as counted last. Not in the digest. */
	uint64_t counted_replay, counted_auth;
	struct imsg_sa_add add;
	_Alignas(64) struct esp_progress in;
	_Alignas(64) struct esp_progress out;
};

#define DATA_SAVED_SIZE (sizeof(struct saved_sa) * SLUICE_SA_ENTRIES)

/*
 * Maps the file, by SLUICE_SA_INDEX; from *count on it has no records. Takes over own_fd. NULL: not
 * possible.
 */
struct saved_sa *data_saved_map(int own_fd, uint32_t *count);

/* Writes a record of this SA; wipes it, keys and all. */
void data_saved_put(struct saved_sa *s, const struct imsg_sa_add *add);
void data_saved_wipe(struct saved_sa *s);

/*
 * Notes in a record that its SA is used to send by, or that its peer has moved. Without a record they do
 * nothing.
 */
void data_saved_use(struct saved_sa *s, bool in_use);
void data_saved_move(struct saved_sa *s, const struct ip_endpoint *remote);

/* True when the record is there and whole. */
bool data_saved_whole(const struct saved_sa *s);

#endif
