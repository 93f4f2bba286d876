/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Super-packets, as the inside device hands them over (virtio_net.h, IFF_VNET_HDR): one IP packet of
 * up to 64 KB that stands for many of the path's size, checksums not yet made. Pure functions.
 */
#ifndef SLUICE_DATAPLANE_SEGMENT_H
#define SLUICE_DATAPLANE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#define VNET_HEADER     10 /* struct virtio_net_hdr */
#define ETHERNET_HEADER 14
#define FRAME_HEADER    (VNET_HEADER + ETHERNET_HEADER)
#define FRAME_MAX       (FRAME_HEADER + 65535 + 64)

/* A frame read from the inside device. */
struct super_packet {
	const uint8_t *ip;
	uint32_t len;
	uint32_t tunnel; /* TC's mark */
	bool control;    /* the hub's own routing protocol: never dropped for rate */
	bool needs_checksum;
	uint8_t gso; /* VIRTIO_NET_HDR_GSO_*, without the ECN bit */
	uint16_t gso_size;
	uint32_t checksum_start; /* from the IP header */
	uint32_t checksum_at;    /* from the IP header */
};

enum frame_result {
	FRAME_OK,
	FRAME_NO_MARK, /* did not pass TC */
	FRAME_MALFORMED,
};

/* Reads virtio and Ethernet header. Points into frame. */
enum frame_result frame_parse(const uint8_t *frame, uint32_t len, struct super_packet *s);

/* The state of cutting one super-packet. */
struct segmenter {
	const struct super_packet *from;
	uint8_t family; /* 4 or 6 */
	bool tcp;
	uint32_t transport; /* offset of the transport header */
	uint32_t header;    /* bytes repeated before each payload */
	uint32_t at;        /* next payload byte, from the IP header */
	uint32_t index;
	uint32_t count; /* segments in all, 1 when there is nothing to cut */
};

/* False when the headers contradict the frame's GSO fields. `s` must outlive it. */
bool segment_init(struct segmenter *g, const struct super_packet *s);

/* Length of the next segment as an IP packet; 0 when there is none left. */
uint32_t segment_next_len(const struct segmenter *g);

/*
 * Writes the next segment, a complete IP packet with checksums, to `to`, which has room for
 * segment_next_len bytes. Returns its length, 0 at the end.
 */
uint32_t segment_next(struct segmenter *g, uint8_t *to);

/* Passes over the next segment. */
void segment_skip(struct segmenter *g);

/*
 * Clears DF. A packet with it may have any identification (RFC 6864 4.1), so it gets the next one, by
 * which its fragments are told from those of others. The header's checksum is left as it was.
 */
void fragment_anyway(uint8_t *ip, uint16_t *id);

/*
 * Cuts an IPv4 packet (no DF) into fragments of at most mtu bytes: RFC 791 3.2. *offset starts at 0
 * and is moved on; returns the length of the fragment written to `to`, 0 at the end.
 */
uint32_t fragment_next(
	const uint8_t *ip, uint32_t len, uint32_t mtu, uint32_t *offset, uint8_t *to);

#endif
