"""``ds.cryo``: what a Dataset knows of the granule it came from."""

from __future__ import annotations

import xarray as xr

from cryodata.errors import ConfigurationError
from cryodata.granule import GranuleFile
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
        """Requests, bytes, rounds and seconds spent on the granule so far.

        Counts everything read since the granule was opened, its structure included, in
        this process. Reads of other processes (dask workers) are not in it.

        Raises
        ------
        ConfigurationError
            If the Dataset does not come from cryodata, or came through an operation
            that drops its encoding.
        """
        file = self._dataset.encoding.get("cryodata")
        if not isinstance(file, GranuleFile):
            raise ConfigurationError(
                "This Dataset does not know which granule it came from",
                fix="Ask the one that cryodata.open returned: ds.cryo.receipt.",
            )
        return file.receipt

    def load(self) -> xr.Dataset:
        """Load all variables and coordinates, in one plan per granule.

        Returns
        -------
        xarray.Dataset
            The same object, as ``ds.load()`` would return it.
        """
        return load_together(self._dataset)
