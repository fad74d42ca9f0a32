"""A folder served as an anonymous S3: the fastest origin, for benchmarks."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from cryodata.sandbox.http import Reply, Request, bare_reply, error_reply

__all__ = ["StaticOrigin"]

PIECE = 1 << 20
"""Bytes read from disk at once."""


class StaticOrigin:
    """Files below `root` by path: GET and HEAD, one range, ETag, If-Match, listing.

    Files are read anew for each request: what is replaced on disk has another ETag in the
    next reply. Links are followed.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).resolve()

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Reply]:
        """Reply as S3 would to an anonymous reader."""
        method = request.method
        query = parse_qs(request.query, keep_blank_values=True)
        if method not in ("GET", "HEAD"):
            yield error_reply(405, "MethodNotAllowed", method=method)
        elif "list-type" in query:
            yield self._listing(request.path.strip("/"), query)
        else:
            path = self._file(request.path)
            if path is None:
                yield error_reply(404, "NoSuchKey", request.path, method=method)
                return
            with path.open("rb", buffering=0) as file:
                yield _object(request, file.fileno())

    def close(self) -> None:
        """Nothing is kept open."""

    def _file(self, path: str) -> Path | None:
        """The file of a request path; None where there is none below the root."""
        # by name only: links inside the folder may lead out of it, dots in a request may not
        file = Path(os.path.normpath(f"{self._root}/{path.lstrip('/')}"))
        return file if file.is_relative_to(self._root) and file.is_file() else None

    def _listing(self, bucket: str, query: dict[str, list[str]]) -> Reply:
        """ListObjectsV2 of one page."""
        prefix = query.get("prefix", [""])[0]
        delimiter = query.get("delimiter", [""])[0]
        folder = self._root / bucket
        contents: list[str] = []
        common: set[str] = set()
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            key = path.relative_to(folder).as_posix()
            if not key.startswith(prefix):
                continue
            head, found, _ = key[len(prefix) :].partition(delimiter or "\0")
            if found:
                common.add(prefix + head + delimiter)
                continue
            stat = path.stat()
            contents.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{stat.st_size}</Size>"
                f"<ETag>{escape(_etag(stat))}</ETag><StorageClass>STANDARD</StorageClass>"
                "<LastModified>2000-01-01T00:00:00.000Z</LastModified></Contents>"
            )
        folders = "".join(
            f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
            for name in sorted(common)
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>"
            f"<KeyCount>{len(contents) + len(common)}</KeyCount><MaxKeys>1000000</MaxKeys>"
            f"<Delimiter>{escape(delimiter)}</Delimiter><IsTruncated>false</IsTruncated>"
            f"{''.join(contents)}{folders}</ListBucketResult>"
        )
        return bare_reply(200, {"Content-Type": "application/xml"}, text.encode())


def _etag(stat: os.stat_result) -> str:
    return f'"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"'


def _negotiate(request: Request, etag: str, size: int) -> tuple[Reply | None, int, int, int]:
    """What to send: a refusal, or (None, status, start, stop), half-open."""
    method, headers = request.method, request.headers
    wanted = [tag.strip() for tag in headers.get("if-match", etag).split(",")]
    if etag not in wanted and "*" not in wanted:
        return error_reply(412, "PreconditionFailed", method=method), 412, 0, 0
    if headers.get("if-none-match") == etag:
        return bare_reply(304, {"ETag": etag}), 304, 0, 0
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
    if asked is None or asked[0] == "bytes=-":  # several ranges: S3 sends the whole object
        return None, 200, 0, size
    first, last = asked[1], asked[2]
    if first and last and int(last) < int(first):
        return None, 200, 0, size
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
    if start >= stop:
        extra = f"Content-Range: bytes */{size}\r\n"
        return error_reply(416, "InvalidRange", method=method, extra=extra), 416, 0, 0
    return None, 206, start, stop


def _object(request: Request, file: int) -> Reply:
    """Reply with an open file."""
    stat = os.fstat(file)
    refusal, status, start, stop = _negotiate(request, _etag(stat), stat.st_size)
    if refusal is not None:
        return refusal
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "ETag": _etag(stat),
        "Last-Modified": formatdate(stat.st_mtime, usegmt=True),
    }
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stat.st_size}"
    body = b"" if request.method == "HEAD" else _pieces(file, start, stop)
    return bare_reply(status, headers, body, length=stop - start)


async def _pieces(file: int, start: int, stop: int) -> AsyncIterator[bytes]:
    """Bytes of an open file, half-open.

    Raises
    ------
    ConnectionAbortedError
        If the file became shorter meanwhile.
    """
    while start < stop:
        piece = os.pread(file, min(PIECE, stop - start), start)
        if not piece:
            raise ConnectionAbortedError("the file became shorter")
        start += len(piece)
        yield piece
