"""Where a granule stands on the wire, in the words each reader wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """One object of an anonymous S3 on loopback.

    Attributes
    ----------
    endpoint : str
        ``http://127.0.0.1:port``.
    bucket, key : str
        The object.
    """

    endpoint: str
    bucket: str
    key: str

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
        """Arguments of `s3fs.S3FileSystem`, which cryodata takes as well."""
        return {"anon": True, "client_kwargs": {"endpoint_url": self.endpoint}}
