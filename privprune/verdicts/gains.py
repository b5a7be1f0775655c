"""Average gains: how much larger an error is with an addition to a defence, as quoted, as printed and as measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum

from privprune.published import METRICS, Paper, QuotedGain
from privprune.published.number import printed_value
from privprune.verdicts.comparison_groups import ComparisonGroup, ComparisonPlace
from privprune.verdicts.statistics import Estimate, Limits, combine, estimate_of

_Columns = Sequence[tuple[Sequence[float], Sequence[float]]]  # per attack, the errors without and with the addition

_DECODER = "decoder"  # how the labels of the paper's decoder attack begin


@dataclass(frozen=True)
class Gain:
    """One quoted gain beside the ways to compute it; all in percent.

    Attributes:
        dataset: the data set, as printed.
        attacker: the data that the attack was trained on.
        quoted: the text as printed; empty for a gain of the decoder alone, which the paper does not quote.
        attacks: the attacks whose gains are averaged.
        from_averages: computed as the paper does: ratio of the two printed average rows, mean over the attacks.
        from_rows: the same, with averages computed from the printed rows.
        of_rows: mean of the gains of the single printed rows, in which a large error counts no more than a small one.
        place: the data and networks measured; None if nothing was measured.
        measured: as `from_rows`, from the measured rows, over seeds; None if nothing was measured.
        measured_of_rows: as `of_rows`, from the measured rows.
        pairs: how many defences were measured with and without the addition.
        all_pairs: how many the paper averages.
        note: what is unusual about the quoted gain; empty for nothing.

    """

    dataset: str
    attacker: str
    quoted: str
    attacks: tuple[str, ...]
    from_averages: float
    from_rows: float
    of_rows: float
    place: ComparisonPlace | None
    measured: Estimate | None
    measured_of_rows: Estimate | None
    pairs: int
    all_pairs: int
    note: str


def all_gains(paper: Paper, groups: Sequence[ComparisonGroup]) -> tuple[Gain, ...]:
    """Compute every quoted gain, once for each place where at least one pair was measured, else without measurement.

    Where more pairs were attacked with the decoder than with all attacks of the quoted gain, the gain of the decoder
    alone follows.
    """
    gains = []
    for quoted in paper.gains:
        there = [group for group in groups if group.place.dataset == quoted.dataset]
        measured = [group for group in there if _pairs(group, quoted, paper)]
        gains += [_gain(quoted, paper, group) for group in measured] or [_gain(quoted, paper, None)]
        alone = _decoder_alone(quoted)
        gains += [
            _gain(alone, paper, group)
            for group in there
            if len(_pairs(group, alone, paper)) > len(_pairs(group, quoted, paper))
        ]
    return tuple(gains)


def _decoder_alone(quoted: QuotedGain) -> QuotedGain:
    """Return a gain without the GAN, which trains for long and is missing in small suites."""
    decoders = tuple(metric for metric in quoted.metrics if METRICS[metric].attack.startswith(_DECODER))
    return replace(quoted, metrics=decoders, quoted="", note="The decoder alone: the paper quotes no such gain")


def ratio_of_averages(columns: _Columns) -> float:
    """Return the gain in percent: per attack the ratio of the sums with and without, then the mean over the attacks."""
    ratios = [fsum(with_it) / fsum(without) for without, with_it in columns]
    return 100 * (fsum(ratios) / len(ratios) - 1)


def mean_of_ratios(columns: _Columns) -> float:
    """Return the mean gain in percent of all rows and attacks."""
    ratios = [after / before for pair in columns for before, after in zip(*pair, strict=True)]
    return 100 * (fsum(ratios) / len(ratios) - 1)


def _gain(quoted: QuotedGain, paper: Paper, group: ComparisonGroup | None) -> Gain:
    averages, rows = tuple(paper.averages), tuple(zip(*paper.averages.values(), strict=True))
    without, with_it = averages
    in_averages = [
        ([_printed(paper, quoted, without, metric)], [_printed(paper, quoted, with_it, metric)])
        for metric in quoted.metrics
    ]
    in_rows = [
        (
            [_printed(paper, quoted, base, metric) for base, _ in rows],
            [_printed(paper, quoted, more, metric) for _, more in rows],
        )
        for metric in quoted.metrics
    ]
    pairs = _pairs(group, quoted, paper) if group else []
    errors = _errors(group, pairs, _columns(quoted, paper)) if group else []
    return Gain(
        dataset=quoted.dataset,
        attacker=quoted.attacker,
        quoted=quoted.quoted,
        attacks=tuple(METRICS[metric].attack for metric in quoted.metrics),
        from_averages=ratio_of_averages(in_averages),
        from_rows=ratio_of_averages(in_rows),
        of_rows=mean_of_ratios(in_rows),
        place=group.place if group else None,
        measured=_over_seeds(errors, len(pairs), ratio_of_averages),
        measured_of_rows=_over_seeds(errors, len(pairs), mean_of_ratios),
        pairs=len(pairs),
        all_pairs=len(rows),
        note=quoted.note,
    )


def _printed(paper: Paper, quoted: QuotedGain, method: str, metric: str) -> float:
    text = next(
        one.printed
        for one in paper.numbers
        if (one.dataset, one.method, one.metric) == (quoted.dataset, method, metric)
    )
    return printed_value(quoted.read_as.get(text, text))


def _pairs(group: ComparisonGroup, quoted: QuotedGain, paper: Paper) -> list[tuple[str, str]]:
    """Return the defences that were measured with and without the addition, under all attacks of the gain."""
    return [
        pair
        for pair in zip(*paper.averages.values(), strict=True)
        if all(group.lookup(name, metric) for name in pair for metric in _columns(quoted, paper))
    ]


def _columns(quoted: QuotedGain, paper: Paper) -> list[str]:
    """Return the measured metrics that the printed ones are compared with."""
    return [paper.measured_as(metric) for metric in quoted.metrics]


def _errors(
    group: ComparisonGroup, pairs: Sequence[tuple[str, str]], metrics: Sequence[str]
) -> list[Mapping[int, float]]:
    """Return the errors per seed: for each attack those of all pairs without the addition, then those with it."""
    return [group.lookup(pair[side], metric) or {} for metric in metrics for side in (0, 1) for pair in pairs]


def _over_seeds(
    errors: Sequence[Mapping[int, float]], pairs: int, gain: Callable[[_Columns], float]
) -> Estimate | None:
    """Compute a gain seed by seed from what `_errors` returned; None where no seed is common to all cells."""

    def of_row(row: Sequence[float]) -> float:
        sides = [row[start : start + pairs] for start in range(0, len(row), pairs)]
        return gain(list(zip(sides[0::2], sides[1::2], strict=True)))

    gains = combine(errors, of_row)
    return estimate_of(gains, Limits(lowest=-100.0)) if gains else None
