"""A cable between this machine and a server, which can be cut: a network namespace with a proxy in it.

The proxy leads from a TCP port at the far end to the server's socket. A link that is down swallows packets without a
word, as a broken network does; nothing on this side is closed.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

HERE, THERE = "10.213.7.1", "10.213.7.2"

PROXY = """
import asyncio, sys

async def carry(source, sink):
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        sink.close()

async def both(reader, writer):
    far_reader, far_writer = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer))

async def main():
    server = await asyncio.start_server(both, "0.0.0.0", int(sys.argv[1]), reuse_address=True)
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


class Wire:
    """A cable with its proxies, by port."""

    def __init__(self) -> None:
        self.name, self.near, self.far = f"wire{os.getpid()}", f"near{os.getpid()}"[:15], f"far{os.getpid()}"[:15]
        self.proxies: dict[int, tuple[str, subprocess.Popen[str]]] = {}

    def lay(self) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
        _ip("addr", "add", f"{HERE}/30", "dev", self.near)
        _ip("link", "set", self.near, "up")
        self._there("ip", "addr", "add", f"{THERE}/30", "dev", self.far)
        self.mend()

    def lead(self, port: int, path: str) -> None:
        """Let a port at the far end lead to the server's socket at `path`."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", PROXY, str(port), path]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        self.proxies[port] = path, process

    def cut(self) -> None:
        self._there("ip", "link", "set", self.far, "down")

    def mend(self) -> None:
        self._there("ip", "link", "set", self.far, "up")

    def forget(self) -> None:
        """Let the far end lose every connection while nobody can be told: half-open from then on."""
        for port, (path, process) in list(self.proxies.items()):
            end(process)
            self.lead(port, path)

    def take_up(self) -> None:
        for _path, process in self.proxies.values():
            end(process)
        _ip("netns", "del", self.name)

    def _there(self, *command: str) -> None:
        _ip("netns", "exec", self.name, *command)


def end(process: "subprocess.Popen[str]") -> None:
    """Kill a process at once, and close what it was heard by."""
    with process:
        process.kill()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def laid() -> Iterator[Wire]:
    """A cable for as long as the block lasts; where none can be laid the test is left out."""
    wire = Wire()
    try:
        wire.lay()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("cutting a network takes root and the program ip (network namespaces)")
    try:
        yield wire
    finally:
        wire.take_up()
