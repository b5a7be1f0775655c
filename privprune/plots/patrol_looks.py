"""How the methods and controls of PATROL's figures are drawn: each has a colour and marker that no other one has.

There are more of them than markers that can be told apart, so a marker may come again in another colour. Methods that
pruning alone sets apart share a marker, which is filled for the pruned one.
"""

from __future__ import annotations

from collections.abc import Iterable

from privprune.plots.style import Look
from privprune.published import Paper

CUTS = "blocks_"  # prefix of the controls that cut the undefended network at another block
# Drawn with a filled marker: their edge is smaller than the network's own, by pruning or from the start.
SMALLER = frozenset({
    *("pruning", "pruning+lipschitz", "pruning+lipschitz_plain", "pruning+adversarial", "patrol", "patrol_distilled"),
    *("patrol+cem", "patrol_share", "patrol_lipschitz", "patrol_game", "patrol_depth", "narrow", "random_channels"),
})  # fmt: skip
# Colours stand for families: grey without a defence, gold for PATROL at other strengths, violet for pooled features.
_DECLARED = {
    "none": ("#4d4d4d", "o"),
    "noise": ("#b0305c", "*"),
    "dropout": ("#a3418c", "D"),
    "skip_random_blocks": ("#5b5ea6", "h"),
    "skip_no_shortcuts": ("#5f6b1f", "X"),
    "pruning": ("#0067a5", "s"),
    "pruning+lipschitz": ("#c8500a", "^"),
    "pruning+lipschitz_plain": ("#c8500a", "d"),
    "pruning+adversarial": ("#0b8062", "v"),
    "patrol": ("#9a6b00", "X"),
    "patrol_share": ("#9a6b00", "s"),
    "patrol_lipschitz": ("#9a6b00", "D"),
    "patrol_game": ("#9a6b00", "v"),
    "patrol_depth": ("#9a6b00", "o"),
    "patrol_distilled": ("#9a6b00", "*"),
    "patrol+cem": ("#6b7a00", "P"),
    "unpruned": ("#00808a", "p"),
    "lipschitz": ("#8b2f16", "^"),
    "adversarial": ("#3d6b8c", "v"),
    "lipschitz+adversarial": ("#c2257f", "X"),
    "resfl": ("#7b5141", "<"),
    "bottleneck": ("#3a3a8c", ">"),
    "nopeek": ("#8b2f16", "P"),
    "pooled": ("#7a3fb8", "p"),
    "pooled_wire": ("#7a3fb8", "d"),
    "narrow": ("#c62828", ">"),
    "random_channels": ("#3a7d1f", "<"),
    **{f"{CUTS}{number}": ("#4d4d4d", marker) for number, marker in enumerate("s^Dvp><X", start=1)},
}
_SPARE = (
    *(("#3d6b8c", "s"), ("#7a3fb8", "^"), ("#c2257f", "D"), ("#3a7d1f", "v")),
    *(("#c62828", "p"), ("#8b2f16", "h"), ("#3a3a8c", "X"), ("#5f6b1f", "P")),
)


def looks(names: Iterable[str], paper: Paper) -> dict[str, Look]:
    """Return how each method of a figure is drawn, with its printed name.

    Args:
        names: of all methods and controls of the figure; those without a declared look take the spare ones in
            alphabetical order, and the first spare one again only where there are more than spare ones.
        paper: what the paper prints.

    """
    wanted = list(dict.fromkeys(names))
    undeclared = sorted(set(wanted) - set(_DECLARED))
    taken = {name: _SPARE[place % len(_SPARE)] for place, name in enumerate(undeclared)}
    return {name: Look(paper.labels[name], *(_DECLARED | taken)[name]) for name in wanted}
