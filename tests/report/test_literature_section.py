"""The page's section on what other papers say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from example_records import SETTINGS, example_records

from privprune.errors import UserError
from privprune.published import load
from privprune.report import Section, Timings, render
from privprune.report.literature import literature_parts
from privprune.verdicts import Evaluation, evaluate

PAPER = load("mia_pruning")


def evaluation() -> Evaluation:
    """Evaluate the example's records."""
    return evaluate(example_records(), PAPER, SETTINGS, "demo")


def test_the_page_has_one_section_with_one_table() -> None:
    """It is in the contents, and stands once, behind the papers; no paper's own section repeats its table."""
    page = render("demo", [Section(PAPER, evaluation(), example_records(), [])], [], Timings({}))
    assert page.count('<h2 id="literature">What other papers say</h2>') == 1
    assert page.count('<a href="#literature">') == 1
    assert page.count('id="table-literature-literature"') == 1
    assert page.count("arXiv 2404.17399") == 1
    assert page.index('<h2 id="mia_pruning">') < page.index('<h2 id="literature">') < page.index('<h2 id="reading">')


@pytest.mark.parametrize("now", ["hamp_protects_members", None])
def test_no_claim_vanishes_from_the_table(now: str | None) -> None:
    """An evaluation whose claims have other names than the file's, or which lacks one, is refused in one line."""
    found = evaluation()
    kept = [one if one.claim != "hamp_protects" else replace(one, claim=now) for one in found.literature
            if now or one.claim != "hamp_protects"]  # fmt: skip
    differ = f"found the claims {now or 'none'} beyond those of literature.yaml, and lacks hamp_protects"
    with pytest.raises(UserError, match=rf"^evaluations/mia_pruning\.json: literature: {differ}; run `dvc repro`"):
        literature_parts([(PAPER, replace(found, literature=tuple(kept)))])


def test_without_papers_there_is_no_section() -> None:
    """Nothing is claimed about a paper that the suite does not evaluate, such as CEM alone."""
    assert literature_parts([]) == ()
    other = replace(evaluation(), paper="cem", literature=())
    assert literature_parts([(load("cem"), other)]) == ()
