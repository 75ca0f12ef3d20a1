# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Explain by the maps of a member, and ask the loaded program itself: frames that
it counts must be counted for the reasons that explain gives.

usage: explain_pinned.py DIR      (as root, in a network namespace of its own)
"""

import json
import os
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
from explain_lab import ESPALIER, Lab, contains, do, equal, reasons
from explain_model import (CLUSTER6, CLUSTER_IN, CLUSTER_OUT, FAR, HOST, MAC_IN, Model, addr, ether, ipv4,
                           kinds, tcp, udp)

SELF, OTHER = 1, 4
# abi.h: struct esl_config
DEADLINE, TABLE1 = 144, 552
LEADS = 0x100		# beside the phase: ESL_PHASE_LEADS
PREPARE, SWITCH = 1, 2
SCHEMES = ["packet-hash", "packet-rr", "packet-sqf", "session-rr", "session-sqf", "session-hash", "sa"]


def hexadecimal(data):
    return "hex " + data.hex(" ")


class Maps:
    def __init__(self, directory):
        self.directory = directory
        self.epoch = 0

    def update(self, name, key, value):
        do(f"bpftool map update pinned {self.directory}/espalier_{name} key {hexadecimal(key)} "
           f"value {hexadecimal(value)}")

    def publish(self, scheme, shift=0, leader=0, policies=0, switching=0):
        """The second table of the configuration, of SELF and OTHER, as an agent would; the next one,
        if any, is the first, in which all belongs to member 0."""
        path, self.epoch = f"{self.directory}/espalier_config", self.epoch + 1
        held = json.loads(do(f"bpftool -j map lookup pinned {path} key hex 0 0 0 0"))["value"]
        value = bytearray(int(x, 16) for x in held)
        members = bytes([SELF, OTHER])
        table = members * 128 + members.ljust(64, b"\0") + struct.pack(
            "<QIIIBBH", 1 << SELF | 1 << OTHER, 2, self.epoch, 15, SCHEMES.index(scheme), shift, 0)
        value[TABLE1:TABLE1 + len(table)] = table
        struct.pack_into("<QIIII", value, DEADLINE, (1 << 64) - 1, 1, switching, leader, policies)
        self.update("config", bytes(4), bytes(value))

    def add_policy(self, prefix, length, slot):
        self.update("policies", struct.pack("<I", 96 + length) + mapped(prefix), struct.pack("<I", slot))

    def add_sa(self, dst, spi, protocol, switch_at=0, leader_below=0):
        self.update("sa_in", mapped(dst) + struct.pack("<II", spi, protocol),
                    bytes(16) + struct.pack("<QQ", switch_at, leader_below))


def mapped(text):
    return addr(text).rjust(16, b"\0") if ":" in text else bytes(10) + b"\xff\xff" + addr(text)


def ask_by_maps(lab, conf, maps):
    maps.add_policy("10.2.0.0", 16, 7)
    maps.publish("sa", shift=2, policies=1)
    model = Model(lab.secret, [SELF, OTHER])
    for number in range(5, 12):
        got = lab.one("esp", "--dst", CLUSTER_OUT, "--spi", 3, "--seq", number, conf=conf)
        slot = model.slot_esp(3, CLUSTER_OUT, number, 4)
        equal((got["slot"], got["owner"]), (slot, model.table[slot]))
    contains(lab.run("udp", "--dst", FAR, conf=conf),
             f"from      maps of member {SELF} in {maps.directory}, epoch {maps.epoch}",
             f"member {SELF} is not the leader: member {OTHER}, the lowest of the others",
             "longest prefix, /16,", f"slot 7 belongs to member {OTHER}")
    contains(lab.run("udp", "--dst", "10.3.0.7", conf=conf), "policy    none keeps this destination")
    frames = [ether("02:00:00:00:01:01", ipv4(HOST, dst, 6, tcp(1, 2, 3)))
              for dst in ("10.1.0.11", "10.1.0.12", CLUSTER_IN)]
    got = lab.ask("--pcap", lab.pcap(frames), conf=conf)
    equal([(a["door"], reasons(a)) for a in got],
          [("own", [r, "other_mac"]) for r in ("own_address", "transit_by_unicast", "cluster_by_unicast")])


def ask_in_a_change(lab, conf, maps):
    maps.add_sa(CLUSTER_OUT, 3, 50, switch_at=8)
    for switching, number in ((p, n) for p in (PREPARE, SWITCH) for n in (7, 8)):
        maps.publish("packet-hash", switching=switching)
        got = lab.one("esp", "--dst", CLUSTER_OUT, "--spi", 3, "--seq", number, conf=conf)
        contains(" ".join(got["assumed"]), "a planned change is under way")
        if number < 8:
            equal((got["fate"], got["owner"]), ("one", got["slot_owner"]))
        elif switching == SWITCH:
            equal((got["fate"], got["owner"]), ("one", 0))
        else:
            equal((got["fate"], got["owner"]), ("nobody", None))
            equal(set(reasons(got)), {"switching", "foreign_esp"})
    contains(lab.run("esp", "--dst", CLUSTER_OUT, "--spi", 3, "--seq", 8, conf=conf), "goes to member 0")


def counted(conf):
    counts = json.loads(do(f"{ESPALIER} status -c {conf} --json"))["counts"]
    return Counter({reason: n["packets"] for reason, n in counts.items() if n["packets"]})


def wire(name):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((name, 0))
    return s


def compare(lab, conf, scheme, wires):
    """Every kind of frame, and plain ones, past the program, and past explain before."""
    frames = [frame for _, frame, _, _ in kinds() if len(frame) >= 14]
    frames += [ether(MAC_IN, ipv4(HOST, FAR, 17, udp(n % 20, 9, bytes(n)))) for n in range(150)]
    told = lab.ask("--pcap", lab.pcap(frames), conf=conf)
    want = Counter(a["then"] if a["then"] and a["owner"] == SELF else reasons(a)[0] for a in told)
    before = counted(conf)
    for frame, answer in zip(frames, told, strict=True):
        wires[answer["side"]].send(frame)
    until = time.monotonic() + 10
    while sum((got := counted(conf) - before).values()) < len(frames) and time.monotonic() < until:
        pass
    assert got == want, f"{scheme}: the program counted {got - want} more, explain {want - got} more"
    assert got["owned_plain"] > 20 and got["foreign_plain"] > 20, got


def main(path):
    lab = Lab(path)
    maps = Maps(f"/sys/fs/bpf/esl-explain-{os.getpid()}")
    conf = path / "pinned"
    conf.write_text(f"""member = {SELF};
inside = {{ interface = "in0"; address = "{CLUSTER_IN}"; }};
outside = {{ interface = "out0"; address = "{CLUSTER_OUT}"; address6 = "{CLUSTER6}"; }};
members = ( {{ id = {SELF}; address = "198.18.0.11"; }}, {{ id = {OTHER}; address = "198.18.0.12"; }} );
secret = "{path / "secret"}"; bpffs = "{maps.directory}"; run = "{path / "run"}"; mode = "skb";
""")
    # The counts of a scheme are per CPU.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    do("ip link set lo up")
    for name, last in (("in", 1), ("out", 2)):
        do(f"ip link add {name}0 address 02:00:00:00:01:0{last} type veth peer name {name}p")
        # Nothing may arrive but what is sent here.
        Path(f"/proc/sys/net/ipv6/conf/{name}p/disable_ipv6").write_text("1")
        do(f"ip link set {name}0 up")
        do(f"ip link set {name}p up arp off")
    do("ip addr add 10.1.0.11/24 dev in0")
    try:
        do(f"{ESPALIER} load -c {conf}")
        contains(lab.run("udp", "--dst", FAR, conf=conf), f"the maps in {maps.directory} hold no table yet")
        ask_by_maps(lab, conf, maps)
        ask_in_a_change(lab, conf, maps)
        for dst in (CLUSTER_OUT, CLUSTER6):
            maps.add_sa(dst, 9, 50)
            maps.add_sa(dst, 9, 51)
        wires = {"inside": wire("inp"), "outside": wire("outp")}
        for leader in (0, 1):
            for scheme in SCHEMES[:-1]:
                maps.publish(scheme, leader=leader)
                compare(lab, conf, scheme, wires)
        # A new SA: all its numbers are the leader's.
        for dst in (CLUSTER_OUT, CLUSTER6):
            maps.add_sa(dst, 9, 50, leader_below=(1 << 64) - 1)
        for leader in (0, 1):
            maps.publish(SCHEMES[0], leader=leader, switching=LEADS * leader)
            compare(lab, conf, f"a new SA, leader {leader}", wires)
    finally:
        do(f"{ESPALIER} unload -c {conf}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
