#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plays the service manager: what comes to its socket is written down, one assignment a line.
Usage: notified.py SOCKET FILE"""
import socket
import sys

s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "w", buffering=1) as out:
    while True:
        out.write(s.recv(4096).decode() + "\n")
