"""Draw one paper's figures from its records and its evaluation: `python -m stages.plot PAPER`.

`python -m stages.plot cross` draws the matrix of both threats, `python -m stages.plot own` one's own experiments.
"""

from __future__ import annotations

from privprune import published
from privprune.files import read_json
from privprune.plots import Drawing, draw, draw_cross, draw_own, save_all
from privprune.records import read_records
from privprune.settings import at
from privprune.verdicts import CROSS, OWN, CrossEvaluation, Evaluation
from privprune.yaml_file import load_yaml
from stages.harness.records_stage import PARAMS, REPORTS, run


def main(name: str) -> None:
    """Read the evaluation of a paper and its records, or the matrix, and write the figures as PNG and SVG."""
    suite = str(at(load_yaml(PARAMS), "suite", file=str(PARAMS)))
    of_kind = {CROSS: _of_cross, OWN: _of_own}.get(name)
    save_all(of_kind(suite) if of_kind else _of_paper(suite, name), REPORTS / suite / "figures" / name)


def _of_paper(suite: str, paper: str) -> list[Drawing]:
    path = REPORTS / suite / "evaluations" / f"{paper}.json"
    evaluation = Evaluation.from_json(read_json(path), str(path))
    return draw(read_records(REPORTS / suite / "records" / paper), evaluation, published.load(paper))


def _of_own(suite: str) -> list[Drawing]:
    path = REPORTS / suite / "evaluations" / f"{OWN}.json"
    return draw_own(Evaluation.from_json(read_json(path), str(path)))


def _of_cross(suite: str) -> list[Drawing]:
    path = REPORTS / suite / "evaluations" / f"{CROSS}.json"
    return draw_cross(CrossEvaluation.from_json(read_json(path), str(path)))


if __name__ == "__main__":
    run(main)
