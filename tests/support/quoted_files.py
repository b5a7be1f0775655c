"""Code that the documentation quotes from files of the repository.

`python tests/support/quoted_files.py` brings all quotes up to date. A quote is a code block below a comment that names
its file: `<!-- file: PATH -->` for the whole file, or with `` from `LINE` to `LINE` `` for a part of it, where each
line is given in full or by its beginning.
"""

from __future__ import annotations

import re
from pathlib import Path

from locations import ROOT

QUOTE = re.compile(
    r"(<!-- file: (?P<path>\S+)(?: from `(?P<first>[^`]+)` to `(?P<last>[^`]+)`)? -->\n```\w+\n).*?(```\n)", re.DOTALL
)


def pages() -> list[Path]:
    """Return all pages of the documentation, relative to the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "data" / "README.md"]
    return sorted(path.relative_to(ROOT) for path in found)


def with_current_quotes(page: str) -> str:
    """Return a page's text with each quote replaced by what its file contains now."""
    return QUOTE.sub(lambda match: f"{match[1]}{_content(match)}{match[5]}", page)


def _content(match: re.Match[str]) -> str:
    text = (ROOT / match["path"]).read_text(encoding="utf-8")
    if match["first"] is None:
        return text
    lines = text.splitlines(keepends=True)
    start = _position(lines, match["first"])
    return "".join(lines[start : start + 1 + _position(lines[start:], match["last"])])


def _position(lines: list[str], wanted: str) -> int:
    """Return where a line stands that is equal to the wanted one, or else one that begins with it."""
    exact = [number for number, line in enumerate(lines) if line.rstrip("\n") == wanted]
    return [*exact, *(number for number, line in enumerate(lines) if line.startswith(wanted))][0]


if __name__ == "__main__":
    for name in pages():
        file = ROOT / name
        file.write_text(with_current_quotes(file.read_text(encoding="utf-8")), encoding="utf-8")
