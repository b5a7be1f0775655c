"""The loss terms of PATROL (Ding et al., WACV 2024), README; its soft mask is in `privprune.pruning`.

    min over theta and m, max over theta_adv:  L(theta, m) + sum_i alpha_i k_i - beta L_adv(theta_e, theta_adv)

as far as it can be reconstructed from the README: prediction loss, Lipschitz terms, and a game of adversarial
reconstruction, in which a decoder f_adv lowers L_adv = || x - f_adv(f_e(x)) || and the edge raises it. These are our
choices: the game is that of ResSFL (`privprune.defences.resfl`), with mean squared error or SSIM in place of the norm,
which is not named; a threshold caps its loss, as the edge could otherwise raise the error of a weak decoder without
end; the decoder's step comes after the edge's. Either part can be left out, for the paper's ablation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privprune.checks import Check
from privprune.defences.at_the_cut import require_cut
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.lipschitz import EXAMPLE_LIPSCHITZ, Lipschitz, LipschitzSettings, check_lipschitz
from privprune.defences.method import DefenceMethod, DefendedCell, check_weight
from privprune.defences.resfl import EXAMPLE_GAME, GameSettings, ResSfl, check_game, decoder_of, game_checks
from privprune.training.loop import Term
from privprune.training.trained import Trained


@dataclass(frozen=True)
class PatrolSettings:
    """PATROL's terms.

    Attributes:
        lipschitz: the Lipschitz terms, or null.
        game: adversarial reconstruction, its `weight` being beta, or null.

    """

    name: Literal["patrol"]
    lipschitz: LipschitzSettings | None
    game: GameSettings | None

    def __post_init__(self) -> None:
        """Require at least one of the terms."""
        if self.lipschitz is None and self.game is None:
            raise ValueError("patrol: found neither lipschitz nor game, allowed at least one")


def patrol(settings: PatrolSettings, context: DefenceContext) -> Defence:
    """Add the terms to the loss during the whole training."""
    require_cut(settings.name, context)
    terms: list[Term] = []
    surrogate = measured = None
    if settings.lipschitz is not None:
        terms.append(Lipschitz(settings.lipschitz, context))
    if settings.game is not None:
        game = ResSfl(settings.game, context)
        terms.append(game)
        surrogate, measured = game.surrogate, game.measured
    if measured is None:
        return Defence(terms=tuple(terms))
    return Defence(terms=tuple(terms), surrogate=surrogate, measured=measured)


def check_patrol(settings: PatrolSettings, cell: DefendedCell) -> None:
    """Check the Lipschitz terms against the blocks of the edge, and the game's decoder against its features.

    Raises:
        ValueError: names the part and what does not fit.

    """
    if settings.lipschitz is not None:
        check_lipschitz(settings.lipschitz, cell.shapes.model)
    if settings.game is not None:
        check_weight("game.weight", settings.game.weight)
        check_game(settings.game, cell)


def checks(settings: PatrolSettings, trained: Trained) -> tuple[Check, ...]:
    """Check the game, if there is one."""
    return () if settings.game is None else game_checks(settings.game, trained)


METHOD = DefenceMethod(
    settings=PatrolSettings,
    build=patrol,
    needs=frozenset({"cut"}),
    check=check_patrol,
    checks=checks,
    surrogate=lambda settings: None if settings.game is None else decoder_of(settings.game),
    examples=({"name": "patrol", "lipschitz": EXAMPLE_LIPSCHITZ, "game": EXAMPLE_GAME},),
)
