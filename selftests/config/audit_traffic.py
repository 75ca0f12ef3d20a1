# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A healthy cluster's traffic for the auditor's rows, encrypted here by OpenSSL: what is changed in it afterwards
is what the auditor must find."""

import ctypes
import ctypes.util
import hashlib
import hmac
import ipaddress
import struct
from dataclasses import dataclass, field

CLUSTER, PEER, CLIENT, BEHIND = "192.0.2.1", "192.0.2.2", "10.1.0.100", "10.2.0.1"
CLUSTER6, PEER6 = "fd00:192::1", "fd00:192::2"
MEMBERS = [f"02:00:00:00:00:{i:02x}" for i in range(3)]
PEER_MAC, CLUSTER_MAC, CLIENT_MAC = "02:00:00:00:01:00", "03:00:00:00:00:01", "02:00:00:00:01:01"
LANES, BLOCK = 3, 8

crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_gcm", "EVP_aes_256_gcm", "EVP_aes_128_cbc"):
    getattr(crypto, name).restype = ctypes.c_void_p
crypto.EVP_EncryptInit_ex.argtypes = [ctypes.c_void_p] * 3 + [ctypes.c_char_p] * 2
crypto.EVP_EncryptUpdate.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
crypto.EVP_EncryptFinal_ex.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
crypto.EVP_CIPHER_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_char_p]
crypto.EVP_CIPHER_CTX_set_padding.argtypes = [ctypes.c_void_p, ctypes.c_int]
crypto.EVP_CIPHER_CTX_free.argtypes = [ctypes.c_void_p]
GET_TAG = 0x10


def encrypt(cipher, key, iv, text, aad=b"", tag=0):
    """Text encrypted, and behind it tag bytes of the tag."""
    ctx, n = crypto.EVP_CIPHER_CTX_new(), ctypes.c_int()
    out, end = ctypes.create_string_buffer(len(text) + 32), ctypes.create_string_buffer(32)
    good = crypto.EVP_EncryptInit_ex(ctx, getattr(crypto, cipher)(), None, key, iv)
    crypto.EVP_CIPHER_CTX_set_padding(ctx, 0)
    if aad:
        good &= crypto.EVP_EncryptUpdate(ctx, None, ctypes.byref(n), aad, len(aad))
    good &= crypto.EVP_EncryptUpdate(ctx, out, ctypes.byref(n), text, len(text))
    result = out.raw[:n.value]
    good &= crypto.EVP_EncryptFinal_ex(ctx, end, ctypes.byref(n))
    if tag:
        good &= crypto.EVP_CIPHER_CTX_ctrl(ctx, GET_TAG, tag, end)
    crypto.EVP_CIPHER_CTX_free(ctx)
    assert good == 1 and len(result) == len(text)
    return result + end.raw[:tag]


def address(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ip(src, dst, protocol, payload, ttl=64, ident=0, fragment=0, tos=0):
    s, d = address(src), address(dst)
    if len(s) == 16:
        return struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, ttl) + s + d + payload
    head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(payload), ident, fragment, ttl, protocol, 0) + s + d
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(sport, dport, payload):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ether(src, dst, packet, tags=()):
    kind = {4: 0x0800, 6: 0x86dd}[packet[0] >> 4]
    mac = bytes.fromhex((dst + src).replace(":", ""))
    return mac + b"".join(struct.pack("!HH", 0x8100, t) for t in tags) + struct.pack("!H", kind) + packet


@dataclass
class Sa:
    src: str = CLUSTER
    dst: str = PEER
    spi: int = 0x1000
    key: bytes = bytes(range(16))
    salt: bytes = b"salt"
    icv: int = 16
    esn: bool = True
    gcm: bool = True
    auth: bytes = b""
    natt: bool = False
    state: str = ""  # a line more, as ip prints it

    def printed(self):
        """As "ip xfrm state" prints it."""
        if self.gcm:
            algorithm = f"aead rfc4106(gcm(aes)) 0x{(self.key + self.salt).hex()} {8 * self.icv}"
        else:
            algorithm = (f"auth-trunc hmac(sha256) 0x{self.auth.hex()} {8 * self.icv}\n"
                         f"\tenc cbc(aes) 0x{self.key.hex()}")
        return (f"src {self.src} dst {self.dst}\n\tproto esp spi 0x{self.spi:08x} reqid 1 mode tunnel\n"
                f"\treplay-window 0 flag af-unspec{' esn' if self.esn else ''}\n\t{algorithm}\n"
                "\tanti-replay esn context:\n"
                f"\t {self.state or 'seq-hi 0x0, seq 0x0, oseq-hi 0x0, oseq 0x0'}\n"
                "\t replay_window 1024, bitmap-length 32\n\t 00000000 00000000\n"
                "\tsel src 0.0.0.0/0 dst 0.0.0.0/0\n")

    def esp(self, number, inner, iv=None, next_header=None):
        low = struct.pack("!II", self.spi, number & 0xffffffff)
        high = struct.pack("!I", number >> 32) if self.esn else b""
        if next_header is None:
            next_header = 4 if inner[0] >> 4 == 4 else 41
        pad = -(len(inner) + 2) % (4 if self.gcm else 16)
        text = inner + bytes(range(1, pad + 1)) + bytes([pad, next_header])
        if self.gcm:
            iv = iv if iv is not None else struct.pack("!Q", number ^ 0x1122334455667788)
            cipher = "EVP_aes_128_gcm" if len(self.key) == 16 else "EVP_aes_256_gcm"
            body = iv + encrypt(cipher, self.key, self.salt + iv, text, low[:4] + high + low[4:], self.icv)
        else:
            iv = iv if iv is not None else hashlib.sha256(struct.pack("!Q", number)).digest()[:16]
            body = iv + encrypt("EVP_aes_128_cbc", self.key, iv, text)
            body += hmac.new(self.auth, low + body + high, "sha256").digest()[:self.icv]
        return low + body

    def packet(self, number, inner, **how):
        esp = self.esp(number, inner, **how)
        if self.natt:
            return ip(self.src, self.dst, 17, udp(4500, 4500, esp))
        return ip(self.src, self.dst, 50, esp)


def lane(number, lanes=LANES, block=BLOCK):
    return (number - 1) // block % lanes


@dataclass
class Traffic:
    """Lists of frames. Numbers of the cluster's own are those of a healthy one: half of each block."""
    out: Sa = field(default_factory=Sa)
    back: Sa = field(default_factory=lambda: Sa(src=PEER, dst=CLUSTER, spi=0x2000, key=bytes(range(16, 32))))
    first: int = 1
    count: int = 60
    outside: list = field(default_factory=list)
    inside: list = field(default_factory=list)
    tags: tuple = ()

    def inner(self, number, src=CLIENT, dst=BEHIND, ttl=64, tos=0):
        return ip(src, dst, 17, udp(5000, 9000, b"payload." + struct.pack("!Q", number)), ttl=ttl, ident=number & 0xffff,
                  tos=tos)

    def sent(self, number, by=None, **how):
        member = lane(number) if by is None else by
        return ether(MEMBERS[member] if member < 3 else CLIENT_MAC, PEER_MAC,
                     self.out.packet(number, self.inner(number), **how), self.tags)

    def came(self, number, **how):
        return ether(PEER_MAC, CLUSTER_MAC, self.back.packet(number, self.inner(number, BEHIND, CLIENT), **how), self.tags)

    def delivered(self, number, by=0, ttl=63, tos=0):
        return ether(MEMBERS[by], CLIENT_MAC, self.inner(number, BEHIND, CLIENT, ttl, tos), self.tags)

    def make(self):
        for n in range(self.first, self.first + self.count):
            if (n - 1) % BLOCK < BLOCK // 2:
                self.outside.append(self.sent(n))
            self.outside.append(self.came(n))
            self.inside.append(self.delivered(n))
        return self

    def keys(self, cluster=(CLUSTER, CLUSTER6), members=True, lanes=True):
        text = self.out.printed() + self.back.printed() + "".join(f"cluster {a}\n" for a in cluster)
        if members:
            text += "".join(f"member {i} {mac}\n" for i, mac in enumerate(MEMBERS))
        return text + (f"lanes {LANES} block {BLOCK}\n" if lanes else "")


def pcap(frames, order="<", nano=False, snap=0, link=1):
    magic = 0xa1b23c4d if nano else 0xa1b2c3d4
    text = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link)
    for i, f in enumerate(frames):
        kept = f[:snap] if snap else f
        text += struct.pack(order + "IIII", 1700000000 + i, i, len(kept), len(f)) + kept
    return text
