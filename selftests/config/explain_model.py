# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packets and captures written by hand, and the owner of a packet computed once
more, without the program's headers."""

import hashlib
import hmac
import ipaddress
import struct

CLUSTER_IN, CLUSTER_OUT, CLUSTER6 = "10.1.0.1", "192.0.2.1", "2001:db8::1"
MAC_IN, MAC_OUT = "03:bf:0a:01:00:01", "03:bf:c0:00:02:01"
SENDER = "02:00:00:00:00:07"
PEER, HOST, FAR = "198.51.100.7", "10.1.0.5", "10.2.0.7"
PEER6, HOST6, FAR6 = "2001:db8:1::7", "2001:db8:2::5", "2001:db8:3::7"
MASK = (1 << 64) - 1


def addr(text):
    return ipaddress.ip_address(text).packed


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ether(dst, payload, tags=(), kind=None):
    if kind is None:
        kind = 0x86DD if payload[0] >> 4 == 6 else 0x800
    shim = b"".join(struct.pack("!HH", 0x8100, t) for t in tags)
    return mac(dst) + mac(SENDER) + shim + struct.pack("!H", kind) + payload


def ipv4(src, dst, protocol, l4, ident=0, frag=0, options=b""):
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(l4), ident, frag, 64,
                       protocol, 0)
    return head + addr(src) + addr(dst) + options + l4


def ipv6(src, dst, protocol, l4, extensions=(), hops=64):
    chain = [*extensions, protocol]
    body = b"".join(bytes([after, 0]) + bytes(6) for after in chain[1:]) + l4
    return struct.pack("!IHBB", 6 << 28, len(body), chain[0], hops) + addr(src) + addr(dst) + body


def esp(spi, number):
    return struct.pack("!II", spi, number) + bytes(24)


def ah(spi, number):
    return struct.pack("!BBHII", 50, 4, 0, spi, number) + bytes(12)


def udp(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def natt(spi, number):
    return udp(4500, 4500, esp(spi, number))


def tcp(sport, dport, number):
    return struct.pack("!HHIIBBHHH", sport, dport, number, 0, 0x50, 16, 1000, 0, 0)


def icmp(kind):
    return bytes([kind]) + bytes(15)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ns(src, target, dst_mac):
    """A neighbour solicitation with the sender's address; the checksum is that of a packet to target."""
    body = struct.pack("!BBHI", 135, 0, 0, 0) + addr(target) + bytes([1, 1]) + mac(SENDER)
    pseudo = addr(src) + addr(target) + struct.pack("!II", len(body), 58)
    return body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]


def ARP(src, target):
    return struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mac(SENDER) + addr(src) + bytes(6) + addr(target)


def capture(frames, snap=0, link=1, order="<", nano=False, cut=None):
    """A pcap file. snap: bytes of each frame that are captured; cut: the same by index."""
    magic = 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)]
    for n, frame in enumerate(frames):
        size = (cut or {}).get(n, snap) or len(frame)
        held = frame[:size]
        out += [struct.pack(order + "IIII", 1700000000, n, len(held), len(frame)), held]
    return b"".join(out)


def capture_ng(frames):
    def block(kind, body):
        size = 12 + len(body)
        return struct.pack("<II", kind, size) + body + struct.pack("<I", size)

    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    out += block(1, struct.pack("<HHI", 1, 0, 0))
    for frame in frames:
        padded = frame + bytes(-len(frame) % 4)
        out += block(6, struct.pack("<IIIII", 0, 0, 0, len(frame), len(frame)) + padded)
    return out


class Model:
    """Key, table, slots and turns of a cluster."""

    def __init__(self, secret, members):
        block = b"".join(hmac.new(secret, b"espalier dispatch" + bytes([i]), hashlib.sha256).digest()
                         for i in (1, 2))
        self.key = [int.from_bytes(block[8 * i:8 * i + 8], "big") | 1 for i in range(6)]
        self.members = members
        self.table = [members[slot % len(members)] for slot in range(256)]

    def slot_esp(self, spi, dst, number, burst=1):
        word = int.from_bytes(addr(dst)[-4:], "little") << 32 | int.from_bytes(struct.pack("!I", spi), "little")
        return ((word * self.key[0] & MASK) >> 56) + number // burst & 255

    @staticmethod
    def fold(total):
        total &= MASK
        return (total ^ total >> 32) * 0xFF51AFD7ED558CCD & MASK

    @staticmethod
    def words(packet, count):
        """The first words of the transport part; what is not there whole is 0."""
        if int.from_bytes(packet[6:8], "big") & 0x3FFF:
            return [0] * count
        l4 = packet[20:]
        return [int.from_bytes(l4[4 * i:4 * i + 4], "little") if len(l4) >= 4 * i + 4 else 0
                for i in range(count)]

    def hash_packet(self, packet):
        w = self.words(packet, 4)
        ident, protocol = int.from_bytes(packet[4:6], "little"), packet[9]
        addrs = int.from_bytes(packet[12:20], "little")
        first = (w[1] << 32 | w[0]) + (ident << 16 | protocol) & MASK
        second = (w[3] << 32 | w[2]) + addrs & MASK
        return self.fold(first * self.key[1] + second * self.key[2])

    def hash_flow(self, packet):
        ports = self.words(packet, 1)[0] if packet[9] in (6, 17) else 0
        addrs = int.from_bytes(packet[12:20], "little")
        return self.fold((ports << 8 | packet[9]) * self.key[1] + addrs * self.key[2])

    def round_robin(self, packets, mean):
        """Owners of packets in turn, and which of them are markers."""
        turn, owners, markers = 0, [], []
        for n, packet in enumerate(packets):
            h = self.hash_packet(packet)
            if not h >> 24 & (mean - 1):
                turn = (h >> 48) * len(self.members) >> 16
                markers.append(n)
            owners.append(self.members[turn % len(self.members)])
            turn += 1
        return owners, markers


def kinds():
    """name, frame, fate, reason of one member."""
    later, first = 185, 0x2000
    stub = ipv4(PEER, CLUSTER_OUT, 50, esp(9, 1))
    out4 = lambda protocol, l4, **kw: ether(MAC_OUT, ipv4(PEER, CLUSTER_OUT, protocol, l4, **kw))
    out6 = lambda protocol, l4, **kw: ether(MAC_OUT, ipv6(PEER6, CLUSTER6, protocol, l4, **kw))
    return [
        ("esp", out4(50, esp(9, 1)), "one", "owned_esp"),
        ("esp with options", out4(50, esp(9, 1), options=bytes([1] * 8)), "one", "owned_esp"),
        ("esp in two tags", ether(MAC_OUT, stub, tags=(7, 9)), "one", "owned_esp"),
        ("esp in three tags", ether(MAC_OUT, stub, tags=(7, 8, 9)), "nobody", "not_ip"),
        ("ah", out4(51, ah(9, 1)), "one", "owned_ah"),
        ("natt", out4(17, natt(9, 1)), "one", "owned_natt"),
        ("natt marker", out4(17, natt(0, 1)), "one", "local_leader"),
        ("keepalive", out4(17, udp(4500, 4500, b"\xff")), "nobody", "nat_keepalive"),
        ("ike", out4(17, udp(500, 500, bytes(28))), "one", "local_leader"),
        ("esp too short", out4(50, b"1234"), "nobody", "bad_esp"),
        ("ah too short", out4(51, b"12345678"), "nobody", "bad_ah"),
        ("udp too short", out4(17, b"1234"), "nobody", "bad_udp"),
        ("icmp error", out4(1, icmp(3)), "every", "icmp_error"),
        ("echo", out4(1, icmp(8)), "one", "local_leader"),
        ("esp6", out6(50, esp(9, 1)), "one", "owned_esp"),
        ("esp6 behind options", out6(50, esp(9, 1), extensions=(0, 60)), "one", "owned_esp"),
        ("chain too long", out6(50, esp(9, 1), extensions=(60,) * 7), "nobody", "bad_chain"),
        ("icmp6 error", out6(58, icmp(2)), "every", "icmp_error"),
        ("solicitation", out6(58, ns(PEER6, CLUSTER6, MAC_OUT), hops=255), "one", "nd_answered"),
        ("solicitation to a group",
         ether("33:33:ff:00:00:01", ipv6(PEER6, "ff02::1:ff00:1", 58, ns(PEER6, CLUSTER6, MAC_OUT), hops=255)),
         "one", "nd_leader"),
        ("first fragment of esp", out4(50, esp(9, 5), ident=3, frag=first), "one", "owned_esp"),
        ("later fragment of esp", out4(50, bytes(16), ident=3, frag=later), "one", "owned_fragment"),
        ("later fragment of another", out4(50, bytes(16), ident=4, frag=later), "first-fragment",
         "fragment_unknown"),
        ("later fragment of ike", out4(17, bytes(16), ident=5, frag=later), "one", "local_leader"),
        ("plain", ether(MAC_IN, ipv4(HOST, FAR, 6, tcp(1, 2, 3))), "one", "owned_plain"),
        ("plain fragment", ether(MAC_IN, ipv4(HOST, FAR, 17, bytes(16), ident=3, frag=later)), "one",
         "owned_plain"),
        ("plain6", ether(MAC_IN, ipv6(HOST6, FAR6, 6, tcp(1, 2, 3))), "one", "owned_plain"),
        ("igmp query", ether(MAC_IN, ipv4(HOST, "224.0.0.1", 2, bytes(8), options=b"\x94\4\0\0")), "every",
         "group"),
        ("group6", ether(MAC_IN, ipv6(HOST6, "ff02::1", 17, udp(1, 2, bytes(8)))), "every", "group"),
        ("esp inside", ether(MAC_IN, stub), "nobody", "wrong_side"),
        ("by unicast", ether("02:00:00:00:00:99", stub), "door", "other_mac"),
        ("by broadcast", ether("ff:ff:ff:ff:ff:ff", stub), "nobody", "cluster_by_unicast"),
        ("arp", ether("ff:ff:ff:ff:ff:ff", ARP(HOST, CLUSTER_IN), kind=0x806), "one", "arp_answered"),
        ("arp of others", ether("ff:ff:ff:ff:ff:ff", ARP(HOST, FAR), kind=0x806), "every", "arp"),
        ("no ip", ether(MAC_IN, bytes(46), kind=0x88cc), "nobody", "not_ip"),
        ("bad ip", ether(MAC_IN, b"\x44" + stub[1:]), "nobody", "bad_ip"),
        ("short", ether(MAC_IN, stub[:10]), "nobody", "short_frame"),
        ("no frame", b"123456", "nobody", "short_frame"),
    ]
