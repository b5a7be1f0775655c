"""An attack network that diverges: noticed when it has been trained, and said with attack, target and evaluation."""

import pytest
from membership_toys import simulated

from privprune.attacks.membership import MEMBERSHIP_ATTACKS
from privprune.checkpoints.store import NONE
from privprune.workflow.attack import _attack, _Job, _Run
from privprune.workflow.attack_entry import AttackEntry, BaseRates, ChosenAttack

NASR = MEMBERSHIP_ATTACKS["nasr"]
SETTINGS = {key: value for key, value in NASR.examples[0].items() if key != "attack"}


def attacked(learning_rate: float, odds: float | None = None) -> object:
    """Attack two simulated targets."""
    chosen = ChosenAttack.of(NASR, NASR.settings(**{**SETTINGS, "learning_rate": learning_rate}))
    entry = AttackEntry("cem", "digits", "a", None, {"nasr": {}}, BaseRates((), ()), (), 10, 0)
    return _attack(
        entry, chosen, [simulated(2.0, 200, seed) for seed in (0, 1)], _Job(_Run("nasr", odds), [0, 1]), NONE
    )


@pytest.mark.parametrize("odds", [None, 2.0])
def test_an_attack_that_diverges_is_refused_in_one_line(odds: float | None) -> None:
    """Its scores would be those of an untrained network, or not finite at all."""
    line = (
        r"^methods\.nasr: training diverged: found a loss that is not finite, target 0, evaluation \d+; allowed a lower"
    )
    with pytest.raises(ValueError, match=line):
        attacked(1e6, odds)


def test_an_attack_that_stays_finite_is_not_touched() -> None:
    """A usual learning rate is no divergence."""
    assert attacked(0.001, 2.0)
