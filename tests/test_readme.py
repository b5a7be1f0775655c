from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), ROOT / "data" / "README.md"])
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
