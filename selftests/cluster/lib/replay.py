#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""replay.py CAPTURE DEVICE MAC...: re-send every frame of a capture from DEVICE
to each of the MACs, from this device's own MAC. Prints how many were sent."""

import os
import socket
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../audit"))
import pcap  # noqa: E402


def main():
    capture, device, macs = sys.argv[1], sys.argv[2], sys.argv[3:]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((device, 0))
    own = s.getsockname()[4]
    sent = 0
    for _, frame in pcap.frames(capture):
        for mac in macs:
            s.send(bytes.fromhex(mac.replace(":", "")) + own + frame[12:])
            sent += 1
    print(sent)


if __name__ == "__main__":
    main()
