"""What the papers print, as data: numbers with tolerances, flags and claims.

The numbers are facts, copied as printed; each file cites its paper. No number here was measured by this project. Claims
of other papers, without numbers, are in `literature.yaml`.
"""

import functools
from importlib import resources
from pathlib import Path

from privprune.errors import UserError
from privprune.published.claim import Claim, Comparison
from privprune.published.labels import METHODS, attack_label, method_label, words
from privprune.published.literature import Literature, LiteratureClaim, Source, load_literature, read_literature
from privprune.published.metric import (
    DEPLOYED_VARIANTS,
    DERIVED,
    INVERSION_MEASURES,
    INVERSIONS,
    METRICS,
    OF_THE_NETWORK,
    Metric,
)
from privprune.published.number import NOT_AVAILABLE, PublishedNumber, Tolerance
from privprune.published.paper import OURS, Paper, PrintedRow, PrintedTable, QuotedGain
from privprune.published.papers import LITERATURE, names
from privprune.published.question import Clause, Question
from privprune.settings import read
from privprune.yaml_file import load_yaml

__all__ = [
    "DEPLOYED_VARIANTS",
    "DERIVED",
    "INVERSIONS",
    "INVERSION_MEASURES",
    "LITERATURE",
    "METHODS",
    "METRICS",
    "NOT_AVAILABLE",
    "OF_THE_NETWORK",
    "OURS",
    "Claim",
    "Clause",
    "Comparison",
    "Literature",
    "LiteratureClaim",
    "Metric",
    "Paper",
    "PrintedRow",
    "PrintedTable",
    "PublishedNumber",
    "Question",
    "QuotedGain",
    "Source",
    "Tolerance",
    "attack_label",
    "load",
    "load_literature",
    "method_label",
    "names",
    "read_literature",
    "read_paper",
    "words",
]


@functools.cache
def load(paper: str) -> Paper:
    """Return a paper's printed numbers and claims; the file is read once per process.

    Raises:
        UserError: there is no such paper.

    """
    if paper not in names():
        raise UserError(f"published: found paper {paper!r}, allowed {', '.join(names())}")
    with resources.as_file(resources.files(__package__) / f"{paper}.yaml") as file:
        return read_paper(file)


def read_paper(file: Path) -> Paper:
    """Read printed numbers and claims from one file.

    Raises:
        UserError: the file is missing, or has an unknown or missing key or a wrong value.

    """
    return read(Paper, load_yaml(file), file.name)
