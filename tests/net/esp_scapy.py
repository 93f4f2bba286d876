# SPDX-License-Identifier: Apache-2.0
"""ESP against scapy's, both ways: every cipher, 32 and 64 bit sequence numbers, protocol 50 and UDP,
both families outside and inside. Usage: esp_scapy.py ESP_TOOL"""
import hashlib
import hmac
import logging
import random
import struct
import subprocess
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6  # noqa: E402
from scapy.layers.ipsec import ESP, SecurityAssociation  # noqa: E402
from scapy.packet import Raw  # noqa: E402

SPI = 0x12345678
CIPHERS = {  # name: (number, [key lengths], salt)
    "AES-GCM": (20, [16, 32], 4),
    "CHACHA20-POLY1305": (28, [32], 4),
    "AES-CBC": (12, [16, 32], 0),
}
INTEGRITY = {  # name: (number, key length, hash, ICV length)
    "HMAC-SHA1-96": (2, 20, hashlib.sha1, 12),
    "SHA2-256-128": (12, 32, hashlib.sha256, 16),
    "SHA2-384-192": (13, 48, hashlib.sha384, 24),
    "SHA2-512-256": (14, 64, hashlib.sha512, 32),
}
random.seed(4303)
tool = subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
passed = failed = 0


def ask(*words):
    tool.stdin.write(" ".join(str(w) for w in words) + "\n")
    tool.stdin.flush()
    return tool.stdout.readline().strip()


def check(ok, what, seen=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAIL ", what, seen)


def inner_packets():
    for size in (0, 1, 7, 15, 64, 333, 1300):
        load = Raw(random.randbytes(size))
        yield IP(src="10.1.0.1", dst="10.2.0.2") / UDP(sport=7, dport=9) / load
        yield IPv6(src="fd00::1", dst="fd00::2") / TCP(sport=7, dport=9) / load
    yield IP(src="10.1.0.1", dst="10.2.0.2") / ICMP()
    yield IPv6(src="fd00::1", dst="fd00::2") / ICMPv6EchoRequest()


def run(cipher, key_len, auth, esn, sequence):
    number, _, salt_len = CIPHERS[cipher]
    integ, integ_len, digest, icv_len = INTEGRITY[auth] if auth else (0, 0, None, 0)
    key, salt, integ_key = (random.randbytes(n) for n in (key_len, salt_len, integ_len))
    words = (number, integ, int(esn), key.hex(), salt.hex() or "-", integ_key.hex() or "-", sequence)
    low, high = sequence & 0xFFFFFFFF, sequence >> 32
    what = f"{cipher}-{key_len * 8} {auth or ''} {'ESN ' if esn else ''}{sequence:#x}"

    def icv(esp):
        """RFC 4303 2.2.1: the high half is authenticated too. scapy 2.5 leaves it out of an HMAC."""
        return hmac.new(integ_key, esp + struct.pack("!L", high), digest).digest()[:icv_len]

    def encrypt(sa, packet, encap):
        out = bytearray(bytes(sa.encrypt(packet, seq_num=low, esn_en=esn, esn=high)))
        if encap:  # scapy 2.5 sets the length before the payload is there
            out[24:26] = struct.pack("!H", len(out) - 20)
        if esn and auth:
            at = {True: 28, False: 20 if out[0] >> 4 == 4 else 40}[encap]
            out[-icv_len:] = icv(bytes(out[at:-icv_len]))
        return bytes(out)

    def decrypt(sa, packet, sealed):
        if not (esn and auth):
            return bytes(sa.decrypt(packet, esn_en=esn, esn=high))
        if sealed[-icv_len:] != icv(sealed[:-icv_len]):
            raise ValueError("integrity")
        return bytes(sa.decrypt(packet, verify=False, esn_en=esn, esn=high))

    for outer in (IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")):
        for encap in (False, True):
            if encap and isinstance(outer, IPv6):
                continue  # scapy does not have it
            sa = SecurityAssociation(
                ESP, spi=SPI, crypt_algo=cipher, crypt_key=key + salt,
                auth_algo=auth, auth_key=integ_key or None, tunnel_header=outer,
                nat_t_header=UDP(sport=4500, dport=4500) if encap else None, esn_en=esn, esn=high)
            for packet in inner_packets():
                raw = bytes(packet)
                name = f"{what} outer {outer.version} encap {encap} inner {packet.version} {len(raw)} bytes"
                theirs = encrypt(sa, packet.__class__(raw), encap)
                got = ask("open", *words, theirs.hex())
                inner = bytes.fromhex(got) if got and " " not in got else b""
                check(without_ttl(inner) == without_ttl(raw), name + ": scapy to us", got[:80])
                sealed = bytes.fromhex(ask("seal", *words, raw.hex()))
                ours = outer.copy() / (UDP(sport=4500, dport=4500) / Raw(sealed) if encap else Raw(sealed))
                if not encap:
                    setattr(ours, "proto" if outer.version == 4 else "nh", 50)
                try:
                    opened = decrypt(sa, outer.__class__(bytes(ours)), sealed)
                    check(without_ttl(opened) == without_ttl(raw), name + ": us to scapy")
                except Exception as e:  # scapy says so when integrity fails
                    check(False, name + ": us to scapy", repr(e))
                damaged = bytearray(theirs)
                damaged[-1] ^= 1
                check(ask("open", *words, damaged.hex()).startswith("error"), name + ": damaged")


def without_ttl(packet):
    """scapy lowers the TTL like a router, and with it the checksum."""
    if not packet:
        return b"nothing"
    if packet[0] >> 4 == 4:
        return packet[:8] + packet[9:10] + packet[12:]
    return packet[:7] + packet[8:]


for cipher, (_, lengths, _) in CIPHERS.items():
    for key_len in lengths:
        for auth in INTEGRITY if cipher == "AES-CBC" else [None]:
            for esn, sequence in ((False, 1), (False, 0xFFFFFFFE), (True, 5), (True, 0x100000007)):
                run(cipher, key_len, auth, esn, sequence)
tool.stdin.close()
tool.wait()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0 or not passed or tool.returncode)
