"""The printed numbers of MIA-Pruning: complete, as printed, and with what is odd about them said."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from privprune.errors import UserError
from privprune.published import METRICS, Comparison, PublishedNumber, Tolerance, load, names, read_paper
from privprune.published.number import printed_value

PAPER = load("mia_pruning")

# added up by hand from the paper, column by column
SUMS = {
    ("Table 1", "test_accuracy"): 1436.54,
    ("Table 1", "attack_accuracy"): 1128.798,
    ("Table 2", "test_accuracy"): 339.50,
    ("Table 2", "attack_accuracy"): 247.61,
    ("Table 3", "test_accuracy"): 279.71,
    ("Table 3", "attack_accuracy"): 259.16,
    ("Table 4", "weights"): 43_150_000,
    ("Table 4", "weights_after"): 6_933_800,
    ("Table 4", "weights_ratio"): 56.86,
    ("Table 5", "test_accuracy"): 500.63,
    ("Table 5", "attack_accuracy"): 337.36,
    ("Table 6", "train_accuracy"): 390.92,
    ("Table 6", "test_accuracy"): 362.82,
    ("Table 6", "attack_accuracy"): 236.03,
}


def test_all_rows_of_all_tables_are_there() -> None:
    """Tables 1 to 6 print 18, 4, 4, 6, 6 and 4 rows, 42 together."""
    assert [len(table.rows) for table in PAPER.tables] == [18, 4, 4, 6, 6, 4]
    assert len(PAPER.rows) == 42


def test_all_printed_numbers_are_there() -> None:
    """Two numbers in each row of Tables 1, 2, 3 and 5, three in each of Tables 4 and 6: 94 together."""
    counts = Counter(number.table for number in PAPER.numbers)
    assert list(counts.values()) == [36, 8, 8, 18, 12, 12]
    assert len(PAPER.numbers) == 94


@pytest.mark.parametrize(("table", "metric"), SUMS)
def test_columns_add_up(table: str, metric: str) -> None:
    """Each printed column adds up to what its copy on paper adds up to."""
    values = [number.value for number in PAPER.numbers if (number.table, number.metric) == (table, metric)]
    assert sum(values) == pytest.approx(SUMS[table, metric], rel=1e-12)


def test_every_column_is_checked() -> None:
    """The sums cover every printed column."""
    assert {(number.table, number.metric) for number in PAPER.numbers} == set(SUMS)


@pytest.mark.parametrize(
    ("printed", "value", "decimals"),
    [("99.3", 99.3, 1), ("99.30", 99.3, 2), ("67.628", 67.628, 3), ("60 K", 60000, 0), ("13.83 M", 13.83e6, 2)],
)
def test_print_keeps_its_decimals(printed: str, value: float, decimals: int) -> None:
    """A printed text keeps its decimals and has the value that it says."""
    number = next(one for one in PAPER.numbers if one.printed == printed)
    assert (number.value, number.decimals) == (value, decimals)


@pytest.mark.parametrize("printed", ["", "about 3", "1,000", "3.8K", "12 G", "-1"])
def test_what_is_no_printed_number_is_refused(printed: str) -> None:
    """Only a plain number, thousands or millions are read."""
    with pytest.raises(ValueError, match="allowed a number as printed"):
        printed_value(printed)


def test_every_tolerance_has_a_reason() -> None:
    """Each number has a tolerance, declared with its reason."""
    assert all(number.tolerance.reason and number.tolerance.width(number.value) > 0 for number in PAPER.numbers)


def test_rows_printed_differently_are_flagged() -> None:
    """Where two tables print different numbers for one row, each of these numbers says so."""
    prints: dict[tuple[str, ...], list[PublishedNumber]] = {}
    for number in PAPER.numbers:
        prints.setdefault((number.dataset, number.model, number.method, number.metric), []).append(number)
    differing = [group for group in prints.values() if len({number.value for number in group}) > 1]
    assert [[number.printed for number in group] for group in differing] == [["99.39", "99.30", "99.39"]]
    assert all("print" in " ".join(number.flags) for group in differing for number in group)


def test_ratios_that_do_not_follow_are_flagged() -> None:
    """A printed ratio is flagged where no numbers that round to the printed weights give it, and only there."""
    for row in (row for row in PAPER.rows if "weights_ratio" in row.numbers):
        weights, after, ratio = (
            (printed_value(text), _half_a_digit(text))
            for text in (row.numbers[name] for name in ("weights", "weights_after", "weights_ratio"))
        )
        lowest = (weights[0] - weights[1]) / (after[0] + after[1])
        highest = (weights[0] + weights[1]) / (after[0] - after[1])
        follows = lowest <= ratio[0] + ratio[1] and ratio[0] - ratio[1] <= highest
        assert follows == ("weights_ratio" not in row.flags), row


def _half_a_digit(text: str) -> float:
    digits, _, factor = text.partition(" ")
    return 0.5 * 10 ** -len(digits.partition(".")[2]) * {"": 1, "K": 1e3, "M": 1e6}[factor]


@pytest.mark.parametrize(
    ("tolerance", "published", "measured", "allowed"),
    [
        (Tolerance("attack_accuracy", None, 2.0, None, "r"), 67.0, 65.0, True),
        (Tolerance("attack_accuracy", None, 2.0, None, "r"), 67.0, 69.0, True),
        (Tolerance("attack_accuracy", None, 2.0, None, "r"), 67.0, 64.999, False),
        (Tolerance("attack_accuracy", None, 2.0, None, "r"), 67.41, 100 * 0.6541, True),  # 65.41 but for the last bit
        (Tolerance("weights_ratio", None, None, 0.01, "r"), 10.0, 10.1, True),
        (Tolerance("weights_ratio", None, None, 0.01, "r"), 10.0, 10.11, False),
    ],
)
def test_tolerance_includes_its_edge(tolerance: Tolerance, published: float, measured: float, allowed: bool) -> None:
    """A distance that equals the tolerance is within it, the next larger one is not."""
    assert tolerance.allows(published, measured) is allowed


@pytest.mark.parametrize(("points", "relative"), [(None, None), (1.0, 0.1)])
def test_tolerance_is_of_one_kind(points: float | None, relative: float | None) -> None:
    """A tolerance in points and relative at once, or neither, is refused."""
    with pytest.raises(ValueError, match="exactly one"):
        Tolerance("weights", None, points, relative, "r")


@pytest.mark.parametrize(
    ("holds", "met", "missed"),
    [
        ("at_most", -0.5, -0.499),
        ("below", -0.501, -0.5),
        ("at_least", -0.5, -0.501),
        ("above", -0.499, -0.5),
    ],
)
def test_bounds_are_open_or_closed_as_named(
    holds: Literal["at_most", "below", "at_least", "above"], met: float, missed: float
) -> None:
    """`at_most` and `at_least` are met by the bound itself, `below` and `above` are not."""
    comparison = Comparison("difference", "attack_accuracy", ("mia_pruning",), "baseline", holds, -0.5)
    assert comparison.satisfied_by(met)
    assert not comparison.satisfied_by(missed)


def test_claims_compare_what_the_paper_or_a_referee_has() -> None:
    """The paper's own claims name its defences only; those that name a control are a referee's."""
    for claim in PAPER.claims:
        named = {*claim.each, *(name for comparison in claim.comparisons for name in comparison.names)}
        assert (claim.by == "referee") == bool(named & set(PAPER.controls)), claim.name
        assert all(comparison.metric in METRICS for comparison in claim.comparisons)


def test_unknown_paper_names_those_that_are_there() -> None:
    """A paper without printed numbers is a user's mistake."""
    with pytest.raises(UserError, match=f"found paper 'resnet', allowed .*{names()[0]}"):
        load("resnet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda found: found.pop("claims"), "claims: missing"),
        (lambda found: found["tables"][0]["rows"][0].update(model="AlexNet"), "AlexNet"),
        (lambda found: found["tables"][0]["rows"][0].update(attack=None), "attack: stands where"),
        (lambda found: found["tables"][0]["rows"][0]["numbers"].update(test_accuracy="much"), "found 'much'"),
        (lambda found: found["tables"][0]["rows"][0]["flags"].update(weights="?"), "flags: found weights"),
        (lambda found: found["claims"][0]["comparisons"][0].update(against="prayer"), "found prayer"),
        (lambda found: found["claims"][0]["comparisons"][0].update(against=None), "against: stands everywhere"),
    ],
)
def test_damaged_data_are_refused_with_their_place(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    """A key that is missing or says what cannot be ends with one line that names file and place."""
    source = Path(sys.modules[load.__module__].__file__).with_name("mia_pruning.yaml")
    found = yaml.safe_load(source.read_text(encoding="utf-8"))
    change(found)
    file = tmp_path / "damaged.yaml"
    file.write_text(yaml.safe_dump(found), encoding="utf-8")
    with pytest.raises(UserError, match=message) as refused:
        read_paper(file)
    assert str(refused.value).startswith("damaged.yaml")


def test_verdicts_and_tables_do_not_import_torch() -> None:
    """Verdicts and tables can be made where torch is not installed."""
    code = "import sys, privprune.verdicts, privprune.tables; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path.cwd()).returncode == 0  # noqa: S603
