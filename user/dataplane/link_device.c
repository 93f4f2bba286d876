/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of a device, ours or another. */
#include "dataplane/link.h"

#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Receive queues in use now: netlink tells how many the device could have. A driver without
 * channels has one.
 */
static uint32_t receive_queues(const char *name)
{
	struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
	struct ifreq request = {.ifr_data = (void *)&channels};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool known;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	known = fd >= 0 && !ioctl(fd, SIOCETHTOOL, &request);
	if (fd >= 0)
		close(fd);

	uint32_t queues = known ? channels.rx_count + channels.combined_count : 1;

	return queues ? queues : 1;
}

/* Place of a feature in the device's list of names; -1: it has none of that name. */
static int feature_index(int fd, struct ifreq *request, const char *feature)
{
	union {
		struct ethtool_sset_info info;
		uint32_t room[sizeof(struct ethtool_sset_info) / 4 + 1];
	} sets = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
	struct ethtool_gstrings *names;
	uint32_t count;
	int found = -1;

	request->ifr_data = (void *)&sets;
	if (ioctl(fd, SIOCETHTOOL, request) || !sets.info.sset_mask)
		return -1;
	count = sets.room[sizeof(struct ethtool_sset_info) / 4]; /* what follows the head */
	names = calloc(1, sizeof(*names) + (size_t)count * ETH_GSTRING_LEN);
	if (!names)
		return -1;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	request->ifr_data = (void *)names;
	for (uint32_t i = 0; !ioctl(fd, SIOCETHTOOL, request) && i < count; i++) {
		if (!strncmp((const char *)names->data + i * ETH_GSTRING_LEN, feature,
			    ETH_GSTRING_LEN)) {
			found = (int)i;
			break;
		}
	}
	free(names);
	return found;
}

static bool feature_active(const char *name, const char *feature)
{
	union {
		struct ethtool_gfeatures head;
		uint8_t room[sizeof(struct ethtool_gfeatures) +
			     8 * sizeof(struct ethtool_get_features_block)];
	} features = {.head = {.cmd = ETHTOOL_GFEATURES, .size = 8}};
	struct ethtool_get_features_block block;
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int i;
	bool active = false;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	i = fd >= 0 ? feature_index(fd, &request, feature) : -1;
	if (i >= 0 && i < 8 * 32) {
		request.ifr_data = (void *)&features;
		active = !ioctl(fd, SIOCETHTOOL, &request);
		memcpy(&block,
			features.room + sizeof(features.head) + (size_t)i / 32 * sizeof(block),
			sizeof(block));
		active = active && block.active >> (i % 32) & 1;
	}
	if (fd >= 0)
		close(fd);
	return active;
}

bool link_device(const char *name, struct link_device *device)
{
	struct nl_sock *s = link_socket();
	struct rtnl_link *link = NULL;
	bool found = false;

	if (s && !rtnl_link_get_kernel(s, 0, name, &link)) {
		*device = (struct link_device){
			.ifindex = (uint32_t)rtnl_link_get_ifindex(link),
			.rx_queues = receive_queues(name),
			.mtu = rtnl_link_get_mtu(link),
			.up = rtnl_link_get_flags(link) & IFF_UP,
			.running = rtnl_link_get_flags(link) & IFF_RUNNING,
			.esp_offload = feature_active(name, "esp-hw-offload"),
		};
		rtnl_link_put(link);
		found = true;
	}
	nl_socket_free(s);
	return found;
}

bool link_has_members(uint32_t ifindex)
{
	struct nl_sock *s = link_socket();
	struct rtnl_link *link = NULL;
	const char *type = NULL;
	bool has;

	if (s && !rtnl_link_get_kernel(s, (int)ifindex, NULL, &link))
		type = rtnl_link_get_type(link);
	has = type && (!strcmp(type, "bond") || !strcmp(type, "team"));
	rtnl_link_put(link);
	nl_socket_free(s);
	return has;
}

struct nl_sock *link_socket(void)
{
	struct nl_sock *s = nl_socket_alloc();

	if (s && nl_connect(s, NETLINK_ROUTE) < 0) {
		nl_socket_free(s);
		return NULL;
	}
	return s;
}
