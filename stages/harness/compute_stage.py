"""What the stages share that compute: an entry of the suite, the device, how long it took."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import torch

from privprune.errors import UserError
from privprune.files import write_json
from privprune.settings import at, read
from privprune.tracking import live
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
_READ: list[tuple[str, str, dict[str, Any]]] = []  # section, name and content of what this process has read


def entry(kind: type[Entry] | Mapping[str, type[Entry]], section: str, name: str) -> tuple[str, Entry, dict[str, Any]]:
    """Read the suite's name and one entry of it, as settings and as written.

    Args:
        kind: the settings, or of a section with entries of several kinds, each under the key that only it has.
        section: of the suite.
        name: of the entry.

    Raises:
        UserError: the entry is not there, or is none of the kinds.

    """
    suite, where = load_yaml(PARAMS), f"{PARAMS}: {section}.{name}"
    found = at(suite, section, name, file=str(PARAMS))
    if isinstance(kind, Mapping):
        own = [key for key in kind if key in found]
        if len(own) != 1:
            raise UserError(f"{where}: found the keys {', '.join(found)}, allowed one of {', '.join(kind)}")
        kind = kind[own[0]]
    _READ.append((section, name, found))
    return str(suite.get("suite")), read(kind, found, where), found


def check_unchanged() -> None:
    """Hold that the entries that the stage has read still stand so in the suite.

    DVC notes the parameters of a stage when it has ended: one that was edited meanwhile would be taken for done with
    values that it never saw.

    Raises:
        UserError: an entry is another one now.

    """
    for section, name, found in _READ:
        now = load_yaml(PARAMS).get(section)
        if not isinstance(now, Mapping) or now.get(name) != found:
            raise UserError(f"{PARAMS}: {section}.{name}: found a change while it ran, run it again")


def device() -> torch.device:
    """Take the suite's `device`; `found` is the GPU where there is one. float32 is float32 there: TF32 is off.

    Raises:
        UserError: the suite wants a GPU, and there is none.

    """
    wanted, there = load_yaml(PARAMS).get("device"), torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise UserError(f"{PARAMS}: device: found cuda, allowed cpu or found, as torch finds no GPU here")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


def streamed(suite: str, paper: str, stage: str, cell: str) -> contextlib.AbstractContextManager[None]:
    """Stream the curves of a long stage to the server that MLFLOW_TRACKING_URI names, if it names one.

    The list of such a stage's code leaves privprune/tracking out: nothing in it can change an output.
    """
    return live.streamed(os.environ.get("MLFLOW_TRACKING_URI", ""), suite, paper, stage, cell)


@contextlib.contextmanager
def as_user_error(where: str) -> Iterator[None]:
    """Tell a method's refusal of its settings (a ValueError) as a user's mistake at this place of the suite."""
    try:
        yield
    except ValueError as refused:
        raise UserError(f"{where}.{refused}") from refused


def run(stage: Callable[[str], Path | tuple[Path, Mapping[str, float]] | None]) -> NoReturn:
    """Run a stage on the name given on the command line, and end.

    A stage that returns the path of its record gets its wall-clock time written beside it, in a file that no stage
    depends on, with what else it measured that differs from run to run.
    """
    torch.set_num_threads(1)  # forked workers take their own; see privprune/workflow/workers.py
    name, began = name_given(), time.monotonic()

    def work() -> Path | tuple[Path, Mapping[str, float]] | None:
        made = stage(name)
        check_unchanged()
        return made

    made = report_mistakes(work)
    if made is not None:
        record, more = made if isinstance(made, tuple) else (made, {})
        note_time(record, time.monotonic() - began, more)
    end()


def note_time(record: Path, seconds: float, more: Mapping[str, float]) -> None:
    """Write how long a stage took to `reports/<suite>/timings/...`, beside its record in `records/`, and more times."""
    parts = ["timings" if part == "records" else part for part in record.parts]
    timing = {
        "seconds": round(seconds, 1),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        **more,
    }
    write_json(Path(*parts), timing)
