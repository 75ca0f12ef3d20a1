# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Read captures: Ethernet frames of a classic pcap file, and IPv4 in them."""

import struct
from collections import namedtuple

ESP, UDP, TCP, ICMP = 50, 17, 6, 1

# dst, src: MACs as hex text. l4: the bytes captured behind the IP header.
Packet = namedtuple("Packet", "time dst src saddr daddr protocol id more offset length l4")


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


def packets(path):
    """Yield the IPv4 packets of a capture."""
    for time, f in frames(path):
        if len(f) < 34 or f[12:14] != b"\x08\x00":
            continue
        ihl = (f[14] & 15) * 4
        length, ident, frag = struct.unpack_from("!HHH", f, 16)
        yield Packet(time, f[:6].hex(), f[6:12].hex(), f[26:30], f[30:34], f[23], ident,
                     bool(frag & 0x2000), frag & 0x1FFF, length, f[14 + ihl:14 + length])


def esp_number(p):
    """(SPI, low half of the number) of an ESP packet or its first fragment, else None."""
    if p.protocol != ESP or p.offset or len(p.l4) < 8:
        return None
    return struct.unpack_from("!II", p.l4)
