"""One table tests all membership attacks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from membership_toys import simulated

from privprune.attacks.membership import ATTACKS, Attack, Evidence, Outputs
from privprune.errors import UserError
from privprune.metrics.membership import point
from privprune.settings import read


@dataclass(frozen=True)
class Case:
    name: str
    settings: dict[str, Any]
    needs_shadows: bool = False

    def attack(self) -> Attack:
        """Build the attack as it is declared."""
        return built(self.name, self.settings)

    def short(self) -> Attack:
        """Build the attack with little training: enough for laws that hold however well it learns."""
        less = {"epochs": 2, "steps": 5}
        return built(self.name, {key: less.get(key, value) for key, value in self.settings.items()})

    def __str__(self) -> str:
        return "-".join([self.name, *(str(value) for value in self.settings.values())])


def built(name: str, settings: dict[str, Any]) -> Attack:
    """Read the settings and build the attack."""
    settings_class, attack_class = ATTACKS[name]
    attack: Attack = attack_class(read(settings_class, settings, "test"))
    return attack


NASR = {"epochs": 12, "learning_rate": 0.001, "batch": 48}
CASES = [
    Case("nasr", {"variant": "paper", **NASR, "validation": 0.0, "epoch": "last"}),
    Case("nasr", {"variant": "released", **NASR, "validation": 0.3, "epoch": "best_on_validation"}),
    Case("gap", {}),
    Case("loss", {"threshold": "mean_member_loss"}),
    Case("loss", {"threshold": "calibrated"}),
    Case("confidence", {"thresholds": "global"}),
    Case("confidence", {"thresholds": "per_class"}),
    Case("entropy", {"thresholds": "per_class"}),
    Case("modified_entropy", {"thresholds": "global"}),
    Case("modified_entropy", {"thresholds": "per_class"}),
    Case("rahman", {"order": "sorted", "hidden": 16, "steps": 100, "learning_rate": 0.01}),
    Case("rahman", {"order": "class", "hidden": 16, "steps": 100, "learning_rate": 0.01}),
    Case("lira", {"mode": "online", "variance": "fixed"}, needs_shadows=True),
    Case("lira", {"mode": "online", "variance": "per_record"}, needs_shadows=True),
    Case("lira", {"mode": "offline", "variance": "fixed"}, needs_shadows=True),
    Case("lira", {"mode": "offline", "variance": "per_record"}, needs_shadows=True),
    Case("rmia", {"a": 0.3, "gamma": 1.0}, needs_shadows=True),
]
SMALL = simulated(leak=3.0, records=200, seed=3)
every_attack = pytest.mark.parametrize("case", CASES, ids=str)
MEAN_LOSS_FACTOR = 0.75  # the mean member loss lies above the median one: some members are refused by construction


def seeded(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def test_the_table_of_attacks_is_tested_in_full() -> None:
    """Every attack in ATTACKS has a case here."""
    assert {case.name for case in CASES} == set(ATTACKS)


@every_attack
def test_a_memorising_target_is_laid_open(case: Case) -> None:
    """Members that fit perfectly and non-members that do not are told apart."""
    found = point(case.attack()(simulated(leak=15.0, records=600, seed=1), seeded()))
    least = MEAN_LOSS_FACTOR if case.settings.get("threshold") == "mean_member_loss" else 0.9
    assert found["balanced_accuracy"] > least
    assert found["auc"] > 0.9


@every_attack
def test_a_target_without_leak_tells_nothing(case: Case) -> None:
    """On exchangeable members and non-members every attack is near chance: within 4 standard errors of 0.5."""
    found = point(case.short()(simulated(leak=0.0, records=1200, seed=2), seeded()))
    assert found["balanced_accuracy"] == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(560))
    assert found["auc"] == pytest.approx(0.5, abs=4 / np.sqrt(6 * 280))


@every_attack
def test_scores_move_with_their_records(case: Case) -> None:
    """Permuting the evaluation records permutes the scores and changes nothing else."""
    order = torch.randperm(len(SMALL.evaluation_members), generator=seeded(7))
    permuted = replace(SMALL, evaluation_members=SMALL.evaluation_members.take(order))
    before, after = case.short()(SMALL, seeded()), case.short()(permuted, seeded())
    np.testing.assert_allclose(after.members, before.members[order.numpy()], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after.nonmembers, before.nonmembers, rtol=1e-5, atol=1e-6)


@every_attack
def test_the_threshold_never_sees_the_evaluation_records(case: Case) -> None:
    """Other evaluation records leave the threshold as it is, and the scores of those that stay."""
    fewer = [pool.take(torch.arange(20)) for pool in (SMALL.evaluation_members, SMALL.evaluation_nonmembers)]
    wrecked = [Outputs(-3 * pool.logits, pool.labels, pool.positions) for pool in fewer]
    before, alone, changed = (
        case.short()(replace(SMALL, evaluation_members=members, evaluation_nonmembers=nonmembers), seeded())
        for members, nonmembers in ((SMALL.evaluation_members, SMALL.evaluation_nonmembers), fewer, wrecked)
    )
    assert before.threshold == alone.threshold == changed.threshold
    assert not np.array_equal(changed.members, alone.members)
    for curve in ("loss", "validation_accuracy"):
        assert before.history.get(curve) == changed.history.get(curve)
    np.testing.assert_allclose(alone.members, before.members[:20], rtol=1e-5, atol=1e-6)


@every_attack
def test_only_the_generator_is_random(case: Case) -> None:
    """The same generator gives the same scores, and the global random state is left alone."""
    before = torch.random.get_rng_state()
    first, second = case.short()(SMALL, seeded(5)), case.short()(SMALL, seeded(5))
    assert np.array_equal(first.members, second.members)
    assert np.array_equal(first.nonmembers, second.nonmembers)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in ("nasr", "gap")], ids=str)
def test_the_order_of_known_records_does_not_matter(case: Case) -> None:
    """Permuting the known records changes neither threshold nor scores."""
    order = torch.randperm(len(SMALL.known_members), generator=seeded(8))
    permuted = replace(SMALL, known_members=SMALL.known_members.take(order))
    before, after = case.short()(SMALL, seeded()), case.short()(permuted, seeded())
    assert after.threshold == pytest.approx(before.threshold, rel=1e-12)
    np.testing.assert_allclose(after.members, before.members, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if case.needs_shadows], ids=str)
def test_a_missing_shadow_is_the_users_mistake(case: Case) -> None:
    """An attack that needs shadows says so in one line; others run without."""
    bare = replace(SMALL, shadows=None)
    with pytest.raises(UserError, match="found no shadow models"):
        case.short()(bare, seeded())


@pytest.mark.parametrize("case", [case for case in CASES if not case.needs_shadows], ids=str)
def test_attacks_of_the_target_alone_use_nothing_else(case: Case) -> None:
    """Without shadows and population the scores are the same."""
    bare: Evidence = replace(SMALL, shadows=None, population=None)
    assert np.array_equal(case.short()(bare, seeded()).members, case.short()(SMALL, seeded()).members)
