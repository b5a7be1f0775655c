"""Laws of all membership attacks, on the example settings that each of them declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from membership_toys import simulated

from privprune.attacks.choice import build_attack
from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Attack, Evidence, MembershipAttack, Outputs
from privprune.attacks.membership.view import View
from privprune.errors import UserError
from privprune.metrics.membership import point
from privprune.settings import read


@dataclass(frozen=True)
class Case:
    method: MembershipAttack
    settings: dict[str, Any]

    def attack(self) -> Attack:
        """Build the attack with the example settings."""
        return build_attack(MEMBERSHIP_ATTACKS, self.settings, "test")

    def short(self) -> Attack:
        """Build the attack with little training, which is enough for laws that do not depend on its success."""
        return build_attack(MEMBERSHIP_ATTACKS, shortened(self.settings), "test")

    @property
    def views(self) -> tuple[View, ...]:
        """The changed records that the attack asks for."""
        others = {key: value for key, value in self.settings.items() if key != "attack"}
        return self.method.views(read(self.method.settings, others, "test"))

    def __str__(self) -> str:
        return "-".join(map(str, leaves(self.settings)))


def shortened(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with little training, nested ones included."""
    less = {"epochs": 2, "steps": 5}
    return {
        key: shortened(value) if isinstance(value, dict) else less.get(key, value) for key, value in settings.items()
    }


def leaves(settings: dict[str, Any]) -> list[Any]:
    """Return the values of settings, nested ones included."""
    values = [leaves(value) if isinstance(value, dict) else [value] for value in settings.values()]
    return [leaf for part in values for leaf in part]


def draws_batches(settings: dict[str, Any]) -> bool:
    """Return whether the attack's training draws batches."""
    return "batch" in settings or any(draws_batches(value) for value in settings.values() if isinstance(value, dict))


CASES = [Case(method, dict(example)) for method in MEMBERSHIP_ATTACKS.values() for example in method.examples]
TRAINS_ON_BATCHES = [case for case in CASES if draws_batches(case.settings)]
LOOKS_AT_THE_MODEL = [case for case in CASES if not case.method.control]
LOOKS_AT_THE_RECORD = [case for case in CASES if case.method.name != "random_scores"]
VIEWS = tuple(dict.fromkeys(view for case in CASES for view in case.views))  # of all attacks
every_attack = pytest.mark.parametrize("case", CASES, ids=str)
every_attack_on_the_model = pytest.mark.parametrize("case", LOOKS_AT_THE_MODEL, ids=str)
MEAN_LOSS_FACTOR = 0.75  # the mean member loss lies above the median one: some members are missed by construction


@cache
def evidence_of(leak: float, records: int, seed: int) -> Evidence:
    """Return evidence that has all that any attack asks for."""
    return simulated(leak, records, seed, VIEWS, companion=True)


SMALL = evidence_of(leak=3.0, records=200, seed=3)


def seeded(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def opposite(outputs: Outputs) -> Outputs:
    """Return outputs that say the opposite."""
    views = {view: -3 * logits for view, logits in outputs.views.items()}
    companion = None if outputs.companion is None else -2 * outputs.companion
    return replace(outputs, logits=-3 * outputs.logits, views=views, companion=companion)


@pytest.mark.parametrize("name", list(MEMBERSHIP_ATTACKS))
def test_every_attack_brings_examples(name: str) -> None:
    """Each has at least one, of its own name, so that the laws below are tested on it."""
    examples = MEMBERSHIP_ATTACKS[name].examples
    assert examples
    assert all(example["attack"] == name for example in examples)


@every_attack_on_the_model
def test_a_memorising_target_is_attacked_successfully(case: Case) -> None:
    """Members that fit perfectly are distinguished from non-members that do not."""
    found = point(case.attack()(evidence_of(leak=15.0, records=600, seed=1), seeded()))
    least = MEAN_LOSS_FACTOR if case.settings.get("threshold") == "mean_member_loss" else 0.9
    assert found["balanced_accuracy"] > least
    assert found["auc"] > 0.9


@every_attack
def test_a_target_without_leakage_gives_chance_level(case: Case) -> None:
    """On exchangeable members and non-members every attack is within 4 standard errors of 0.5."""
    found = point(case.short()(evidence_of(leak=0.0, records=1200, seed=2), seeded()))
    assert found["balanced_accuracy"] == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(560))
    assert found["auc"] == pytest.approx(0.5, abs=4 / np.sqrt(6 * 280))


@pytest.mark.parametrize("case", LOOKS_AT_THE_RECORD, ids=str)
def test_scores_move_with_their_records(case: Case) -> None:
    """Permuting the evaluation records permutes the scores and changes nothing else."""
    order = torch.randperm(len(SMALL.evaluation_members), generator=seeded(7))
    permuted = replace(SMALL, evaluation_members=SMALL.evaluation_members.take(order))
    before, after = case.short()(SMALL, seeded()), case.short()(permuted, seeded())
    np.testing.assert_allclose(after.members, before.members[order.numpy()], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(after.nonmembers, before.nonmembers, rtol=1e-5, atol=1e-6)


@every_attack
def test_the_threshold_does_not_depend_on_the_evaluation_records(case: Case) -> None:
    """Other evaluation records change neither the threshold nor the scores of the records that stay."""
    fewer = [outputs.take(torch.arange(20)) for outputs in (SMALL.evaluation_members, SMALL.evaluation_nonmembers)]
    turned = [opposite(outputs) for outputs in fewer]
    before, alone, changed = (
        case.short()(replace(SMALL, evaluation_members=members, evaluation_nonmembers=nonmembers), seeded())
        for members, nonmembers in ((SMALL.evaluation_members, SMALL.evaluation_nonmembers), fewer, turned)
    )
    assert before.threshold == alone.threshold == changed.threshold
    assert np.array_equal(changed.members, alone.members) == case.method.control
    for curve in ("loss", "validation_loss", "validation_accuracy", "held_out_loss", "best_step"):
        assert before.history.get(curve) == changed.history.get(curve)
    np.testing.assert_allclose(alone.members, before.members[:20], rtol=1e-5, atol=1e-6)


@every_attack
def test_only_the_generator_is_random(case: Case) -> None:
    """The same generator gives the same scores, and the global random state does not change."""
    before = torch.random.get_rng_state()
    first, second = case.short()(SMALL, seeded(5)), case.short()(SMALL, seeded(5))
    assert np.array_equal(first.members, second.members)
    assert np.array_equal(first.nonmembers, second.nonmembers)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("case", [case for case in CASES if case not in TRAINS_ON_BATCHES], ids=str)
def test_the_order_of_known_records_does_not_matter(case: Case) -> None:
    """Permuting the known records changes neither threshold nor scores, unless training draws batches of them."""
    order = torch.randperm(len(SMALL.known_members), generator=seeded(8))
    permuted = replace(SMALL, known_members=SMALL.known_members.take(order))
    before, after = case.short()(SMALL, seeded()), case.short()(permuted, seeded())
    assert after.threshold == pytest.approx(before.threshold, rel=1e-12)
    np.testing.assert_allclose(after.members, before.members, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", [case for case in CASES if case.method.needs_shadows], ids=str)
def test_missing_shadow_models_are_a_user_error(case: Case) -> None:
    """An attack that declares that it needs shadow models reports their absence in one line."""
    bare = replace(SMALL, shadows=None)
    with pytest.raises(UserError, match="found no shadow models"):
        case.short()(bare, seeded())


@pytest.mark.parametrize("case", [case for case in CASES if not case.method.needs_shadows], ids=str)
def test_attacks_without_shadow_models_use_the_target_alone(case: Case) -> None:
    """Without shadow models and population the scores are the same."""
    bare: Evidence = replace(SMALL, shadows=None, population=None)
    assert np.array_equal(case.short()(bare, seeded()).members, case.short()(SMALL, seeded()).members)
