"""Shares as people read them: a blank before the sign, the same digits for the same kind."""

from __future__ import annotations


def in_percent(share: float, digits: int | None = None) -> str:
    """A share as '5 %' or '0.5 %'.

    Args:
        digits: behind the point; None: three digits that count, as stated rates have.
    """
    return f"{100 * share:.{'3g' if digits is None else f'{digits}f'}} %"


def range_in_percent(low: float, high: float, digits: int = 0) -> str:
    """An interval as '0 to 4 %'."""
    return f"{100 * low:.{digits}f} to {in_percent(high, digits)}"


def of_all(count: int, total: int) -> str:
    """'1 of 40 (2.5 %)': one decimal below ten percent, so that few films of many are told apart."""
    share = count / total if total else 0.0
    return f"{count} of {total} ({in_percent(share, 1 if 0 < share < 0.1 else 0)})"
