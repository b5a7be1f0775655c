"""What stages share that compute: the entry of the suite, the device, the time that the stage took."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import torch

from privprune.annotations import OneOf
from privprune.errors import UserError
from privprune.files import read_json, write_json
from privprune.memory import keep_freed_memory
from privprune.registry import use_plugins
from privprune.settings import at, read
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import DATA, PARAMS, REPORTS, end, name_given, report_mistakes

__all__ = [
    "DATA",
    "PARAMS",
    "REPORTS",
    "as_user_error",
    "device",
    "entry",
    "note_time",
    "report_mistakes",
    "run",
    "streamed",
]

Entry = TypeVar("Entry")
_DIGITS = 16  # of a record's fingerprint in its timing
_READ: list[tuple[str, str, dict[str, Any]]] = []  # section, name and content of each entry that this process has read


def entry(
    kind: type[Entry] | OneOf[Entry] | Mapping[str, type[Entry]], section: str, name: str
) -> tuple[str, Entry, dict[str, Any]]:
    """Read the suite's name and one entry of it, as settings and as written.

    Args:
        kind: the class of the settings; for a section with entries of several kinds, what chooses the class by the key
            `name`, or the class of each kind under the key that only this kind has.
        section: of the suite.
        name: of the entry.

    Raises:
        UserError: the entry is not there, or is none of the kinds.

    """
    suite, where = load_yaml(PARAMS), f"{PARAMS}: {section}.{name}"
    use_plugins(suite.get("plugins", []), f"{PARAMS}: plugins")
    written = at(suite, section, name, file=str(PARAMS))
    if isinstance(kind, Mapping):
        keys = [key for key in kind if key in written]
        if len(keys) != 1:
            raise UserError(f"{where}: found the keys {', '.join(written)}, allowed one of {', '.join(kind)}")
        kind = kind[keys[0]]
    _READ.append((section, name, written))
    return str(suite.get("suite")), read(kind, written, where), written


def check_unchanged() -> None:
    """Check that the entries that the stage has read are still the same in the suite.

    DVC notes the parameters of a stage when it has ended: a stage whose entry was edited while it ran would count as
    run with values that it never read.

    Raises:
        UserError: an entry has changed.

    """
    for section, name, written in _READ:
        current = load_yaml(PARAMS).get(section)
        if not isinstance(current, Mapping) or current.get(name) != written:
            raise UserError(f"{PARAMS}: {section}.{name}: found a change while it ran, run it again")


def device() -> torch.device:
    """Return the suite's `device`; `found` is the GPU where there is one. TF32 is turned off: float32 stays float32.

    Raises:
        UserError: the suite wants a GPU, and there is none.

    """
    wanted, has_gpu = load_yaml(PARAMS).get("device"), torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise UserError(f"{PARAMS}: device: found cuda, allowed cpu or found, as torch finds no GPU here")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda" if has_gpu and wanted != "cpu" else "cpu")


def streamed(suite: str, paper: str, stage: str, cell: str) -> contextlib.AbstractContextManager[None]:
    """Stream the curves of a long stage to the server that MLFLOW_TRACKING_URI names, if it names one.

    The list of such a stage's code leaves out privprune/tracking, as nothing in it can change an output.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not uri:
        return contextlib.nullcontext()
    from privprune.tracking import live  # noqa: PLC0415 (a third of a second, which those who do not stream need not)

    return live.streamed(uri, suite, paper, stage, cell)


@contextlib.contextmanager
def as_user_error(where: str) -> Iterator[None]:
    """Turn a ValueError, by which a method refuses its settings, into a UserError that names the place in the suite."""
    try:
        yield
    except ValueError as refused:
        raise UserError(f"{where}.{refused}") from refused


def run(stage: Callable[[str], Path | tuple[Path, Mapping[str, float]] | None]) -> NoReturn:
    """Run a stage on the name given on the command line, and end the process.

    Where a stage returns the path of its record, its wall-clock time is written beside it, to a file on which no stage
    depends, with other measurements that the stage returns and that differ from run to run.
    """
    keep_freed_memory()
    torch.set_num_threads(1)  # forked workers set their own number; see privprune/workflow/workers.py
    name, began = name_given(), time.monotonic()

    def work() -> Path | tuple[Path, Mapping[str, float]] | None:
        result = stage(name)
        check_unchanged()
        return result

    result = report_mistakes(work)
    if result is not None:
        record, more = result if isinstance(result, tuple) else (result, {})
        note_time(record, time.monotonic() - began, more)
    end()


def note_time(record: Path, seconds: float, more: Mapping[str, float]) -> None:
    """Write how long a stage took to `reports/<suite>/timings/...`, beside its record in `records/`, and more times.

    A timing that was written with the same record stays: a run that reproduces a record leaves git as it was.
    """
    target = Path(*("timings" if part == "records" else part for part in record.parts))
    fingerprint = hashlib.sha256(record.read_bytes()).hexdigest()[:_DIGITS]
    if target.is_file() and read_json(target).get("record") == fingerprint:
        return
    timing = {
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "record": fingerprint,
        **more,
    }
    write_json(target, timing)
