# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# The IKEv1 cases of ike_strongswan.sh, which sources this file.

# 1. they initiate, then everything an established tunnel can be asked
configure aes256-sha256-modp2048 aes256-sha256-modp2048
start_peer ike=aes256-sha256-modp2048 esp=aes256-sha256-modp2048 encap=force
initiate
check "v1, they initiate: up" 5 ours "^state UP  *v1"
check "v1 same SA pair" 4 same_pair
stop_peer "v1"
