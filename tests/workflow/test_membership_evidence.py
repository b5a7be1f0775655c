"""What an attacker on membership is given: views, a second network, selection records and the population."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from privprune.attacks.membership import MEMBERSHIP_ATTACKS, Evidence, Outputs, View
from privprune.attacks.membership.confidence import ConfidenceAttack
from privprune.attacks.membership.thresholds import ThresholdSettings, score_with_threshold
from privprune.cells import Cell
from privprune.errors import UserError
from privprune.metrics.membership import Scores, point
from privprune.settings import read
from privprune.training.batches import as_input
from privprune.workflow.attack import attack_cell
from privprune.workflow.attack_entry import AttackEntry
from privprune.workflow.context import DataContext
from privprune.workflow.membership_evidence import Queries, check_companion, gather_evidence
from privprune.workflow.train import TrainEntry, train_cell

MIRRORED, NOISY = View(mirrored=True), View(noise=0.1)
POOLS = [f"{pool}_{kind}" for pool in ("known", "evaluation", "selection") for kind in ("members", "nonmembers")]


@pytest.fixture(scope="module")
def cell(context: DataContext, tiny: dict[str, Any]) -> Cell:
    """Return two targets and two shadow models, trained for two epochs."""
    return train_cell(read(TrainEntry, tiny["train"]["base"], "base"), context, "base")[0]


def entry(tiny: dict[str, Any], **changed: Any) -> AttackEntry:
    """Return an entry with attacks that train nothing."""
    methods = {"confidence": {"attack": "confidence", "thresholds": "global"}, "gap": {"attack": "gap"}}
    plain = {"methods": methods, "base_rates": {"attacks": [], "odds": []}, "twice": []}
    return read(AttackEntry, {**tiny["attack"]["base"], **plain, **changed}, "tiny")


def directly(cell: Cell, number: int, inputs: torch.Tensor) -> torch.Tensor:
    """Return a network's posteriors on inputs."""
    with torch.no_grad():
        return cell.models([number])[0].eval()(inputs).softmax(1)


def test_views_are_the_answers_to_changed_records(cell: Cell, context: DataContext) -> None:
    """Views of targets are on the records that they are asked for, those of shadows on all; posteriors are kept."""
    found = gather_evidence(cell, context, Queries((MIRRORED, NOISY), (MIRRORED,), seed=1))
    mirrored = as_input(context.dataset.images).flip(-1)
    for target, evidence in enumerate(found):
        for pool in POOLS:
            outputs: Outputs = getattr(evidence, pool)
            assert set(outputs.views) == {MIRRORED, NOISY}
            expected = directly(cell, target, mirrored[outputs.positions])
            answers = outputs.views[MIRRORED]
            assert answers.dtype == torch.float16
            assert not answers.amax(1).any()
            torch.testing.assert_close(answers.float().softmax(1), expected, rtol=0.02, atol=1e-3)
        assert evidence.shadows is not None
        assert set(evidence.shadows.views) == {MIRRORED}
        others = [number for number in range(4) if number != target]
        for number, shadow in zip(others, evidence.shadows.views[MIRRORED], strict=True):
            torch.testing.assert_close(
                shadow.float().softmax(1), directly(cell, number, mirrored), rtol=0.02, atol=1e-3
            )


def test_the_noise_of_a_view_depends_on_nothing_else(cell: Cell, context: DataContext) -> None:
    """Other views change nothing of it; another seed, target or draw gives other noise."""
    alone, among, other = (
        gather_evidence(cell, context, Queries(views, (), seed))
        for views, seed in (((NOISY,), 1), ((MIRRORED, NOISY, View(noise=0.1, draw=1)), 1), ((NOISY,), 2))
    )
    for target in range(2):
        first = alone[target].known_members.views[NOISY]
        assert torch.equal(first, among[target].known_members.views[NOISY])
        assert not torch.equal(first, other[target].known_members.views[NOISY])
        assert not torch.equal(first, among[target].known_members.views[View(noise=0.1, draw=1)])


def test_a_companion_answers_the_same_records(cell: Cell, context: DataContext) -> None:
    """Each target has beside it the network of the same number of the other cell."""
    swapped = dataclasses.replace(cell, states=[cell.states[1], cell.states[0], *cell.states[2:]])
    found = gather_evidence(cell, context, companion=swapped)
    for target, evidence in enumerate(found):
        for pool in POOLS:
            outputs: Outputs = getattr(evidence, pool)
            inputs = as_input(context.dataset.images[outputs.positions])
            assert outputs.companion is not None
            expected = directly(cell, 1 - target, inputs)
            torch.testing.assert_close(outputs.companion.softmax(1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("key", "value"), [("seeds", (5, 6)), ("protocol", "paper"), ("fingerprint", "0")])
def test_networks_of_other_splits_were_not_released_together(cell: Cell, key: str, value: Any) -> None:
    """Two cells with other seeds, splits or data are refused."""
    other = dataclasses.replace(cell, manifest=dataclasses.replace(cell.manifest, **{key: value}))
    with pytest.raises(UserError, match=f"^released_with: x: found networks with {key} "):
        check_companion(other, cell, "released_with: x")


def test_the_population_is_made_of_records_without_a_use(cell: Cell, context: DataContext) -> None:
    """It is disjoint from the members and from all pools, selection records among them."""
    for target, evidence in enumerate(gather_evidence(cell, context)):
        assert evidence.population is not None
        population = set(evidence.population.positions.tolist())
        split = context.split(cell.manifest, target)
        assert population == set(split.reference.tolist()) | set(split.test.tolist())
        for pool in POOLS:
            assert not population & set(getattr(evidence, pool).positions.tolist())


def test_attacks_are_scored_on_selection_records_too(cell: Cell, context: DataContext, tiny: dict[str, Any]) -> None:
    """A record has the metrics of both kinds of records, and scores of the evaluated ones only."""
    settings = entry(tiny)
    results = attack_cell(settings, settings.chosen("tiny"), cell, context)
    evidences = gather_evidence(cell, context)
    attack = ConfidenceAttack(ThresholdSettings("global"))
    for target, evidence in enumerate(evidences):
        alone = attack(evidence, torch.Generator())
        np.testing.assert_array_equal(results.scores[f"confidence/{target}/members"], alone.members)
        found = results.results["confidence"]["selection"]
        assert evidence.selection_members is not None
        assert evidence.selection_nonmembers is not None
        selected = dataclasses.replace(
            evidence,
            evaluation_members=evidence.selection_members,
            evaluation_nonmembers=evidence.selection_nonmembers,
        )
        expected = point(attack(selected, torch.Generator()))
        assert found["auc"][target] == pytest.approx(expected["auc"])
        assert found["balanced_accuracy"][target] == pytest.approx(expected["balanced_accuracy"])
    assert len(results.results["gap"]["selection"]["auc"]) == 2


def test_a_record_has_the_checks_of_each_attack(cell: Cell, context: DataContext, tiny: dict[str, Any]) -> None:
    """Each attack has its checks under its label, and those of single metrics under names of their own."""
    settings = entry(tiny)
    checks = attack_cell(settings, settings.chosen("tiny"), cell, context).checks
    metrics = ("tpr_at_1_percent_fpr", "tpr_at_0.1_percent_fpr")
    assert set(checks) == {
        f"{label}{of}" for label in ("confidence", "gap") for of in ("", *(f" {m}" for m in metrics))
    }
    assert [one["name"] for one in checks["gap"]] == [
        "looks at the model",
        "not beaten by the gap attack",
        "not beaten by the label alone",
    ]
    assert not checks["gap tpr_at_1_percent_fpr"][0]["passed"]  # 60 non-members


class MirrorAttack:
    """The confidence in a mirrored record."""

    def __init__(self, settings: ThresholdSettings) -> None:
        self.settings = settings

    def __call__(self, evidence: Evidence, generator: torch.Generator) -> Scores:
        """Attack one target."""
        del generator
        return score_with_threshold(
            lambda outputs: outputs.views[MIRRORED].double().gather(1, outputs.labels[:, None])[:, 0], evidence
        )


def test_an_attack_gets_the_views_that_it_declares(
    cell: Cell, context: DataContext, tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A declared attack on mirrored records runs in the stage; another attack beside it gives what it gives alone."""
    monkeypatch.setattr(MEMBERSHIP_ATTACKS, "_declared", dict(MEMBERSHIP_ATTACKS._read()))
    module, method = MEMBERSHIP_ATTACKS._read()["confidence"]
    mirror = dataclasses.replace(method, name="mirror", attack=MirrorAttack, views=lambda _: (MIRRORED,))
    MEMBERSHIP_ATTACKS._read()["mirror"] = module, mirror
    confidence, mirrored = ({"attack": name, "thresholds": "global"} for name in ("confidence", "mirror"))
    both, alone = (
        attack_cell(settings, settings.chosen("tiny"), cell, context)
        for settings in (
            entry(tiny, methods={"a": confidence, "b": mirrored}),
            entry(tiny, methods={"a": confidence}),
        )
    )
    assert both.results["a"] == alone.results["a"]
    assert not np.array_equal(both.scores["b/0/members"], both.scores["a/0/members"])


def test_twice_the_budget_is_run_on_the_first_target(cell: Cell, context: DataContext, tiny: dict[str, Any]) -> None:
    """The check compares with a training of twice the steps; nothing else changes by it."""
    nasr = {"nasr": tiny["attack"]["base"]["methods"]["nasr"]}
    with_it, without = (
        attack_cell(settings, settings.chosen("tiny"), cell, context)
        for settings in (entry(tiny, methods=nasr, twice=["nasr"]), entry(tiny, methods=nasr))
    )
    names = [[one["name"] for one in found.checks["nasr"]] for found in (with_it, without)]
    assert set(names[0]) - set(names[1]) == {"twice the budget changes little"}
    assert with_it.results == without.results
    assert with_it.scores.keys() == without.scores.keys()
