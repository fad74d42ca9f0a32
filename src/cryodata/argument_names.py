"""What people who come from other libraries call the arguments of this one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from cryodata.errors import close_names

__all__ = ["tells_names"]

P = ParamSpec("P")
T = TypeVar("T")

_BY_PLACE = inspect.Parameter.POSITIONAL_OR_KEYWORD

_OURS: Mapping[str, str] = MappingProxyType(
    {
        other: ours
        for ours, others in {
            "region": "bbox bounding_box spatial_extent polygon aoi geometry extent box",
            "time": "temporal date_range dates date times datetime",
            "variables": "var_list vars variable columns keep data_vars",
            "beams": "beam gt spots",
            "where": "filter query condition",
            "cycle": "cycles",
            "rgt": "rgts tracks",
            "product": "short_name dataset",
            "limit": "count max_results",
            "name": "granule_name granule_ur",
        }.items()
        for other in others.split()
    }
)
"""Of icepyx, earthaccess, SlideRule, h5coro, xarray and pyarrow."""


def tells_names(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, whose complaint of an argument that it does not have says which was meant.

    Raises
    ------
    TypeError
        There is no such argument, as without this.
    """
    parameters = inspect.signature(function).parameters
    known = list(parameters)
    placed = [name for name in known if parameters[name].kind is _BY_PLACE]

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        for name in kwargs:
            if name not in known:
                raise TypeError(_said(_title(function), name, known))
        if len(args) > len(placed):
            named = ", ".join(f"{name}=" for name in known[len(placed) :][:3])
            raise TypeError(
                f"{_title(function)}() takes only {placed[-1]} by place; name the others: {named}"
            )
        return function(*args, **kwargs)

    return checked


def _title(function: Callable[..., object]) -> str:
    return function.__qualname__.removesuffix(".__init__")


def _said(function: str, name: str, known: Sequence[str]) -> str:
    ours = _OURS.get(name.lower(), "")
    meant = f"Did you mean {ours}=?" if ours in known else close_names(name, known)
    return f"{function}() has no argument {name}=. {meant}"
