"""How the methods of PATROL's figures are told apart: by colour and marker, on light and dark, without seeing hues."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from contrast import COLOUR_BLIND, contrast, difference

from privprune.plots.patrol_looks import SMALLER, looks
from privprune.plots.style import DARK, PAPER, Look
from privprune.published import load
from privprune.yaml_file import load_yaml

PATROL = load("patrol")
UNDECLARED = ["delta", "alpha", "charlie", "bravo", "echo", "foxtrot", "golf", "hotel"]
ALL = looks([*PATROL.labels, *UNDECLARED], PATROL)
ROUND = "o8hH"  # markers that look alike where they are small
SUITES = [path for path in sorted(Path("params").glob("*.yaml")) if "patrol" in load_yaml(path)["evaluate"]]


def pairs(found: dict[str, Look]) -> set[tuple[str, str]]:
    """Return the pairs of colour and marker."""
    return {(look.colour, look.marker) for look in found.values()}


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: path.stem)
def test_no_two_methods_of_a_suite_look_alike(suite: Path) -> None:
    """All rows, controls and curves of a suite have different pairs of colour and marker, and their printed names."""
    section = load_yaml(suite)["evaluate"]["patrol"]
    names = [row["defence"] for row in section["rows"]] + [control["control"] for control in section["controls"]]
    found = looks([*names, *(curve["name"] for curve in section["curves"])], PATROL)

    assert len(pairs(found)) == len(found)
    assert {name: look.label for name, look in found.items()} == {name: PATROL.labels[name] for name in found}


def test_methods_without_a_declared_look_take_the_spare_ones_in_order() -> None:
    """None is taken twice or is another method's as long as there are spare ones; then the first comes again."""
    more = looks([*PATROL.labels, *UNDECLARED, "zulu"], PATROL)

    assert len(pairs(ALL)) == len(ALL)
    assert looks(["alpha", "none"], PATROL)["alpha"] == looks(UNDECLARED, PATROL)["alpha"] == ALL["alpha"]
    assert (more["zulu"].colour, more["zulu"].marker) == (more["alpha"].colour, more["alpha"].marker)


@pytest.mark.parametrize("colour", sorted({look.colour for look in ALL.values()}))
def test_colours_stand_out_on_light_and_dark(colour: str) -> None:
    """Each colour has a contrast of 4.5:1 on paper, and its dark counterpart on a dark screen."""
    assert contrast(colour, PAPER) >= 4.5
    assert contrast(DARK[colour], DARK[PAPER]) >= 4.5


@pytest.mark.parametrize("kind", sorted(COLOUR_BLIND))
def test_like_marks_differ_for_colour_blind_readers(kind: str) -> None:
    """Methods of one marker and one filling have colours that the colour-blind see as different, on light and dark."""
    marks = {name: ("o" if look.marker in ROUND else look.marker, name in SMALLER) for name, look in ALL.items()}
    alike = [(ALL[one].colour, ALL[other].colour) for one, other in combinations(PATROL.labels, 2)
             if marks[one] == marks[other]]  # fmt: skip

    assert alike
    assert min(difference(one, other, COLOUR_BLIND[kind]) for one, other in alike) > 10
    assert min(difference(DARK[one], DARK[other], COLOUR_BLIND[kind]) for one, other in alike) > 10
