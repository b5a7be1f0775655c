"""The matrix of both threats: fixed attacks on every cell, per data set, and every mistake in one line."""

import json
from typing import Any

import pytest
from inversion_records import inverted
from verdict_records import cell_records

from privprune.errors import UserError
from privprune.records import Record
from privprune.suite.evaluation import check_section
from privprune.tables import build_cross
from privprune.verdicts import CrossEvaluation, CrossRow, CrossSettings, evaluate_cross

CROSS = CrossSettings(".", ("nasr",), ("decoder_train",), (CrossRow("No defence", "a"), CrossRow("Pruned", "b")))


def both_ways(cell: str, **made: Any) -> list[Record]:
    """Return the records of a cell that was attacked in both ways."""
    inversion = inverted(cell, {"decoder_train": [0.01] * 3, "rmle": [0.02] * 3}, **made)
    return [
        *inversion,
        cell_records(cell, **{"data": "cifar10", **made}, attacks={"nasr": [0.6] * 3, "gap": [0.5] * 3})[1],
    ]


def test_the_matrix_shows_the_fixed_attacks_per_data_set() -> None:
    """One table per data set, one line per cell, the fixed attacks only."""
    evaluation = evaluate_cross([*both_ways("a"), *both_ways("b", data="photos")], CROSS, "test")
    tables = build_cross(evaluation)
    assert [one.name for one in tables] == ["matrix_cifar10", "matrix_photos"]
    (line,) = tables[0].rows
    titles = [column.title for column in tables[0].columns]
    found = dict(zip(titles, (cell.text for cell in line), strict=True))
    assert found["Defence"] == "No defence"
    assert found["Nasr: balanced accuracy (%)"] == "60.00 [59.00, 61.00]"
    assert found["Decoder (train): MSE"] == "0.01000 [0.00990, 0.01010]"
    assert found["Edge parameters"] == "85,256"
    assert not any("Gap" in title or "rMLE" in title for title in titles)
    assert evaluation.summary() == {"cells": {"cifar10": 1, "photos": 1}}
    again = CrossEvaluation.from_json(json.loads(json.dumps(evaluation.to_json(), allow_nan=False)), "cross.json")
    assert again == evaluation


def test_the_matrix_lists_what_is_missing() -> None:
    """A cell without one of the two attacks ends with a line, and so does an attack that was not run."""
    with pytest.raises(UserError, match="no record of attack of b"):
        evaluate_cross([*both_ways("a"), *inverted("b", {"decoder_train": [0.1] * 3})], CROSS, "test")
    other = CrossSettings(".", ("lira",), ("decoder_train",), (CrossRow("No defence", "a"),))
    with pytest.raises(UserError, match=r"rows\[0\]: membership attack 'lira', allowed those run on a: nasr, gap"):
        evaluate_cross(both_ways("a"), other, "test")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reads": "cem"}, "reads: found 'cem'"),
        ({"membership": []}, "membership: found none"),
        ({"rows": [{"defence": "x", "cell": "c"}]}, "cell: found 'c', allowed"),
        ({"rows": [{"defence": "x", "cell": "b"}]}, "cell 'b' has no attack with methods"),
        ({"inversion": ["gan_train"]}, "attack 'gan_train' on a, allowed decoder_train"),
    ],
)
def test_mistakes_in_the_matrix_get_their_line(change: dict[str, Any], message: str) -> None:
    """A matrix of cells or attacks that the suite has not is refused before anything is trained."""
    section = {
        "reads": ".", "membership": ["nasr"], "inversion": ["decoder_train"], "rows": [{"defence": "x", "cell": "a"}],
        **change,
    }  # fmt: skip
    with pytest.raises(UserError, match=message):
        check_section({"cross": section}, ["a", "b"], {"a": ["nasr"]}, {"a": ["decoder_train"]}, "params.yaml")
