"""The network of a world: loopback, the names that lead there, and certificates for them."""

from __future__ import annotations

import fcntl
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["add_address", "loopback_up", "name_hosts", "remove_address", "trust"]

_SET_FLAGS, _SET_ADDRESS, _SET_MASK = 0x8914, 0x8916, 0x891C  # of Linux's <linux/sockios.h>
_UP = 0x1
_ALIAS = b"lo:0"


def loopback_up() -> None:
    """Switch the loopback interface on; it then has 127.0.0.0/8."""
    _set(_SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))


def add_address(address: str) -> None:
    """Let this machine be at one more address."""
    _set(_SET_ADDRESS, _with_address(address))
    _set(_SET_MASK, _with_address("255.255.255.255"))


def remove_address() -> None:
    """Take the address of `add_address` back."""
    _set(_SET_FLAGS, struct.pack("16sH14x", _ALIAS, 0))


def name_hosts(names: Iterable[str], folder: Path) -> None:
    """Let names lead to this machine, and no other name anywhere."""
    lines = ["127.0.0.1 localhost", *(f"127.0.0.1 {name}" for name in names)]
    for file, text in (("hosts", "\n".join(lines)), ("resolv.conf", "nameserver 127.0.0.1")):
        own = folder / file
        own.write_text(f"{text}\n", "utf-8")
        real = Path("/etc", file)
        if real.exists():
            subprocess.run(["mount", "--bind", own, real.resolve()], check=True)


def trust(names: Iterable[str], folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of all names for a server, and the file by which clients trust it."""
    import trustme

    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    bundle = folder / "authorities.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, bundle


def _with_address(address: str) -> bytes:
    parts = (_ALIAS, socket.AF_INET, socket.inet_aton(address))
    return struct.pack("16sH2x4s8x", *parts)


def _set(what: int, request: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, what, request)
