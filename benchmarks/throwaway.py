"""Throw-away pipelines of DVC: many stages that do next to nothing, so that only what surrounds them takes time."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands import Finished, last_line, run

ROOT = Path(__file__).resolve().parent.parent
COMMAND = "echo {name} > {name}.txt"  # of each cell
_PIPELINE = f"""
stages:
  check:
    cmd: echo checked > checked.txt
    deps: [params.yaml]
    outs: [checked.txt]
  cell:
    foreach: ${{cells}}
    do:
      cmd: {COMMAND.format(name="${key}")}
      deps: [checked.txt]
      params: ["cells.${{key}}"]
      outs: ["${{key}}.txt"]
"""


class PipelineError(Exception):
    """A command in a throw-away pipeline failed; its last line says why."""


def make(folder: Path, cells: int, *, done: bool) -> None:
    """Make a pipeline of one stage `check` and, behind it, so many that read a parameter each and write a file.

    Args:
        folder: where; it is made.
        cells: how many stages beside `check`.
        done: leave it as it is after a run, with everything up to date.

    Raises:
        PipelineError: DVC refuses.

    """
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc" / "config").write_text("[core]\n    no_scm = True\n    analytics = false\n")
    names = [f"cell-{number}" for number in range(cells)]
    (folder / "params.yaml").write_text(
        "suite: none\ncells:\n" + "".join(f"  {name}: {{number: {place}}}\n" for place, name in enumerate(names))
    )
    (folder / "dvc.yaml").write_text(_PIPELINE)
    if done:
        for name in ("checked", *names):
            (folder / f"{name}.txt").write_text(f"{name}\n")
        said("commit", "--force", "--quiet", folder=folder)


def said(*arguments: str, folder: Path) -> Finished:
    """Run DVC in a folder.

    Raises:
        PipelineError: it failed.

    """
    return in_folder(["dvc", *arguments], folder)


def in_folder(command: Sequence[str], folder: Path) -> Finished:
    """Run a command in a folder, with the modules of this checkout.

    Raises:
        PipelineError: it failed.

    """
    given = {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    finished = run(command, folder, variables=given)
    if finished.status:
        raise PipelineError(f"{' '.join(command)} failed: {last_line(finished.output)}")
    return finished


def python(*arguments: str) -> list[str]:
    """Return a command that this interpreter runs."""
    return [sys.executable, *arguments]
