"""Records of attacked cells that tests of fairness change: scores on selection records, settings, controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from privprune.records import Record


def selected(records: Sequence[Record], scores: Mapping[str, float], measure: str) -> list[Record]:
    """Return records whose attacks have scores on selection records, the same for every target."""
    return [_changed(record, {label: {"selection": {measure: [score] * 3}} for label, score in scores.items()})
            for record in records]  # fmt: skip


def as_controls(records: Sequence[Record], *labels: str) -> list[Record]:
    """Return records in which some attacks say that they ignore the model."""
    return [_changed(record, {label: {"control": True} for label in labels}) for record in records]


def with_settings(records: Sequence[Record], label: str, settings: Mapping[str, Any]) -> list[Record]:
    """Return records in which one attack was run with further settings."""
    found = []
    for record in records:
        parameters = deepcopy(record.parameters)
        for section in ("methods", "inversions"):
            if label in parameters.get(section, {}):
                parameters[section][label].update(settings)
        found.append(replace(record, parameters=parameters))
    return found


def without_checks(records: Sequence[Record]) -> list[Record]:
    """Return records as they were before checks were recorded."""
    return [replace(record, checks={}) for record in records]


def _changed(record: Record, changes: Mapping[str, Mapping[str, Any]]) -> Record:
    attacks = {label: {**result, **changes.get(label, {})} for label, result in record.attacks.items()}
    return replace(record, attacks=attacks)
