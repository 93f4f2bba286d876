#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Flows to an address that several sites have, and which way each of them goes.

flows.py serve SITE ADDRESS...                 answers at port 7: to each datagram, which way it has
                                               come (SITE.INTERFACE); to a TCP stream, how long it was
flows.py ask ADDRESS FLOWS PER_SECOND ROUNDS SIZE
                                               datagrams of each flow, and a line for each way a flow has
                                               gone: PORT WAY ANSWERS SENT. ROUNDS 0: until SIGTERM.
                                               Where one has overtaken another, the way ends in "-late".
flows.py stream ADDRESS FLOWS BYTES            TCP streams at the same time, a line for each: PORT SITE BYTES
"""
import collections
import contextlib
import selectors
import signal
import socket
import struct
import sys
import threading
import time

PORT, FIRST_PORT = 7, 40000
IP_PKTINFO, SO_RCVBUFFORCE = 8, 33  # asm-generic: Python has no names for them
NUMBER = struct.Struct("!QI")  # when the asker began, and the number of the packet
ROOM = 4 << 20
STRAGGLERS = 5  # seconds without an answer, and none is waited for any more


def opened(address, kind, port):
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    s.bind((address, port))
    return s


def interface(control):
    for level, kind, data in control:
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO:
            return socket.if_indextoname(struct.unpack_from("=I", data)[0])
        if level == socket.IPPROTO_IPV6 and kind == socket.IPV6_PKTINFO:
            return socket.if_indextoname(struct.unpack_from("=I", data, 16)[0])
    return "?"


def answer_datagrams(site, s):
    highest = {}
    while True:
        data, control, _, peer = s.recvmsg(65536, 256)
        began, number = NUMBER.unpack_from(data)
        late = number < highest.get((peer, began), 0)
        highest[peer, began] = max(number, highest.get((peer, began), 0))
        way = f"{site}.{interface(control)}" + ("-late" if late else "")
        with contextlib.suppress(OSError):  # there may be no way back for a moment
            s.sendto(data[: NUMBER.size] + way.encode(), peer)


def answer_stream(site, s):
    total = 0
    while data := s.recv(65536):
        total += len(data)
    s.sendall(f"{site} {total}".encode())
    s.close()


def accept_streams(site, s):
    while True:
        stream, _ = s.accept()
        threading.Thread(target=answer_stream, args=(site, stream), daemon=True).start()


def serve(site, *addresses):
    for address in addresses:
        s = opened(address, socket.SOCK_DGRAM, PORT)
        if ":" in address:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            s.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
        threading.Thread(target=answer_datagrams, args=(site, s), daemon=True).start()
        s = opened(address, socket.SOCK_STREAM, PORT)
        s.listen(64)
        threading.Thread(target=accept_streams, args=(site, s), daemon=True).start()
    signal.pause()


def ask(address, flows, per_second, rounds, size):
    began, ways, over = time.time_ns(), collections.Counter(), []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    ready, sockets = selectors.DefaultSelector(), []
    for port in range(FIRST_PORT, FIRST_PORT + flows):
        sockets.append(opened("::" if ":" in address else "0.0.0.0", socket.SOCK_DGRAM, port))
        ready.register(sockets[-1], selectors.EVENT_READ, port)

    def answers(wait):  # whether there were any
        found = ready.select(wait)
        for key, _ in found:
            data = key.fileobj.recv(65536)
            if NUMBER.unpack_from(data)[0] == began:
                ways[key.data, data[NUMBER.size :].decode()] += 1
        return found

    number, due, step = 0, time.monotonic(), 1 / (per_second * flows)
    while not over and (not rounds or number < rounds):
        number += 1
        for s in sockets:
            s.sendto(NUMBER.pack(began, number).ljust(size, b"x"), (address, PORT))
            # Who was held up does not hurry: a burst is another test.
            due = max(due + step, time.monotonic() - 0.1)
            answers(0)
            while (wait := due - time.monotonic()) > 0:
                answers(wait)
    while sum(ways.values()) < number * flows and answers(STRAGGLERS):
        pass
    for (port, way), count in sorted(ways.items()):
        print(port, way, count, number)


def stream(address, flows, size):
    def one(port):
        s = opened("::" if ":" in address else "0.0.0.0", socket.SOCK_STREAM, port)
        s.settimeout(90)
        s.connect((address, PORT))
        s.sendall(bytes(size))
        s.shutdown(socket.SHUT_WR)
        print(port, s.recv(64).decode(), flush=True)

    threads = [threading.Thread(target=one, args=(FIRST_PORT + i,)) for i in range(flows)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


if sys.argv[1] == "serve":
    serve(*sys.argv[2:])
elif sys.argv[1] == "ask":
    ask(sys.argv[2], *map(int, sys.argv[3:]))
else:
    stream(sys.argv[2], *map(int, sys.argv[3:]))
