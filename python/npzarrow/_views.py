"""Views of an archive, with the protocol of dictionaries."""

from __future__ import annotations

from collections.abc import ItemsView, ValuesView
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from npzarrow._core import NpzFile


class NpzValues(ValuesView[NDArray[Any]]):
    """The arrays of an archive. One is in the view if its shape and its elements are those of a member."""

    __slots__ = ()
    _mapping: NpzFile

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return self._mapping._arrays()  # noqa: SLF001 - ours

    def __contains__(self, value: object) -> bool:
        return any(_equal(array, value) for array in self)

    def __repr__(self) -> str:
        return f"NpzValues of an archive with {len(self)} entries"


class NpzItems(ItemsView[str, NDArray[Any]]):
    """The names of an archive with their arrays. Only the members that a comparison is about are read."""

    __slots__ = ()
    _mapping: NpzFile

    def __iter__(self) -> Iterator[tuple[str, NDArray[Any]]]:
        return self._mapping._pairs()  # noqa: SLF001 - ours

    def __contains__(self, item: object) -> bool:
        match item:
            case (str() as name, value) if name in self._mapping:
                return _equal(self._mapping[name], value)
        return False

    def __repr__(self) -> str:
        return f"NpzItems of an archive with {len(self)} entries"


def _equal(array: NDArray[Any], value: object) -> bool:
    """Tell whether two arrays have one shape and equal elements."""
    return np.array_equal(array, value)  # type: ignore[arg-type]
