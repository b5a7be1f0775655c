from __future__ import annotations

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from locations import ROOT

from privprune.datasets.families.photos import PHOTOGRAPHS

PAGES = sorted(
    path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "data" / "README.md"]
)
MADE_BY_STAGES = ("reports/", "data/")


def text(page: Path) -> str:
    """Return a page of the documentation."""
    return (ROOT / page).read_text(encoding="utf-8")


def test_quoted_files_are_the_files() -> None:
    """A code block marked with a file's name holds that file, byte for byte."""
    quoted = re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)```", text(Path("README.md")), flags=re.DOTALL)
    assert len(quoted) == 2
    for path, code in quoted:
        assert code == (ROOT / path).read_text(encoding="utf-8"), path


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link of a page names a file that is there."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text(page)):
        assert (ROOT / page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_named_paths_are_there(page: Path) -> None:
    """A path in backquotes is there, unless a stage makes it or it is an example's."""
    for name in re.findall(r"`((?:privprune|stages|params|tests|docs|benchmarks)/[\w./-]*)`", text(page)):
        assert (ROOT / name).exists() or name.endswith("/mine.py"), name


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
    (code,) = re.findall(r"<!-- example: deploy -->\n```python\n(.*?)```", text(Path("README.md")), flags=re.DOTALL)
    monkeypatch.setitem(sys.modules, "onnxruntime", SimpleNamespace(InferenceSession=Half))
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 (our own page)
    assert capsys.readouterr().out == "cat\n"
    assert len(names["NAMES"]) == len(PHOTOGRAPHS)
    suite = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    assert suite["deploy"]["photos-bottleneck"]["cell"] == "photos-bottleneck"
