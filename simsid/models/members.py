"""A list of networks of one kind, known to the type checker as such."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from torch import nn

M = TypeVar("M", bound=nn.Module)


class Members(nn.ModuleList, Generic[M]):
    """``nn.ModuleList`` that says of what: its members are of one type."""

    if TYPE_CHECKING:

        @overload
        def __getitem__(self, idx: slice) -> Members[M]: ...

        @overload
        def __getitem__(self, idx: int) -> M: ...

        def __getitem__(self, idx: int | slice) -> M | Members[M]: ...

        def __iter__(self) -> Iterator[M]: ...
