"""A server that answers what a test tells it, and notes all that it is asked in full.

For what the sandbox's Earthdata would never do; it also sees the secrets that the
sandbox's log hides.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

__all__ = ["Answer", "Asked", "Stub", "jwt"]


@dataclass(frozen=True)
class Asked:
    """One request as it came; `client` is the address of the connection."""

    method: str
    path: str
    headers: dict[str, str]
    client: tuple[str, int]


@dataclass(frozen=True)
class Answer:
    """One reply: `wait` seconds before it, then the body in pieces, `drip` seconds between."""

    status: int = 200
    body: bytes | dict[str, Any] = b""
    headers: tuple[tuple[str, str], ...] = ()
    wait: float = 0.0
    drip: float = 0.0
    reset: bool = False

    @property
    def raw(self) -> bytes:
        """The body as it is sent."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Stub:
    """Answers with `answer`, which a test replaces; listens on 127.0.0.1.

    With `tls` it does so by https.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.answer: Callable[[Asked], Answer] = lambda asked: Answer(404)
        self.asked: list[Asked] = []
        self.date: float | None = None
        self._ended = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(stub.date or timestamp)

            def do_GET(self) -> None:
                asked = Asked(self.command, self.path, dict(self.headers), self.client_address)
                stub.asked.append(asked)
                answer = stub.answer(asked)
                stub._ended.wait(answer.wait)
                if answer.reset:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.raw)))
                self.end_headers()
                step = 1 if answer.drip else max(1, len(answer.raw))
                try:
                    for start in range(0, len(answer.raw), step):
                        self.wfile.write(answer.raw[start : start + step])
                        if stub._ended.wait(answer.drip):
                            return
                except OSError:  # the client has had enough
                    self.close_connection = True

            do_POST = do_GET  # noqa: N815 - the base class looks for this name

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """A client that went away is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()

    def secrets_seen(self) -> set[str]:
        """Names of headers that carried a secret."""
        names = {name.lower() for asked in self.asked for name in asked.headers}
        return names & {"authorization", "cookie", "x-amz-security-token", "proxy-authorization"}


def jwt(user: str = "jdoe", life: float = 3600.0, **claims: Any) -> str:
    """A token that nobody signed."""
    said = {"uid": user, "exp": int(time.time() + life), **claims}
    parts = ({"typ": "JWT", "alg": "HS256"}, said)
    packed = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join([*(part.rstrip(b"=").decode() for part in packed), "c2lnbmF0dXJl"])
