"""Draw one paper's figures: `python -m stages.plot PAPER`; it draws what records and evaluation hold, no more."""

from __future__ import annotations

from privprune import published
from privprune.files import read_json
from privprune.plots import draw, save_all
from privprune.records import read_records
from privprune.settings import at, load_yaml
from privprune.verdicts import Evaluation
from stages.reading import PARAMS, REPORTS, run


def main(paper: str) -> None:
    """Read the records and the evaluation of a paper, write its figures as PNG and SVG."""
    suite = REPORTS / str(at(load_yaml(PARAMS), "suite", file=str(PARAMS)))
    path = suite / "evaluations" / f"{paper}.json"
    evaluation = Evaluation.from_json(read_json(path), str(path))
    drawings = draw(read_records(suite / "records" / paper), evaluation, published.load(paper))
    save_all(drawings, suite / "figures" / paper)


if __name__ == "__main__":
    run(main)
