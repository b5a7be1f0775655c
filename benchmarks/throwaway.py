"""Temporary DVC pipelines of many stages that do almost nothing, to measure overhead."""

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
    """A command in a temporary pipeline failed; the message ends with its last line."""


def make(folder: Path, cells: int, *, done: bool) -> None:
    """Create a pipeline of a stage `check` and stages that depend on it, read one parameter each and write a file.

    Args:
        folder: of the pipeline; it is created.
        cells: number of stages besides `check`.
        done: whether everything is up to date, as after a run.

    Raises:
        PipelineError: DVC failed.

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
        run_dvc("commit", "--force", "--quiet", folder=folder)


def run_dvc(*arguments: str, folder: Path) -> Finished:
    """Run DVC in a folder.

    Raises:
        PipelineError: it failed.

    """
    return in_folder(["dvc", *arguments], folder)


def in_folder(command: Sequence[str], folder: Path) -> Finished:
    """Run a command in a folder, with this checkout on Python's path.

    Raises:
        PipelineError: it failed.

    """
    variables = {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    finished = run(command, folder, variables=variables)
    if finished.status:
        raise PipelineError(f"{' '.join(command)} failed: {last_line(finished.output)}")
    return finished


def python(*arguments: str) -> list[str]:
    """Return the command that runs this interpreter with some arguments."""
    return [sys.executable, *arguments]
