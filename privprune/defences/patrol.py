"""The loss terms of PATROL (Ding et al., WACV 2024), README; its soft mask is in `privprune.pruning`.

    min over theta and m, max over theta_adv:  L(theta, m) + sum_i alpha_i k_i - beta L_adv(theta_e, theta_adv)

as far as it can be reconstructed from the README: prediction loss, Lipschitz terms, and a game of adversarial
reconstruction, in which a decoder f_adv lowers L_adv = || x - f_adv(f_e(x)) || and the edge raises it. These are our
choices: the game is that of ResSFL (`privprune.defences.resfl`), with mean squared error or SSIM in place of the norm,
which is not named; a threshold caps its loss, as the edge could otherwise raise the error of a weak decoder without
end; the decoder's step comes after the edge's. Either part can be left out, for the paper's ablation.

Beta is in no source. As a number it means something else for each task, cap and decoder, so it can also be given
relative to the task loss: the game then starts with a penalty of `weight` times that loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from privprune.checks import Check
from privprune.defences.at_the_cut import require_cut
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.lipschitz import EXAMPLE_LIPSCHITZ, Lipschitz, LipschitzSettings, check_lipschitz
from privprune.defences.method import DefenceMethod, DefendedCell, check_weight
from privprune.defences.resfl import EXAMPLE_GAME, GameSettings, ResSfl, check_game, decoder_of, game_checks
from privprune.training.loop import Step, Term
from privprune.training.trained import Trained

_LEAST_PENALTY = 0.1  # of the largest that the cap allows; against a decoder near the cap, a weight would have no limit


@dataclass(frozen=True)
class PatrolGameSettings(GameSettings):
    """The game of ResSFL, whose weight beta can be set by the size of its penalty.

    Attributes:
        relative: whether `weight` is that of the penalty relative to the task loss in the first step, so that 1 is a
            penalty as large as the loss; false for beta itself.

    """

    relative: bool


class RelativeGame(ResSfl):
    """The game with the weight by which its penalty starts at a given multiple of the task loss."""

    def __init__(self, settings: PatrolGameSettings, context: DefenceContext) -> None:
        """Store the settings; the first step gives the weight."""
        super().__init__(replace(settings, weight=1.0), context)
        self._times = settings.weight
        cap = settings.threshold
        self._least = _LEAST_PENALTY * (cap if settings.loss == "mse" else 1 - cap)
        self._beta: Tensor | None = None

    def penalty(self, step: Step) -> Tensor:
        """Return beta times the margin of the decoder's loss; in the first step beta is set by the task loss."""
        margin = super().penalty(step)
        if self._beta is None:
            assert step.losses is not None  # noqa: S101 (a game is played while a task is trained for)
            self._beta = self._times * step.losses.sum().detach() / margin.detach().clamp(min=self._least)
        if step.last_of_epoch:
            self._share = self._share * self._beta  # measured before the weight, to which a gradient is proportional
        return self._beta * margin

    def measured(self) -> dict[str, list[float]]:
        """Return the metrics of the game, and the weight that was set."""
        return {**super().measured(), **({} if self._beta is None else {"game_weight": [float(self._beta)]})}


@dataclass(frozen=True)
class PatrolSettings:
    """PATROL's terms.

    Attributes:
        lipschitz: the Lipschitz terms, or null.
        game: adversarial reconstruction, its `weight` being beta or relative, or null.

    """

    name: Literal["patrol"]
    lipschitz: LipschitzSettings | None
    game: PatrolGameSettings | None

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
        game = (RelativeGame if settings.game.relative else ResSfl)(settings.game, context)
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
    examples=(
        {"name": "patrol", "lipschitz": EXAMPLE_LIPSCHITZ, "game": {**EXAMPLE_GAME, "relative": False}},
        {"name": "patrol", "lipschitz": None, "game": {**EXAMPLE_GAME, "relative": True}},
    ),
)
