#!/usr/bin/env python3
"""What a hostile site, or somebody who knows an SPI, sends. All of it bounded in number or time.

    bfd DEVICE FROM TO               BFD: down, discriminator 0
    syn DEVICE FROM TO PORT          a SYN
    udp DEVICE FROM TO COUNT         to port 4001
    echo DEVICE FROM TO TOS BYTES PPS SECONDS
    too_big DEVICE FROM TO FAR MTU   an ICMP error: an echo reply from TO to FAR was longer; DEVICE -: by the routes
    junk TO SPI BYTES PPS SECONDS    ESP in UDP that nobody has sealed
    speak FROM TO                    an ordinary program: BFD, also in fragments, and a connection to TCP 179; 0: it came about
    hear PORT SECONDS                prints whom UDP came from
"""
import socket
import struct
import sys
import time


def checksum(b):
    b += b"\0" * (len(b) % 2)
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    s = (s >> 16) + (s & 0xffff)
    return ~(s + (s >> 16)) & 0xffff


def ip(source, to, protocol, body, ttl=64, tos=0):
    if ":" in source:
        return (struct.pack("!IHBB", 0x60000000 | tos << 20, len(body), protocol, ttl) +
                socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) + body)
    h = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(body), 1, 0, ttl, protocol, 0,
                    socket.inet_aton(source), socket.inet_aton(to))
    return h[:10] + struct.pack("!H", checksum(h)) + h[12:] + body


def udp(source, to, port_from, port_to, body, **more):
    u = struct.pack("!HHHH", port_from, port_to, 8 + len(body), 0) + body
    if ":" in source:  # RFC 8200 8.1: here the checksum is not optional
        pseudo = (socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) +
                  struct.pack("!II", len(u), 17))
        u = u[:6] + struct.pack("!H", checksum(pseudo + u)) + u[8:]
    return ip(source, to, 17, u, **more)


def out(device, *packets):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    for p in packets:
        s.sendto(p, (device, 0x0800 if p[0] >> 4 == 4 else 0x86dd))


def paced(pps, seconds, send):
    start, n = time.time(), 0
    while time.time() - start < seconds:
        while n < (time.time() - start) * pps:
            send()
            n += 1
        time.sleep(0.001)
    print(n)


def bfd(device, source, to):
    body = struct.pack("!BBBBIIIII", 0x20, 1 << 6, 3, 24, 0xdead, 0, 1000000, 1000000, 0)
    out(device, udp(source, to, 49999, 3784, body, ttl=255, tos=0xc0))


def syn(device, source, to, port):
    out(device, ip(source, to, 6, struct.pack("!HHIIBBHHH", 5555, int(port), 1, 0, 0x50, 2, 1024, 0, 0), ttl=255))


def send_udp(device, source, to, count):
    out(device, *[udp(source, to, 4000, 4001, b"hostile")] * int(count))


def echo(device, source, to, tos, size, pps, seconds):
    body = struct.pack("!BBHHH", 8, 0, 0, 7, 7) + b"x" * (int(size) - 28)
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    packet = ip(source, to, 1, body, tos=int(tos, 0))
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    paced(int(pps), float(seconds), lambda: s.sendto(packet, (device, 0x0800)))


def too_big(device, source, to, far, mtu):
    if ":" in to:
        body = struct.pack("!BBHI", 2, 0, 0, int(mtu)) + ip(to, far, 58, b"\x81" + bytes(1399))[:200]
        pseudo = (socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) +
                  struct.pack("!II", len(body), 58))
        body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    else:
        body = struct.pack("!BBHHH", 3, 4, 0, 0, int(mtu)) + ip(to, far, 1, bytes(1400))[:100]
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    packet = ip(source, to, 58 if ":" in to else 1, body)
    if device != "-":
        return out(device, packet)
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).sendto(packet, (to, 0))


def junk(to, spi, size, pps, seconds):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect((to, 4500))
    packet = struct.pack("!II", int(spi, 0), 0x7fffffff) + b"j" * (int(size) - 36)
    paced(int(pps), float(seconds), lambda: s.send(packet))


def hear(port, seconds):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(("::", int(port)))
    s.settimeout(float(seconds))
    try:
        while True:
            print(s.recvfrom(100)[1][0].removeprefix("::ffff:"), flush=True)
    except OSError:
        pass


def speak(source, to):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    u = socket.socket(family, socket.SOCK_DGRAM)
    u.bind((source, 0))
    for size in (24, 3000):
        u.sendto(b"\x20\x40\x03\x18" + bytes(size - 4), (to, 3784))
    t = socket.socket(family)
    t.bind((source, 0))
    t.settimeout(1.5)
    try:
        t.connect((to, 179))
    except OSError as e:
        sys.exit(f"not connected: {e}")


{"bfd": bfd, "syn": syn, "udp": send_udp, "echo": echo, "too_big": too_big, "junk": junk,
 "speak": speak, "hear": hear}[sys.argv[1]](*sys.argv[2:])
