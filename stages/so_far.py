"""Write tables, figures and page of what has been run so far: `python -m stages.so_far`.

`evaluate` refuses a suite of which records are missing, so that no row disappears by a mistake of spelling. A suite
that takes a night can be read in between all the same: this command leaves out the rows whose cells have no records
yet, which the page then calls `not run`. It writes where the stages write; DVC makes these files anew in the end.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from privprune import published
from privprune.errors import UserError
from privprune.files import write_text
from privprune.records import read_records
from privprune.settings import at, read
from privprune.verdicts import CROSS, OWN, EvaluateSettings, so_far
from privprune.yaml_file import load_yaml
from stages import evaluate, plot, report
from stages.harness.records_stage import PARAMS, REPORTS, end, report_mistakes


def main() -> None:
    """Evaluate, plot and report the papers of which there are records.

    Raises:
        UserError: there are no records of any paper, or `params.yaml` has a mistake.

    """
    content = load_yaml(PARAMS)
    suite = str(at(content, "suite", file=str(PARAMS)))
    sections = {name: entry for name, entry in _sections(content, suite).items() if entry["rows"] or entry["controls"]}
    if not sections:
        raise UserError(f"{REPORTS / suite / 'records'}: found no cell that {PARAMS} evaluates, run `dvc repro` first")
    with tempfile.TemporaryDirectory() as folder:
        for name in (REPORTS.name, "data"):
            (Path(folder) / name).symlink_to(Path(name).resolve())
        write_text(Path(folder) / PARAMS, json.dumps({**content, "evaluate": sections}))  # JSON is YAML
        os.chdir(folder)
        for name in sections:
            evaluate.main(name)
            plot.main(name)
        report.main(suite)


def _sections(content: Mapping[str, Any], suite: str) -> dict[str, dict[str, Any]]:
    """Return paper -> its section, as far as there are records; sections that are about no paper are left out."""
    found = {}
    for name, entry in at(content, "evaluate", file=str(PARAMS)).items():
        folder = REPORTS / suite / "records" / name
        if name in (CROSS, OWN) or not folder.is_dir():
            continue
        settings = read(EvaluateSettings, entry, f"{PARAMS}: evaluate.{name}")
        left = so_far(settings, read_records(folder), published.load(name).threat)
        print(f"{name}: {len(left.cells)} of {len(settings.cells)} cells")
        found[name] = asdict(left)
    return found


if __name__ == "__main__":
    report_mistakes(main)
    end()
