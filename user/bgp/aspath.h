/* SPDX-License-Identifier: Apache-2.0 */
/* AS_PATH segments: RFC 4271 4.3 b, RFC 6793. Paths are kept in wire form with four octets per AS. */
#ifndef SLUICE_BGP_ASPATH_H
#define SLUICE_BGP_ASPATH_H

#include "bgp/attr.h"

/* Reads an AS_PATH of two or four octets per AS. False: malformed (RFC 7606 7.2), AS 0 in it
 * (RFC 7607), or longer than ATTR_PATH_HOPS_MAX. */
bool aspath_decode(struct rd v, bool four_octets, struct as_path *path);

/* Writes the segments with two or four octets per AS; AS_TRANS stands in where two do not do. */
void aspath_encode(const struct as_path *path, bool four_octets, struct wr *w);

/* path = as, then the segments given (RFC 4271 5.1.2). */
void aspath_prepend(const uint8_t *bytes, size_t len, uint32_t as, struct as_path *path);

/* Replaces the tail of path by the AS4_PATH (RFC 6793 4.2.3), unless that is the longer one. */
void aspath_merge(struct as_path *path, const struct as_path *as4_path);

/* Puts one AS in the place of another, in paths of four octets. */
void aspath_replace(struct as_path *path, uint32_t from, uint32_t to);

bool aspath_needs_four_octets(const struct as_path *path);

/* An AS as two octets. */
uint16_t aspath_narrow(uint32_t as);

/* Length as RFC 4271 9.1.2.2 a counts it: a set is one. */
unsigned int aspath_hops(const uint8_t *bytes, size_t len);

#endif
