"""What other papers claim: complete, with names that exist, and strictly read."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from locations import ROOT

from privprune.errors import UserError
from privprune.published import load, load_literature, names, read_literature

FILE = ROOT / "privprune" / "published" / "literature.yaml"
CLAIMS = [one for source in load_literature().sources for one in source.claims]


def test_every_source_of_the_question_is_there() -> None:
    """The six papers of the question, and those of the defences that are compared, each with a number of arXiv."""
    found = {source.arxiv for source in load_literature().sources}
    assert {"2202.03335", "2507.16872", "2603.13186", "2304.07234", "2404.17399", "2506.15412"} <= found
    assert all(re.fullmatch(r"\d{4}\.\d{5}", number) for number in found)
    assert all(source.claims and re.search(r"20\d\d$", source.venue) for source in load_literature().sources)


@pytest.mark.parametrize("one", CLAIMS, ids=lambda one: one.claim.name)
def test_claims_name_what_their_paper_declares(one: Any) -> None:
    """Each defence, control and metric is one of the paper beside which the claim is tested, and so is the threat."""
    paper = load(one.beside)
    assert one.threat == paper.threat
    declared = {*paper.defences, *paper.controls}
    assert {name for variant in one.claim.variants for each in variant for name in each.names} <= declared


def test_the_file_is_no_paper() -> None:
    """It lies beside the papers whose numbers are measured again, and is not one of them."""
    assert FILE.exists()
    assert "literature" not in names()


def changed(tmp_path: Path, change: dict[str, Any]) -> Path:
    """Write the first source with one of its keys changed."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    path = tmp_path / "literature.yaml"
    path.write_text(yaml.safe_dump({"sources": [{**content["sources"][0], **change}]}), encoding="utf-8")
    return path


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    """An unknown key, threat or paper, and a name that two claims have, are refused with their place."""
    with pytest.raises(UserError, match=r"literature\.yaml\.sources\[0\]\.year: unknown key"):
        read_literature(changed(tmp_path, {"year": 2022}))
    claims = yaml.safe_load(FILE.read_text(encoding="utf-8"))["sources"][0]["claims"]
    with pytest.raises(UserError, match=r"threat: found 'both', allowed membership, inversion"):
        read_literature(changed(tmp_path, {"claims": [{**claims[0], "threat": "both"}]}))
    with pytest.raises(UserError, match=r"claims\[0\]: beside: found 'mia-pruning', allowed cem, "):
        read_literature(changed(tmp_path, {"claims": [{**claims[0], "beside": "mia-pruning"}]}))
    with pytest.raises(UserError, match="found two claims named pruning_raises_risk, allowed one"):
        read_literature(changed(tmp_path, {"claims": [claims[0], claims[0]]}))


def test_it_is_read_without_torch() -> None:
    """Records are judged without torch, and so is the literature."""
    code = (
        "import sys; from privprune.published import load_literature; load_literature(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 (our own code)
    assert done.stdout.strip() == "False"
