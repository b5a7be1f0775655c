"""The pages of the documentation: what they quote, link to, name and promise is there."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from locations import ROOT
from quoted_files import QUOTE, pages, with_current_quotes

import privprune
from privprune.annotations import keys_of
from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.auditing.menu import INVERSIONS
from privprune.auditing.menu import MEMBERSHIP as MENU
from privprune.auditing.scores_file import NAMES
from privprune.datasets.families.photos import PHOTOGRAPHS
from privprune.defences.registry import DEFENCES
from privprune.models.wire.registry import WIRES
from privprune.pruning.budget import BudgetSettings
from privprune.pruning.registry import PRUNING
from privprune.training.loop import TrainingPlan
from privprune.workflow.context import NetworkSettings
from privprune.workflow.prune import PruneEntry
from privprune.workflow.train import HardenEntry, TrainEntry

PAGES = pages()


def text(page: Path) -> str:
    """Return a page of the documentation."""
    return (ROOT / page).read_text(encoding="utf-8")


def example(page: str, name: str) -> str:
    """Return the code block that a page marks as an example with this name."""
    (code,) = re.findall(rf"<!-- example: {name} -->\n```python\n(.*?)```", text(Path(page)), flags=re.DOTALL)
    return str(code)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_quoted_files_are_the_files(page: Path) -> None:
    """A code block marked with a file's name is that file; `tests/support/quoted_files.py` brings it up to date."""
    assert text(page) == with_current_quotes(text(page))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_marked_quote_is_recognised(page: Path) -> None:
    """No comment that names a file is left out for a slip in its form."""
    assert len(re.findall(r"^<!-- file:", text(page), flags=re.MULTILINE)) == len(QUOTE.findall(text(page)))


def test_quotes_are_replaced_by_the_files() -> None:
    """An out-of-date quote becomes the whole file, or the lines from the first to the last one named."""
    page = "<!-- file: tests/support/locations.py{} -->\n```python\nold\n```\n"
    whole = (ROOT / "tests" / "support" / "locations.py").read_text(encoding="utf-8")
    assert with_current_quotes(page.format("")) == page.format("").replace("old\n", whole)
    part = with_current_quotes(page.format(" from `ROOT` to `SUITES`"))
    assert part.splitlines()[2:-1] == [line for line in whole.splitlines() if line.startswith(("ROOT", "SUITES"))]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link of a page names a file that is there, and a heading that is in it."""
    prose = re.sub(r"^```.*?^```$", "", text(page), flags=re.DOTALL | re.MULTILINE)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", prose):
        file = page.parent / target if target else page
        assert (ROOT / file).exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_named_paths_are_there(page: Path) -> None:
    """A path in backquotes is there."""
    for name in re.findall(r"`((?:privprune|stages|params|tests|docs|benchmarks)/[\w./-]*)`", text(page)):
        assert (ROOT / name).exists() or name == "docs/api/", name


def test_the_readme_is_short_and_names_every_page() -> None:
    """The README stays under 200 lines and links to each page of docs/."""
    readme = text(Path("README.md"))
    assert len(readme.splitlines()) < 200
    assert [page for page in PAGES if page.parts[0] == "docs" and f"]({page})" not in readme] == []


def test_the_glossary_is_sorted() -> None:
    """The glossary lists its words once each, in alphabetical order."""
    rows = re.findall(r"^\| (?!word \|)(.+?) \|", text(Path("docs/glossary.md")), flags=re.MULTILINE)
    words = [re.sub(r"[`(),-]", "", row).lower() for row in rows]
    assert words == sorted(set(words))


def test_suites_explains_every_section() -> None:
    """The table of sections in docs/suites.md has each section of the demo."""
    suite = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    table = text(Path("docs/suites.md")).partition("## Sections")[2].partition("\n## ")[0]
    assert [section for section in suite if f"`{section}`" not in table] == []


@pytest.mark.parametrize(
    "names",
    [
        *(list(one) for one in (DEFENCES, PRUNING, WIRES, MEMBERSHIP_ATTACKS, INVERSION_ATTACKS)),
        *(keys_of(one) for one in (NetworkSettings, TrainEntry, HardenEntry, PruneEntry, TrainingPlan, BudgetSettings)),
    ],
)
def test_suites_explains_every_method_and_key(names: Collection[str]) -> None:
    """Each registered method, and each key of a cell, its networks, training and budget is in docs/suites.md."""
    words = {
        word for code in re.findall(r"`([^`]*)`", text(Path("docs/suites.md"))) for word in re.findall(r"\w+", code)
    }
    assert set(names) - words == set()


class Half:
    """Stands in for a half of a deployed network: takes what `stages/deploy.py` says that it takes, names the cat."""

    def __init__(self, file: str, providers: list[str]) -> None:
        self.name = Path(file).stem
        assert Path(file).parent == Path("data/deployed/photos-bottleneck")
        assert providers == ["CPUExecutionProvider"]

    def run(self, outputs: list[str], given: dict[str, Any]) -> list[Any]:
        ((name, values),) = given.items()
        assert values.dtype == np.float32
        if self.name == "edge":
            assert (name, outputs, values.shape) == ("images", ["features"], (1, 3, 32, 32))
            assert -1 <= values.min() < 0 < values.max() <= 1
            return [np.zeros((1, 8, 8, 8), np.float32)]
        assert (name, outputs, values.shape) == ("features", ["logits"], (1, 8, 8, 8))
        assert values.std() > 0  # the device has added noise
        return [np.eye(len(PHOTOGRAPHS), dtype=np.float32)[[1]]]


def test_the_example_of_deployment_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It feeds each half what that half takes, knows the names of all classes, and is deployed by the demo."""
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Half))
    names: dict[str, Any] = {}
    exec(example("docs/deployment.md", "deploy"), names)  # noqa: S102 (our own page)
    assert capsys.readouterr().out == "cat\n"
    assert len(names["NAMES"]) == len(PHOTOGRAPHS)
    suite = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert suite["deploy"]["photos-bottleneck"]["cell"] == "photos-bottleneck"


def test_the_example_of_the_library_runs() -> None:
    """It trains a network that fits its members, and the attack does better than guessing."""
    names: dict[str, Any] = {}
    exec(example("docs/library.md", "library"), names)  # noqa: S102 (our own page)
    answers = names["outputs"](names["members"])
    assert (answers.logits.argmax(1) == answers.labels).float().mean() > 0.9
    assert names["measured"].metrics["balanced_accuracy"].mean > 0.5


@pytest.mark.slow
def test_the_examples_of_an_audit_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They print a line for each attack, write pages and records, and their attacks find members and images."""
    monkeypatch.chdir(tmp_path)
    random_state = torch.get_rng_state()
    names: dict[str, Any] = {}
    exec(example("docs/audit.md", "audit"), names)  # noqa: S102 (our own page)
    result = names["report"].result
    lines = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line]
    assert set(MENU) <= set(lines)
    assert set(result.not_run) == set()
    assert result.attack(result.strongest).measured.metrics["auc"].low > 0.5
    exec(example("docs/audit.md", "audit_split"), names)  # noqa: S102 (as above)
    torch.set_rng_state(random_state)
    errors = {one.label: one.measures["mse"] for one in names["report"].result.attacks}
    assert errors.keys() == {"mean_image", "lmmse", "decoder", "rmle"}
    assert errors["lmmse"].high < errors["mean_image"].low / 2
    for folder in ("audit", "audit_split"):
        assert {file.name for file in (tmp_path / folder).iterdir()} == {"audit.html", "audit.json"}


def test_the_page_on_audits_lists_what_a_file_has() -> None:
    """Every array of a file of scores, every attack on features and every argument stands in docs/audit.md."""
    page = text(Path("docs/audit.md"))
    arguments = [*inspect.signature(privprune.audit).parameters, "prepare"]
    for name in (*NAMES, *INVERSIONS, "mean_image", *arguments):
        assert f"`{name}`" in page, name
