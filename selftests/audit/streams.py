# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A numbered stream as its two ends logged it, and as a capture at its receiver
shows who sent each packet on.  Times are seconds of CLOCK_REALTIME."""

import bisect
import json
import math
from array import array
from collections import namedtuple

import pcap

# What became of the packets that were sent in a span of time; gap: from the first that
# was lost to the last, after: from the span's begin to the last.
Fate = namedtuple("Fate", "sent lost duplicated reordered gap after silence")


def read_log(path):
    """(indexes, times) of what lib/stream.c logged."""
    words = array("q")
    with open(path, "rb") as f:
        words.frombytes(f.read())
    return words[0::2], array("d", (ns / 1e9 for ns in words[1::2]))


class Way:
    """One direction of a stream; name: of its files in the evidence e."""

    def __init__(self, e, name):
        _, self.sent = read_log(e.path(f"{name}.send.log"))
        self.order, self.arrived = read_log(e.path(f"{name}.recv.log"))
        self.copies = bytearray(len(self.sent))
        self.early = bytearray(len(self.sent))
        top = -1
        for index in self.order:
            self.copies[index] = min(self.copies[index] + 1, 255)
            self.early[index] |= index < top
            top = max(top, index)

    def stalls(self, seconds):
        """When the sender itself, which is punctual, did not run for so long: the machine stood still."""
        return [(a, b) for a, b in zip(self.sent, self.sent[1:]) if b - a > seconds]

    def lost(self, begin, end):
        """When the packets were sent that are lost."""
        return [self.sent[i] for i in self.span(begin, end) if not self.copies[i]]

    def twice(self, begin, end):
        """When the packets were sent that came more than once."""
        return [self.sent[i] for i in self.span(begin, end) if self.copies[i] > 1]

    def span(self, begin, end):
        return range(bisect.bisect_left(self.sent, begin), bisect.bisect_left(self.sent, end))

    def fate(self, begin, end):
        span = self.span(begin, end)
        lost = [i for i in span if not self.copies[i]]
        twice = sum(self.copies[i] - 1 for i in span if self.copies[i] > 1)
        times = [begin, *self.arrived[bisect.bisect_left(self.arrived, begin):bisect.bisect_left(self.arrived, end)], end]
        return Fate(len(span), len(lost), twice, sum(self.early[i] for i in span),
                    self.sent[lost[-1]] - self.sent[lost[0]] if lost else 0,
                    self.sent[lost[-1]] - begin if lost else 0,
                    max(b - a for a, b in zip(times, times[1:])))


class Relayed:
    """Which member sent on which packet when: a capture of numbered datagrams to port."""

    def __init__(self, e, capture, device, port=9000):
        self.times, self.by, self.index = [], [], []
        for p in pcap.packets(e.path(capture)):
            if p.protocol != pcap.UDP or int.from_bytes(p.l4[2:4], "big") != port:
                continue
            owner = e.mac_owner[device].get(p.src)
            if owner is None:
                continue
            self.times.append(p.time)
            self.by.append(owner)
            self.index.append(int.from_bytes(p.l4[8:16], "big"))

    def times_of(self, member, begin, end):
        span = range(bisect.bisect_left(self.times, begin), bisect.bisect_left(self.times, end))
        return [self.times[i] for i in span if self.by[i] == member]

    def members(self, begin, end):
        """Those that sent on something."""
        return set(self.by[bisect.bisect_left(self.times, begin):bisect.bisect_left(self.times, end)])


def read_lines(e, name):
    return [json.loads(line) for line in e.text(name).splitlines()]


def quantiles(values):
    """Of seconds, in milliseconds, by nearest rank."""
    v = sorted(values)
    if not v:
        return {}
    return {f"p{p}": round(1e3 * v[math.ceil(p / 100 * len(v)) - 1], 1) for p in (50, 99)} | {
        "max": round(1e3 * v[-1], 1)}
