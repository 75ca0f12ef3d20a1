#!/usr/bin/env python3
"""Sends frames by name: frames.py DEVICE DESTINATION-MAC NAME...

The names say what is in a frame; addresses are those of badload."""
import errno
import socket
import struct
import sys

CLUSTER, OWN, PEER = "192.0.2.1", "10.1.0.11", "192.0.2.2"
CLUSTER6, OWN6, PEER6 = "2001:db8:2::1", "2001:db8::11", "2001:db8:2::2"
ESP, AH, UDP, HOPOPTS, IGMP, ICMPV6 = 50, 51, 17, 0, 2, 58

esp = struct.pack("!II", 0x1001, 1) + bytes(24)
ah = struct.pack("!BBHII", 4, 4, 0, 0x1001, 1) + bytes(12)


def udp(src, dst, payload):
    return struct.pack("!HHHH", src, dst, 8 + len(payload), 0) + payload


natt = udp(4500, 4500, esp)


def ipv4(protocol, payload, src=CLUSTER, dst=PEER):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return 0x0800, head[:10] + struct.pack("!H", total ^ 0xffff) + head[12:] + payload


def ipv6(protocol, payload, src=CLUSTER6, dst=PEER6):
    return 0x86dd, struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + \
        socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) + payload


def options(protocol, payload):
    return struct.pack("!BB", protocol, 0) + bytes([1, 4, 0, 0, 0, 0]) + payload


def tagged(packet, *tags):
    kind, payload = packet
    for tag in reversed(tags):
        kind, payload = tag, struct.pack("!HH", 7, kind) + payload
    return kind, payload


packets = {
    "esp": ipv4(ESP, esp),
    "ah": ipv4(AH, ah),
    "natt": ipv4(UDP, natt),
    "esp6": ipv6(ESP, esp),
    "ah6": ipv6(AH, ah),
    "natt6": ipv6(UDP, natt),
    "esp6-options": ipv6(HOPOPTS, options(ESP, esp)),
    "vlan-esp": tagged(ipv4(ESP, esp), 0x8100),
    "vlan-natt": tagged(ipv4(UDP, natt), 0x8100),
    "vlan-esp6": tagged(ipv6(ESP, esp), 0x8100),
    "vlan-natt6": tagged(ipv6(UDP, natt), 0x8100),
    "vlans-esp": tagged(ipv4(AH, ah), 0x88a8, 0x8100),
    "ike": ipv4(UDP, udp(500, 500, bytes(28))),
    "ike6": ipv6(UDP, udp(500, 500, bytes(28))),
    "vlan-ike": tagged(ipv4(UDP, udp(500, 500, bytes(28))), 0x8100),
    "stranger-esp": ipv4(ESP, esp, src=OWN),
    "vlan-stranger-esp6": tagged(ipv6(ESP, esp, src=OWN6), 0x8100),
    "to-own": ipv4(UDP, udp(9, 9, b"?"), src=PEER, dst=OWN),
    "to-own6": ipv6(UDP, udp(9, 9, b"?"), src=PEER6, dst=OWN6),
    "transit": ipv4(UDP, udp(9, 9, b"?"), src=PEER, dst="10.1.0.77"),
    "query": ipv4(IGMP, struct.pack("!BBH4s", 0x11, 0, 0xee9b, bytes(4)), src=PEER, dst="224.0.0.1"),
    "query6": ipv6(ICMPV6, struct.pack("!BBHI16s", 130, 0, 0, 0, bytes(16)), src="fe80::2", dst="ff02::1"),
    "in-esp": ipv4(ESP, esp, src=PEER, dst=CLUSTER),
    "in-ah": ipv4(AH, ah, src=PEER, dst=CLUSTER),
    "in-natt": ipv4(UDP, natt, src=PEER, dst=CLUSTER),
    "in-ike": ipv4(UDP, udp(500, 500, bytes(28)), src=PEER, dst=CLUSTER),
    "in-esp6": ipv6(ESP, esp, src=PEER6, dst=CLUSTER6),
    "in-ah6": ipv6(AH, ah, src=PEER6, dst=CLUSTER6),
    "in-natt6": ipv6(UDP, natt, src=PEER6, dst=CLUSTER6),
}

device, mac, *names = sys.argv[1:]
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind((device, 0))
for name in names:
    kind, payload = packets[name]
    frame = bytes.fromhex(mac.replace(":", "") + "020000000099") + struct.pack("!H", kind) + payload
    try:
        out.send(frame)
    except OSError as error:
        if error.errno != errno.ENOBUFS:  # a guard dropped it
            raise
