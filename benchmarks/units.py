"""How a measured number and its aim are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_unit(value: float, unit: str) -> str:
    """Write a number with the digits that mean something."""
    if unit == "power":
        return f"n^{value:.2f}"
    if unit in ("MiB", "GFLOP/s"):
        return f"{value:,.0f} {unit}"
    if unit == "%":
        return f"{value:.1f} %"
    return f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def aimed(row: Mapping[str, Any]) -> str:
    """Write what was asked for, nothing where nothing was."""
    if row["aim"] is None:
        return ""
    return f"{'≥' if row['better'] == 'higher' else '≤'} {row['aim']:,g} {row['unit']}"
