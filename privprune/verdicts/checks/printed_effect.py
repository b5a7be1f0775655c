"""Whether a test is sharp enough to show the effect that the paper prints.

A blunt test is not unfair, it only may decide nothing. Where its interval includes the claim's bound, this check
separates `printed effect excluded` from `inconclusive`. Where the whole interval lies on one side of the bound, the
finding stands whatever the width, since the mean is then further from the bound than the half-width.
"""

from privprune.checks import Check, check

NAME = "could show the printed effect"


def could_show_printed_effect(low: float, high: float, published: float, bound: float) -> Check:
    """Compare the half-width of an interval with the distance of the published quantity from the claim's bound."""
    return check(
        NAME, [(high - low) / 2], "below", abs(published - bound), "half-width of the interval; the bound is the effect"
    )
