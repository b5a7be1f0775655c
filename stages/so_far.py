"""Write tables, figures and page of what has been run so far: `python -m stages.so_far`.

`evaluate` refuses a suite of which records are missing, so that no row disappears by a mistake of spelling. A suite
that takes a night can be read in between all the same: this command leaves out the rows whose cells have no records
yet, which the page then calls `not run`. It writes where the stages write; DVC makes these files anew in the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privprune import published
from privprune.errors import UserError
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
    found = _with_records(content, suite)
    if not found:
        raise UserError(f"{REPORTS / suite / 'records'}: found no cell that {PARAMS} evaluates, run `dvc repro` first")
    for paper, settings in found.items():
        evaluate.evaluate_paper(paper, suite, settings)
        plot.main(paper)
    report.report_on(suite, list(found))


def _with_records(content: Mapping[str, Any], suite: str) -> dict[str, EvaluateSettings]:
    """Return paper -> its settings as far as there are records, without papers of which there are none."""
    found = {}
    for name, entry in at(content, "evaluate", file=str(PARAMS)).items():
        folder = REPORTS / suite / "records" / name
        if name in (CROSS, OWN) or not folder.is_dir():
            continue
        settings = read(EvaluateSettings, entry, f"{PARAMS}: evaluate.{name}")
        left = so_far(settings, read_records(folder), published.load(name).threat)
        print(f"{name}: {len(left.cells)} of {len(settings.cells)} cells")
        if left.cells:
            found[name] = left
    return found


if __name__ == "__main__":
    report_mistakes(main)
    end()
