"""Tracked runs from records: the stages that train, prune, harden and attack."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from glob import escape
from pathlib import Path
from typing import Any

from privprune.errors import UserError
from privprune.files import read_json
from privprune.records import Record, record_path
from privprune.tracking.runs import MetricPoint, TrackedRun, canonical, fingerprint_of, key


def run_of_record(record: Record, reports_folder: Path, data_folder: Path) -> TrackedRun:
    """Return the run of a stage that trained, pruned, hardened or attacked."""
    path = record_path(reports_folder, record.suite, record.paper, record.stage, record.cell)
    # Empty fields are left out, so that a field which a later version adds changes no fingerprint.
    content = {name: value for name, value in asdict(record).items() if value not in ({}, [])}
    place = (record.suite, record.paper, record.stage, record.cell)
    beside = reports_folder / record.suite / "timings" / path.relative_to(path.parents[2])
    timing = read_json(beside) if beside.exists() else {}
    seconds = timing.get("seconds")
    panels = [*path.parent.glob(f"{escape(record.cell)}.*png"), *_panels(record, data_folder)]
    return TrackedRun(
        *place,
        parameters=parameters_of(record),
        points=[*_record_points(record), *([MetricPoint("seconds", seconds)] if seconds is not None else [])],
        tags=_tags(record) | {name: _text(value) for name, value in timing.items() if name != "seconds"},
        data=data_of(record),
        artifacts={path: ""} | dict.fromkeys(sorted(panels), "panels"),
        fingerprint=fingerprint_of(key(*place), canonical(content)),
        seconds=seconds,
        pictures={f"panels/{_file(label)}.png": _decoded(panel, path) for label, panel in record.panels.items()},
    )


def data_of(record: Record) -> tuple[str, str] | None:
    """Return name and fingerprint of the dataset, None for a record without."""
    found = (record.data.get("name", ""), record.data.get("fingerprint", ""))
    return found if all(found) else None


def _panels(record: Record, data_folder: Path) -> Iterable[Path]:
    """Return the pictures that an attack wrote beside its scores; none in a clone without the cache."""
    return (data_folder / "attacks" / record.paper / record.cell).glob("*.png") if record.stage == "attack" else ()


def _decoded(panel: str, record: Path) -> bytes:
    """Return the bytes of a picture that a record contains as base64."""
    try:
        return base64.b64decode(panel, validate=True)
    except ValueError:
        raise UserError(f"{record}: a panel is no picture, run `dvc repro` to make the record again") from None


def _file(label: str) -> str:
    """Return a label as a safe file name."""
    return re.sub(r"[^\w.-]", "_", label).lstrip(".")


def parameters_of(record: Record) -> dict[str, str]:
    """Return the suite's entry, flattened, and the other fields that determine the numbers."""
    given = dict(flat_settings("", record.parameters))
    around = {
        "data": record.data.get("name", ""),
        "model": record.model,
        "protocol": record.protocol,
        "from": record.origin,
        "seeds": record.seeds,
        "shadows": record.shadows,
    }
    return given | {name: _text(value) for name, value in around.items()}


def _tags(record: Record) -> dict[str, str]:
    """Return the fields that describe a run but are no settings: versions, data, device, phases."""
    tags = {f"versions.{package}": version for package, version in record.versions.items()}
    tags |= {f"data_{name}": value for name, value in record.data.items() if value and name != "name"}
    tags["device"] = record.device
    if record.phases:
        tags["phases"] = ", ".join(f"{phase['name']} {phase['epochs']}" for phase in record.phases)
    if record.checks:
        tags["failed_checks"] = "; ".join(failed_checks(record)) or "none"
    return tags


def failed_checks(record: Record) -> Iterator[str]:
    """Return subject and name of each failed check."""
    for subject, checks in record.checks.items():
        yield from (f"{subject}: {one['name']}" for one in checks if not one["passed"])


def check_points(record: Record) -> Iterator[MetricPoint]:
    """Return for each check whether it passed, 1 or 0, and its measured number, where it could be computed."""
    for subject, checks in record.checks.items():
        for one in checks:
            name = f"check/{subject}/{one['name']}"
            yield MetricPoint(name, float(one["passed"]))
            if one["measured"] is not None:
                yield MetricPoint(f"{name}.measured", float(one["measured"]))


def _record_points(record: Record) -> Iterator[MetricPoint]:
    """Return curves and final metrics: `loss` is the mean over seeds, `.low` and `.high` bound it."""
    yield from _curves("", record.history, record.seeds)
    yield from _finals("", record.metrics, record.seeds)
    for attack, result in record.attacks.items():
        yield from _curves(f"{attack}.", result.get("history", {}), record.seeds)
        yield from _finals(f"{attack}/", result.get("metrics", {}), record.seeds)
    yield from check_points(record)
    for step, candidate in enumerate(record.search, start=1):
        for name, value in candidate.items():
            values = _numbers(value)
            if values:
                yield MetricPoint(f"search/{name}", _mean(values), step)


def _curves(prefix: str, history: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> Iterator[MetricPoint]:
    """Return a curve of means over seeds and one curve per seed; history: name -> epochs x seeds."""
    for name, epochs in history.items():
        for step, given in enumerate(epochs, start=1):
            values = _numbers(given)
            if values:
                yield MetricPoint(f"epochs/{prefix}{name}", _mean(values), step)
            for seed, value in _by_seed(given, seeds):
                yield MetricPoint(f"epochs_by_seed/{prefix}{name}.seed_{seed}", value, step)


def _finals(prefix: str, metrics: Mapping[str, Any], seeds: Sequence[int]) -> Iterator[MetricPoint]:
    """Return final values; metrics: name -> one value per seed, or {values, mean, low, high}."""
    for name, given in metrics.items():
        values = given.get("values", []) if isinstance(given, dict) else given
        bounds = {end: given.get(end) for end in ("low", "high")} if isinstance(given, dict) else {}
        numbers = _numbers(given.get("mean", values) if isinstance(given, dict) else given)
        if numbers:
            yield MetricPoint(f"{prefix}{name}", _mean(numbers))
        yield from (MetricPoint(f"{prefix}{name}.{end}", bound) for end, bound in bounds.items() if bound is not None)
        for seed, value in _by_seed(values, seeds):
            yield MetricPoint(f"seeds/{prefix.replace('/', '.')}{name}.seed_{seed}", value)


def flat_settings(prefix: str, content: Any) -> Iterator[tuple[str, str]]:
    """Return the leaves of nested settings as texts, `method.ratio` for {method: {ratio: ...}}."""
    yield from ((name, _text(value)) for name, value in _flat(prefix, content))


def _flat(prefix: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Return the leaves of nested settings, `method.ratio` for {method: {ratio: ...}}; lists stay whole."""
    if not isinstance(content, dict) or (prefix and not content):
        yield prefix, content
        return
    for name, value in content.items():
        yield from _flat(f"{prefix}.{name}" if prefix else str(name), value)


def _text(value: Any) -> str:
    """Return a setting as text: a string unchanged, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _by_seed(values: Any, seeds: Sequence[int]) -> Iterator[tuple[int, float]]:
    """Pair values with their seeds, or with their indices where the number of values is not that of the seeds."""
    if isinstance(values, list):
        names = seeds if len(seeds) == len(values) else range(len(values))
        yield from ((name, value) for name, value in zip(names, values, strict=True) if _numbers(value))


def _numbers(value: Any) -> list[float]:
    """Return the numbers in a value: the value itself, the numbers of a list, or none."""
    if isinstance(value, int | float):
        return [float(value)]
    return [float(part) for part in value if isinstance(part, int | float)] if isinstance(value, list) else []


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
