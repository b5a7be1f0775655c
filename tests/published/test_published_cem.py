"""The printed numbers of CEM: complete, as printed, and with the paper's inconsistencies flagged."""

import math
from collections import Counter

import pytest

from privprune.published import load
from privprune.published.number import printed_value
from privprune.verdicts.gains import all_gains

PAPER = load("cem")
ERRORS = ("Table 1", "Table 2", "Table 3", "Table 8")

# added up from an independent copy of the tables, column by column, average rows included
SUMS = {
    ("Table 1", "test_accuracy"): 1514.56,
    ("Table 1", "decoder_train_mse"): 0.2667,
    ("Table 1", "decoder_infer_mse"): 0.3048,
    ("Table 1", "gan_train_mse"): 0.2814,
    ("Table 1", "gan_infer_mse"): 0.3192,
    ("Table 2", "test_accuracy"): 880.04,
    ("Table 2", "decoder_train_mse"): 0.2956,
    ("Table 2", "decoder_infer_mse"): 0.2898,
    ("Table 2", "gan_train_mse"): 0.2625,
    ("Table 2", "gan_infer_mse"): 0.2672,
    ("Table 3", "test_accuracy"): 1387.83,
    ("Table 3", "decoder_train_mse"): 0.1374,
    ("Table 3", "decoder_infer_mse"): 0.1528,
    ("Table 3", "gan_train_mse"): 0.1533,
    ("Table 3", "gan_infer_mse"): 0.2501,
    ("Table 4", "test_accuracy"): 1422.70,
    ("Table 4", "decoder_infer_ssim"): 10.428,
    ("Table 4", "decoder_infer_psnr"): 289.06,
    ("Table 4", "gan_infer_ssim"): 10.564,
    ("Table 4", "gan_infer_psnr"): 284.55,
    ("Table 5", "test_accuracy"): 1052.53,
    ("Table 5", "decoder_infer_ssim"): 11.855,
    ("Table 5", "decoder_infer_psnr"): 331.67,
    ("Table 5", "gan_infer_ssim"): 13.272,
    ("Table 5", "gan_infer_psnr"): 367.56,
    ("Table 6", "test_accuracy"): 826.58,
    ("Table 6", "decoder_infer_ssim"): 8.522,
    ("Table 6", "decoder_infer_psnr"): 281.08,
    ("Table 6", "gan_infer_ssim"): 8.914,
    ("Table 6", "gan_infer_psnr"): 286.55,
    ("Table 7", "test_accuracy"): 1301.14,
    ("Table 7", "decoder_infer_ssim"): 12.474,
    ("Table 7", "decoder_infer_psnr"): 337.56,
    ("Table 7", "gan_infer_ssim"): 12.286,
    ("Table 7", "gan_infer_psnr"): 329.17,
    ("Table 8", "test_accuracy"): 1052.53,
    ("Table 8", "decoder_train_mse"): 0.2264,
    ("Table 8", "decoder_infer_mse"): 0.2306,
    ("Table 8", "gan_train_mse"): 0.1244,
    ("Table 8", "gan_infer_mse"): 0.1370,
    ("Table 9", "edge_parameters"): 168000,
    ("Table 9", "edge_operations"): 49200000,
    ("Table 9", "edge_milliseconds"): 120.77,
    ("Table 9", "cloud_parameters"): 19560000,
    ("Table 9", "cloud_operations"): 269970000,
    ("Table 9", "cloud_milliseconds"): 345.79,
}


def value(table: str, method: str, metric: str) -> float:
    """Return one printed number."""
    return next(one.value for one in PAPER.numbers if (one.table, one.method, one.metric) == (table, method, metric))


def test_all_rows_and_numbers_are_there() -> None:
    """Tables 1 to 8 print 131 rows of five numbers, Table 9 two of six: 667 numbers."""
    assert [len(table.rows) for table in PAPER.tables] == [17, 17, 17, 16, 16, 16, 16, 16, 2]
    assert list(Counter(number.table for number in PAPER.numbers).values()) == [85, 85, 85, *([80] * 5), 12]
    assert len(PAPER.numbers) == 667


@pytest.mark.parametrize(("table", "metric"), SUMS)
def test_columns_add_up(table: str, metric: str) -> None:
    """Each printed column adds up to what an independent copy of it adds up to."""
    values = [number.value for number in PAPER.numbers if (number.table, number.metric) == (table, metric)]
    assert sum(values) == pytest.approx(SUMS[table, metric], rel=1e-12)


def test_every_column_is_checked() -> None:
    """The sums cover every printed column."""
    assert {(number.table, number.metric) for number in PAPER.numbers} == set(SUMS)


def test_averages_that_do_not_follow_are_flagged() -> None:
    """A printed average is flagged where the rows of its table do not round to it, and only there."""
    for table in PAPER.tables[:8]:
        rows = {row.defence: row for row in table.rows}
        for name, averaged in PAPER.averages.items():
            for metric, printed in rows[name].numbers.items():
                mean = sum(printed_value(rows[one].numbers[metric]) for one in averaged) / len(averaged)
                half = 0.5 * 10 ** -len(printed.partition(".")[2])
                follows = abs(mean - printed_value(printed)) <= half + 1e-9
                assert follows == (metric not in rows[name].flags), (table.name, name, metric)


def test_rows_printed_differently_are_flagged() -> None:
    """The one accuracy that two tables print differently says so in both."""
    prints: dict[tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]] = {}
    for one in PAPER.numbers:
        key = one.dataset, one.model, one.method, one.metric
        prints.setdefault(key, []).append((one.table, one.printed, one.flags))
    differing = {key: found for key, found in prints.items() if len({text for _, text, _ in found}) > 1}
    assert list(differing) == [("TinyImageNet", "ResNet-20", "bottleneck+cem", "test_accuracy")]
    assert all("prints" in " ".join(flags) for found in differing.values() for _, _, flags in found)


def test_psnr_that_does_not_fit_its_error_is_flagged() -> None:
    """A row's PSNR lies near that of its printed error, but for the two that are swapped, which are flagged."""
    pairs = {"Table 4": "Table 1", "Table 5": "Table 8", "Table 6": "Table 2", "Table 7": "Table 3"}
    for table in (one for one in PAPER.tables if one.name in pairs):
        for row in (row for row in table.rows if row.defence not in PAPER.averages):
            for attack in ("decoder_infer", "gan_infer"):
                error = value(pairs[table.name], row.defence, f"{attack}_mse")
                half = 10 * math.log10(1 + 0.00005 / error)
                apart = abs(printed_value(row.numbers[f"{attack}_psnr"]) + 10 * math.log10(error))
                assert (apart > half + 0.4) == (f"{attack}_psnr" in row.flags), (table.name, row.defence)


@pytest.mark.parametrize(
    ("table", "method", "metric", "flag"),
    [
        ("Table 3", "average", "gan_infer_mse", "Must be 0.0088"),
        ("Table 8", "average+cem", "gan_train_mse", "rows average 0.00919"),
        ("Table 8", "average+cem", "gan_infer_mse", "rows average 0.00977"),
        ("Table 5", "noise_arl+cem", "decoder_infer_psnr", "Swapped"),
        ("Table 9", "bottleneck", "cloud_parameters", "whole network"),
        ("Table 9", "bottleneck", "edge_parameters", "OTHERS"),
    ],
)
def test_known_inconsistencies_are_flagged(table: str, method: str, metric: str, flag: str) -> None:
    """What is known to be odd in print is said beside the number."""
    flags = next(one.flags for one in PAPER.numbers if (one.table, one.method, one.metric) == (table, method, metric))
    assert flag in " ".join(flags)


def test_quoted_gains_follow_from_printed_averages_but_for_cifar100() -> None:
    """All but CIFAR-100's are the ratio of the printed averages, mean over both attacks; its rows do not give them."""
    found = [(one.quoted, round(one.from_averages, 1)) for one in all_gains(PAPER, ())]
    assert found == [
        ("24.0", 24.0), ("12.9", 12.9), ("19.4", 19.4), ("17.7", 17.6), ("48.2", 48.2), ("40.1", 40.1),
        ("40.5", 45.9), ("44.8", 39.9),
    ]  # fmt: skip
    assert [round(one.from_rows, 1) for one in all_gains(PAPER, ())][-2:] == [43.1, 36.6]


def test_every_tolerance_has_a_reason() -> None:
    """Each number has a tolerance, declared with its reason."""
    assert all(number.tolerance.reason and number.tolerance.width(number.value) > 0 for number in PAPER.numbers)


def test_claims_name_every_base_defence() -> None:
    """A claim about each defence is tested seven times; an asterisk is left in no variant."""
    claim = next(one for one in PAPER.claims if one.name == "more_error_at_matched_accuracy")
    assert [variant[0].names for variant in claim.variants] == [
        (with_it, base) for base, with_it in zip(*PAPER.averages.values(), strict=True)
    ]
