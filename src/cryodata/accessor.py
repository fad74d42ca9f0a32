"""``ds.cryo``: what a Dataset knows of the granules it came from."""

from __future__ import annotations

import xarray as xr

from cryodata.errors import ConfigurationError
from cryodata.provenance import Provenance, Skipped
from cryodata.store.receipt import Receipt
from cryodata.together import load_together

__all__ = ["CryoAccessor"]


@xr.register_dataset_accessor("cryo")  # type: ignore[no-untyped-call]  # xarray's
class CryoAccessor:
    """Registered on import; `cryodata.open` imports it."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    @property
    def receipt(self) -> Receipt:
        """Requests, bytes, rounds and seconds spent on the granules so far.

        Counts everything read since they were opened, their structure included, in this
        process. Reads of other processes (dask workers) are not in it.

        Raises
        ------
        ConfigurationError
            If the Dataset does not come from cryodata, or came through an operation
            that drops its encoding.
        """
        return sum((file.receipt for file in self._origin().files), Receipt())

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What ``on_missing="skip"`` left out, each with its error: granules, beams, variables.

        Raises
        ------
        ConfigurationError
            As `receipt`.
        """
        return self._origin().skipped

    def _origin(self) -> Provenance:
        origin = self._dataset.encoding.get("cryodata")
        if not isinstance(origin, Provenance):
            raise ConfigurationError(
                "This Dataset does not know which granules it came from",
                fix="Ask the one that cryodata.open returned: ds.cryo.receipt.",
            )
        return origin

    def load(self) -> xr.Dataset:
        """Load all variables and coordinates, in one plan per granule.

        Returns
        -------
        xarray.Dataset
            The same object, as ``ds.load()`` would return it.
        """
        return load_together(self._dataset)
