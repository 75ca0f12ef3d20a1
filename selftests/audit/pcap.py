# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read captures: Ethernet frames of a classic pcap file, tags, IPv4 and IPv6
with extension headers, and what tells IPsec apart: ESP, AH, ESP in UDP."""

import struct
from collections import namedtuple

ESP, AH, UDP, TCP, ICMP, ICMP6, IGMP = 50, 51, 17, 6, 1, 58, 2
NATT_PORT = 4500
IPV4, ARP, IPV6, TAGS = 0x0800, 0x0806, 0x86DD, (0x8100, 0x88A8)
EXTENSIONS, FRAGMENT = (0, 43, 60), 44

# dst, src: MACs as hex text. tags: VLAN ids from the outside in. saddr, daddr: 4 or
# 16 bytes. l4: the bytes captured behind the headers; length: of the whole packet.
Packet = namedtuple("Packet", "time dst src tags saddr daddr protocol id more offset length l4")
# sha, tha: MACs as hex text; spa, tpa: addresses.
Arp = namedtuple("Arp", "time dst src operation sha spa tha tpa")


def frames(path):
    """Yield (time, frame) of a pcap file, either byte order, micro or nanoseconds."""
    with open(path, "rb") as f:
        data = f.read()
    if len(data) < 24:
        raise ValueError(f"{path}: not a capture")
    magic = data[:4]
    order = {b"\xd4\xc3\xb2\xa1": ("<", 1e6), b"\xa1\xb2\xc3\xd4": (">", 1e6),
             b"\x4d\x3c\xb2\xa1": ("<", 1e9), b"\xa1\xb2\x3c\x4d": (">", 1e9)}
    if magic not in order:
        raise ValueError(f"{path}: not a pcap file")
    endian, unit = order[magic]
    record = struct.Struct(endian + "IIII")
    at = 24
    while at + 16 <= len(data):
        sec, frac, caplen, _ = record.unpack_from(data, at)
        at += 16
        if at + caplen > len(data):
            raise ValueError(f"{path}: cut off in the last packet")
        yield sec + frac / unit, data[at:at + caplen]
        at += caplen


def untag(f):
    """(ethertype, tags, what follows) of a frame."""
    at, tags = 12, []
    while True:
        kind = int.from_bytes(f[at:at + 2], "big")
        if kind not in TAGS:
            return kind, tuple(tags), f[at + 2:]
        tags.append(int.from_bytes(f[at + 2:at + 4], "big") & 0xFFF)
        at += 4


def packets(path):
    """Yield the IP packets of a capture."""
    for time, f in frames(path):
        kind, tags, l3 = untag(f)
        if kind == IPV4 and len(l3) >= 20:
            fields = read_ipv4(l3)
        elif kind == IPV6 and len(l3) >= 40:
            fields = read_ipv6(l3)
        else:
            continue
        yield Packet(time, f[:6].hex(), f[6:12].hex(), tags, *fields)


def read_ipv4(l3):
    ihl = (l3[0] & 15) * 4
    length, ident, frag = struct.unpack_from("!HHH", l3, 2)
    return (l3[12:16], l3[16:20], l3[9], ident, bool(frag & 0x2000), frag & 0x1FFF, length, l3[ihl:length])


def read_ipv6(l3):
    payload, protocol = struct.unpack_from("!HB", l3, 4)
    length, at = 40 + payload, 40
    ident, more, offset = 0, False, 0
    while protocol in EXTENSIONS + (FRAGMENT,) and len(l3) >= at + 8 and not offset:
        size = 8
        if protocol == FRAGMENT:
            frag, ident = struct.unpack_from("!HI", l3, at + 2)
            more, offset = bool(frag & 1), frag >> 3
        else:
            size += 8 * l3[at + 1]
        protocol = l3[at]
        at += size
    return l3[8:24], l3[24:40], protocol, ident, more, offset, length, l3[at:length]


def arps(path):
    """Yield the ARP packets of a capture."""
    for time, f in frames(path):
        kind, _, l3 = untag(f)
        if kind == ARP and len(l3) >= 28 and l3[:6] == b"\0\x01\x08\0\x06\x04":
            yield Arp(time, f[:6].hex(), f[6:12].hex(), int.from_bytes(l3[6:8], "big"),
                      l3[8:14].hex(), l3[14:18], l3[18:24].hex(), l3[24:28])


def ports(p):
    """(source, destination) of a UDP packet or its first fragment, else None."""
    if p.protocol != UDP or p.offset or len(p.l4) < 8:
        return None
    return struct.unpack_from("!HH", p.l4)


def ipsec_kind(p):
    """"esp", "ah" or "natt" of an IPsec packet or its first fragment, else None."""
    if p.offset:
        return None
    if p.protocol in (ESP, AH):
        return "esp" if p.protocol == ESP else "ah"
    if NATT_PORT in (ports(p) or ()) and len(p.l4) >= 16 and p.l4[8:12] != bytes(4):
        return "natt"
    return None


def ipsec_iv(p):
    """(SPI, the 8 bytes behind the number) of an ESP packet or its first fragment, also in UDP, else None."""
    at = {"esp": 0, "natt": 8}.get(ipsec_kind(p))
    if at is None or len(p.l4) < at + 16:
        return None
    return int.from_bytes(p.l4[at:at + 4], "big"), p.l4[at + 8:at + 16]


def ipsec_number(p):
    """(SPI, low half of the number) of an IPsec packet or its first fragment, else None."""
    at = {"esp": 0, "ah": 4, "natt": 8}.get(ipsec_kind(p))
    if at is None or len(p.l4) < at + 8:
        return None
    return struct.unpack_from("!II", p.l4, at)
