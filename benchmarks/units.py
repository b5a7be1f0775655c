"""Format a measured number and its aim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_unit(value: float, unit: str) -> str:
    """Format a number with its unit, in a precision that suits the unit."""
    if unit == "power":
        return f"n^{value:.2f}"
    if unit in ("MiB", "GFLOP/s"):
        return f"{value:,.0f} {unit}"
    if unit == "%":
        return f"{value:.1f} %"
    return f"{value:.2f} {unit}" if value < 100 else f"{value:.0f} {unit}"


def aimed(row: Mapping[str, Any]) -> str:
    """Format the aim of a row; empty where there is none."""
    if row["aim"] is None:
        return ""
    return f"{'≥' if row['better'] == 'higher' else '≤'} {row['aim']:,g} {row['unit']}"
