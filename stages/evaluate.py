"""Hold one paper's records against its printed numbers and claims: `python -m stages.evaluate PAPER`.

Reads records and nothing else, so that every table can be made again from a clone, without cache, GPU or training.
"""

from __future__ import annotations

from privprune import published
from privprune.files import write_json, write_text
from privprune.records import read_records
from privprune.settings import at, load_yaml, read
from privprune.tables import build, verdicts_csv, write
from privprune.verdicts import EvaluateSettings, evaluate
from stages.reading import PARAMS, REPORTS, run


def main(paper: str) -> None:
    """Read `evaluate.<paper>` and the records, write evaluation, tables, verdicts and metrics of the paper."""
    content = load_yaml(PARAMS)
    suite = str(at(content, "suite", file=str(PARAMS)))
    found = at(content, "evaluate", paper, file=str(PARAMS))
    settings = read(EvaluateSettings, found, f"{PARAMS}: evaluate.{paper}")
    printed = published.load(paper)
    evaluation = evaluate(read_records(REPORTS / suite / "records" / paper), printed, settings, suite)
    folder = REPORTS / suite
    write(build(evaluation, printed), f"{printed.short}: {suite} suite", folder / "tables" / paper)
    write_json(folder / "evaluations" / f"{paper}.json", evaluation.to_json())
    write_json(folder / "metrics" / f"{paper}.json", evaluation.summary())
    write_text(folder / "verdicts" / f"{paper}.csv", verdicts_csv([evaluation]))


if __name__ == "__main__":
    run(main)
