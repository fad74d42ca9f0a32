"""Where granules stand on the wire, in the words each reader wants, and which rows count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Box", "Place", "Target"]

Box = tuple[float, float, float, float]
"""West, south, east, north, degrees."""


@dataclass(frozen=True, slots=True)
class Place:
    """One object of an anonymous S3 on loopback, or a local file.

    Attributes
    ----------
    endpoint : str
        ``http://127.0.0.1:port``.
    bucket, key : str
        The object.
    path : str
        The local file that is to be read instead; empty for the object.
    """

    endpoint: str
    bucket: str
    key: str
    path: str = ""

    @property
    def url(self) -> str:
        """The local path where there is one, else ``s3://bucket/key``."""
        return self.path or self.s3

    @property
    def s3(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def http(self) -> str:
        """The same object for readers that speak plain HTTP."""
        return f"{self.endpoint}/{self.bucket}/{self.key}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """Arguments of `s3fs.S3FileSystem`, which cryodata takes as well; none for a path."""
        return {} if self.path else {"anon": True, "client_kwargs": {"endpoint_url": self.endpoint}}


@dataclass(frozen=True, slots=True)
class Target:
    """What one read is aimed at.

    Attributes
    ----------
    places : tuple of Place
        The granules, at least one; all at the same endpoint.
    box : Box or None
        Only rows in it or on its edge are wanted; None wants all.
    """

    places: tuple[Place, ...]
    box: Box | None = None

    @property
    def storage_options(self) -> dict[str, Any]:
        """Of all places."""
        return self.places[0].storage_options
