"""Property of the suite's reader: whatever is written in place of a value, the end is "accepted" or one line.

`PRIVPRUNE_EXAMPLES=10000 uv run pytest -n 0 tests/suite/test_mutated_suites.py` tries more, and others each time.
"""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from locations import ROOT, TINY

from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

ENOUGH = "PRIVPRUNE_EXAMPLES"
EXAMPLES = int(os.environ.get(ENOUGH, "300"))
FILES = [*sorted((ROOT / "params").glob("*.yaml")), *sorted(TINY.parent.glob("*.yaml"))]
CONTENT = {path: load_yaml(path) for path in FILES}
Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Yield the place of each value of a suite, leaves and branches."""
    if above:
        yield above
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*above, key))


PLACES = {path: list(places(content)) for path, content in CONTENT.items()}
NUMBERS = (0, 1, -1, 2, 3, 1000, 10**6, 10**9, 10**12, 2**31, 2**32, 2**63, 2**64, -(2**63), 10**400)
REALS = (0.0, -0.0, 0.5, 1.0, 1e-300, 1e-12, 1e6, 1e19, 1e308, 1e300, float("inf"), float("-inf"), float("nan"))
WORDS = (
    *("", " ", "null", "1e3", "yes", "CON", "-rf", "--help", "a\nb", "a\tb", "\x00", "../../x", "/etc/x", "a" * 300),
    *("models/x", "datasets/x", "models/", "all", "none", "clean", "paper", "adam", "sgd", "é", "\u202e", "{x}", "%s"),
)
LEAVES = st.one_of(
    *(st.sampled_from(NUMBERS), st.sampled_from(REALS), st.sampled_from(WORDS), st.none(), st.booleans()),
    *(st.integers(), st.floats(), st.text(max_size=20), st.dates()),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | LEAVES, inner, max_size=3),
    max_leaves=5,
)


def at(content: Any, place: Place) -> Any:
    """Return the value at a place."""
    for key in place:
        content = content[key]
    return content


def replaced(content: Any, place: Place, change: Any) -> Any:
    """Return a suite with the mapping or list around a place changed; the rest is shared with the original."""
    if len(place) == 1:
        copy = content.copy()
        change(copy, place[0])
        return copy
    copy = content.copy()
    copy[place[0]] = replaced(content[place[0]], place[1:], change)
    return copy


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a suite of the repository with one mutation: another value, one of its own elsewhere, a key less or more."""
    path = draw(st.sampled_from(FILES))
    place = draw(st.sampled_from(PLACES[path]))
    kind = draw(st.sampled_from(("other", "other", "other", "own", "gone", "more", "renamed")))
    content = CONTENT[path]
    value = at(content, draw(st.sampled_from(PLACES[path]))) if kind == "own" else draw(VALUES)

    def change(around: Any, key: str | int) -> None:
        if kind == "gone":
            del around[key]
        elif kind == "more":
            around.insert(0, value) if isinstance(around, list) else around.update({draw(st.text(max_size=9)): value})
        elif kind == "renamed" and isinstance(around, dict):
            around[draw(st.sampled_from(WORDS))] = around.pop(key)
        else:
            around[key] = value

    return dict(replaced(content, place, change))


def check(work: Callable[[], object], where: str) -> None:
    """Do the work: it succeeds, or is refused in one line that begins with the file, in less than two seconds."""
    began, line = time.process_time(), None
    try:
        work()
    except UserError as refused:
        line = str(refused)
    assert time.process_time() - began < 2
    if line is not None:
        assert line.startswith(f"{where}: ")
        assert line.isprintable()
        assert len(line) <= 500


@pytest.fixture(scope="module", autouse=True)
def _networks_built() -> None:
    """Build the networks of all suites once; a mutation then builds those of one entry at most."""
    for content in CONTENT.values():
        check_suite(content, "suite.yaml")


PROFILE = settings(
    max_examples=EXAMPLES,
    derandomize=ENOUGH not in os.environ,
    deadline=None,  # seconds of the clock; those of the processor are measured in `check`
    database=None,
    suppress_health_check=list(HealthCheck),
)


@PROFILE
@given(mutated())
def test_a_mutated_suite_is_accepted_or_refused_in_one_line(content: dict[str, Any]) -> None:
    """No value at any place of any suite in the repository ends in a traceback, a page or a wait."""
    check(lambda: check_suite(content, "suite.yaml"), "suite.yaml")


SCALAR = re.compile(r"(?<=[:,\[{ ] )(?:[\w.+/-]+)(?=[,}\]\n])")
SPOTS = {path: [match.span() for match in SCALAR.finditer(path.read_text())] for path in FILES[:2] + FILES[3:]}
SNIPPETS = (
    *(
        "*network",
        "&x",
        "<<: *x",
        "[",
        "{",
        "}",
        "]",
        "? [a]",
        "!!int x",
        "!!python/name:os.system",
        "2024-13-45",
        "0x_",
    ),
    *(
        "- a",
        "|",
        ">",
        "'",
        '"',
        "%",
        "@",
        "`",
        "#",
        ": ",
        "---",
        "...",
        "~",
        ".nan",
        ".inf",
        "1_0",
        "0o9",
        "\t",
        "\x07",
    ),
)


@settings(PROFILE, max_examples=max(50, EXAMPLES // 5))
@given(data=st.data())
def test_a_mutated_text_is_accepted_or_refused_in_one_line(data: st.DataObject, tmp_path_factory: Any) -> None:
    """The same of what YAML itself stumbles over, through the file."""
    path = data.draw(st.sampled_from(list(SPOTS)))
    start, end = data.draw(st.sampled_from(SPOTS[path]))
    written = data.draw(st.sampled_from(SNIPPETS) | st.text(max_size=10) | LEAVES.map(yaml.safe_dump))
    text = path.read_text()
    file = Path(tmp_path_factory.getbasetemp()) / "suite.yaml"
    file.write_bytes((text[:start] + written + text[end:]).encode("utf-8", "surrogatepass"))
    check(lambda: check_suite(load_yaml(file), str(file)), str(file))
