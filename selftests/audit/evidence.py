# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a lab left behind, read for a verdict: captures first, counters of the
peer second, never the cluster's own counters for a limit."""

import glob
import ipaddress
import json
import math
import os
import re
from collections import Counter, namedtuple

import pcap

CLUSTER, PEER = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
CLUSTER6 = ipaddress.ip_address("fd00:192::1").packed
BEHIND_PEER = bytes([10, 2, 0, 1])

# Reasons of members and guards that were late.
LATE_DROPS = ("changing", "switching", "deadline", "guard_deadline", "guard_lane", "guard_bound", "guard_old")

Sent = namedtuple("Sent", "total duplicates outside_lane shares")
Udp = namedtuple("Udp", "packets seconds loss_percent")
Stream = namedtuple("Stream", "packets seconds lost loss_percent duplicated reordered")


def percent(counter, members):
    total = sum(counter.values()) or 1
    return {f"m{i}": round(100 * counter[i] / total, 2) for i in members}


class Evidence:
    def __init__(self, out):
        self.out = out
        self.members_ids = sorted(int(re.search(r"m(\d+)\.links", f).group(1))
                                  for f in glob.glob(os.path.join(out, "m*.links.json")))
        self.mac_owner = {"in0": {}, "out0": {}}
        for i in self.members_ids:
            for link in self.json(f"m{i}.links.json"):
                if link["ifname"] in self.mac_owner:
                    self.mac_owner[link["ifname"]][link["address"].replace(":", "")] = i

    def path(self, name):
        return os.path.join(self.out, name)

    def json(self, name):
        with open(self.path(name)) as f:
            return json.load(f)

    def text(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def sent(self, spi=None, lanes=3, block=64, until=math.inf):
        """IPsec of the cluster, or its packets of one SPI, as it arrived at the peer: by the member's own MAC.

        The shares are those of the packets captured up to until, seconds since 1970."""
        seen, shares = Counter(), Counter()
        outside = 0
        for p in pcap.packets(self.path("peer.pcap")):
            number = pcap.ipsec_number(p)
            if p.saddr not in (CLUSTER, CLUSTER6) or number is None or spi not in (None, number[0]):
                continue
            owner = self.mac_owner["out0"].get(p.src)
            seen[number] += 1
            shares[owner] += p.time <= until
            if owner is None or (number[1] - 1) // block % lanes != owner:
                outside += 1
        duplicates = sum(n - 1 for n in seen.values())
        return Sent(sum(seen.values()), duplicates, outside, percent(shares, self.members_ids))

    def ivs(self):
        """(IVs that came twice under one SPI, salts by member): of the cluster's ESP with an IV of 8 bytes."""
        seen, salts = Counter(), {}
        for p in pcap.packets(self.path("peer.pcap")):
            iv, number = pcap.ipsec_iv(p), pcap.ipsec_number(p)
            if p.saddr not in (CLUSTER, CLUSTER6) or iv is None:
                continue
            seen[iv] += 1
            salt = int.from_bytes(iv[1], "big") ^ number[1]
            salts.setdefault(f"m{self.mac_owner['out0'].get(p.src)}", set()).add(f"{salt:016x}")
        return sum(n - 1 for n in seen.values()), {m: sorted(s) for m, s in sorted(salts.items())}

    def audits(self):
        """What each member says of the IVs of its outbound SAs."""
        return {f"m{i}": sorted({sa.get("iv_audit") for sa in self.json(f"m{i}.status.json")["agent"]["sas"]
                                 if sa["direction"] == "out" and sa["in_kernel"]}) for i in self.members_ids}

    def delivered_shares(self, source=BEHIND_PEER, until=math.inf):
        """Who decrypted what reached the client up to until: UDP and ICMP, which no offload merges."""
        shares = Counter()
        for p in pcap.packets(self.path("client.pcap")):
            if p.saddr == source and p.protocol in (pcap.UDP, pcap.ICMP, pcap.ICMP6) and not p.offset and p.time <= until:
                shares[self.mac_owner["in0"].get(p.src)] += 1
        return percent(shares, self.members_ids)

    def xfrm_stat(self, who, *names):
        stat = dict(line.split() for line in self.text(f"{who}.xfrm_stat").splitlines())
        return sum(int(stat[n]) for n in names)

    def peer_sa(self, field):
        """Sum of an SA statistic of the peer: replay-window, replay or failed."""
        return sum(int(n) for n in re.findall(rf"\b{field} (\d+)", self.sa_stats()))

    def sa_stats(self):
        return "\n".join(re.findall(r"stats:\s*\n(.*)", self.text("peer.sas")))

    def icv_failures(self):
        """With ESN a number behind the window shows up here too: KERNEL-FACTS."""
        return max(self.xfrm_stat("peer", "XfrmInStateProtoError"), self.peer_sa("failed"))

    def no_policy(self):
        """What the peer decrypted and no policy of its allows, as a probe that left would be."""
        return self.xfrm_stat("peer", "XfrmInNoPols", "XfrmInTmplMismatch", "XfrmInPolBlock")

    def replay_drops(self):
        return max(self.xfrm_stat("peer", "XfrmInStateSeqError"), self.peer_sa("replay-window") + self.peer_sa("replay"))

    def capture_drops(self):
        logs = glob.glob(self.path("*.pcap.log"))
        return sum(int(n) for f in logs for n in re.findall(r"(\d+) packets dropped by kernel", self.text(f)))

    def udp(self, name):
        end = self.json(name)["end"]["sum"]
        return Udp(end["packets"], round(end["seconds"], 1), round(end["lost_percent"], 4))

    def stream(self, name):
        """Both ends of a stream: one file, or NAME.send and NAME.recv."""
        s = self.json(name) if os.path.exists(self.path(name)) else {
            **self.json(f"{name}.send"), **self.json(f"{name}.recv")}
        lost = s["packets"] - s["received"]
        return Stream(s["packets"], s["seconds"], lost, round(100 * lost / s["packets"], 4), s["duplicated"],
                      s["reordered"])

    def tcp_mbit(self, name):
        return round(self.json(name)["end"]["sum_received"]["bits_per_second"] / 1e6, 1)

    def ping_lost(self, name):
        sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", self.text(name)).groups()
        return int(sent) - int(received)

    def ping_answered(self, name):
        return int(re.search(r"(\d+) received", self.text(name)).group(1))

    def counts(self, who, name="status"):
        """What a member counted, by reason: from its status, or from the counts called name."""
        counts = self.json(f"{who}.status.json")["counts"] if name == "status" else self.json(f"{name}.{who}.json")
        return Counter({reason: n["packets"] for reason, n in counts.items()})

    def cable_drops(self, who):
        """Frames that the lab's own cables lost for a member, in or out: a queue was
        full because somebody was scheduled late. No fault of the cluster."""
        drops = {link["ifname"]: link["stats64"]["tx"]["dropped"]
                 for name in (who, "sw") for link in self.json(f"{name}.links.json")
                 if name == who or link["ifname"].startswith(f"{who}-")}
        return sum(drops.values())

    def accounted(self):
        """What was dropped for a reason that leaves no packet to deliver: by the lab's
        cables, by a guard whose agent woke late, by a member that held still."""
        drops = Counter({"cables": sum(self.cable_drops(f"m{i}") for i in self.members_ids)})
        for i in self.members_ids if os.path.exists(self.path("m0.status.json")) else []:
            counts = self.counts(f"m{i}")
            drops.update({reason: counts[reason] for reason in LATE_DROPS if counts[reason]})
        return drops

    def members(self):
        """The members' own view: told, not judged."""
        for i in self.members_ids:
            yield f"m{i}_counts", dict(+self.counts(f"m{i}"))
            agent = self.json(f"m{i}.status.json").get("agent") or {}
            yield f"m{i}_lapses", agent.get("lapses")
            for sa in agent.get("sas", []):
                if sa["direction"] == "out":
                    yield f"m{i}_jumps", {k: sa[k] for k in ("jumps", "late_jumps", "jump_us_max", "round")}


class Verdict:
    """Collects figures and checks; prints a line each and the JSON at the end."""

    def __init__(self, scenario):
        self.report = {"scenario": scenario, "passed": True}
        self.failures = []

    def figure(self, name, value):
        self.report[name] = value
        print(f"  {name}: {value}")

    def check(self, good, text):
        if not good:
            self.failures.append(text)
            print(f"  FAILED: {text}")

    def limit(self, name, value, most):
        self.figure(name, value)
        self.check(value <= most, f"{name} is {value}, at most {most} allowed")

    def shares(self, name, shares, low, high):
        self.figure(name, shares)
        for who, share in shares.items():
            self.check(low <= share <= high, f"{name} of {who} is {share} %, {low} to {high} allowed")

    def end(self):
        self.report["passed"] = not self.failures
        if self.failures:
            self.report["failures"] = self.failures
        print(json.dumps(self.report))
        return 0 if self.report["passed"] else 1
