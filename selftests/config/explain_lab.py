# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What a row of "explain" works with."""

import json
import os
import subprocess
from pathlib import Path

from explain_model import CLUSTER6, CLUSTER_IN, CLUSTER_OUT, Model, capture

# As for the other scripts here, relative to this directory.
ESPALIER = (Path(__file__).resolve().parent / os.environ.get("BUILD", "../../build") / "espalier").resolve()
DEFAULT = Path("/etc/espalier/espalier.conf")


class Skip(Exception):
    pass


class Lab:
    """A directory with a configuration, a secret and captures."""

    def __init__(self, path):
        self.path = path
        self.secret = bytes(range(64))
        (path / "secret").write_bytes(self.secret)
        (path / "secret").chmod(0o600)
        self.model = Model(self.secret, [0, 1, 2])
        self.conf = self.write_conf("conf")

    def write_conf(self, name, inside="", outside="", more="", secret="secret"):
        text = f"""member = 0;
inside = {{ interface = "in0"; address = "{CLUSTER_IN}"; {inside} }};
outside = {{ interface = "out0"; address = "{CLUSTER_OUT}"; address6 = "{CLUSTER6}"; {outside} }};
members = ( {{ id = 0; address = "198.18.0.11"; }}, {{ id = 1; address = "198.18.0.12"; }},
            {{ id = 2; address = "198.18.0.13"; }} );
secret = "{self.path / secret}"; bpffs = "/sys/fs/bpf/esl-explain-none"; {more}
"""
        (self.path / name).write_text(text)
        return self.path / name

    def run(self, *args, conf=True, status=0):
        """Standard output; the exit status must be as said, with a sentence on failure."""
        if not conf and DEFAULT.exists():
            raise Skip(f"{DEFAULT} exists")
        where = ["-c", str(conf if conf is not True else self.conf)] if conf else []
        p = subprocess.run([ESPALIER, "explain", *where, *map(str, args)], capture_output=True,
                           text=True, timeout=60)
        assert p.returncode == status, f"exit status {p.returncode}: {p.stderr}"
        assert status != 2 or not p.stdout, "output and failure at once"
        assert bool(p.stderr) == bool(status), f"on standard error: {p.stderr!r}"
        return p.stderr if status else p.stdout

    def ask(self, *args, **kw):
        return [json.loads(line) for line in self.run("--json", *args, **kw).splitlines()]

    def one(self, *args, **kw):
        (answer,) = self.ask(*args, **kw)
        return answer

    def pcap(self, frames, **kw):
        path = self.path / "capture"
        path.write_bytes(capture(frames, **kw))
        return path

    def owners(self, frames, *args, **kw):
        return [a["owner"] for a in self.ask("--pcap", self.pcap(frames), *args, **kw)]


def equal(got, want):
    assert got == want, f"{got!r}, expected {want!r}"


def contains(text, *parts):
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


def reasons(answer):
    return [m["reason"] for m in answer["members"]]


def do(command):
    p = subprocess.run(command.split(), capture_output=True, text=True, timeout=60)
    assert not p.returncode, f"{command}: {p.stdout}{p.stderr}"
    return p.stdout
