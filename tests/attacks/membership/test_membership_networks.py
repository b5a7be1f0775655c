"""The attack networks, the replay at other base rates, and how evidence is gathered."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from interruption import interrupted, same
from membership_toys import population, simulated, split

from privprune.attacks.membership import Evidence, Outputs, attack_each, evidence_about, evidence_from_halves, replay
from privprune.attacks.membership.confidence import ConfidenceAttack
from privprune.attacks.membership.early_stopping import LEAST_GAIN
from privprune.attacks.membership.gap import GapAttack, GapSettings
from privprune.attacks.membership.nasr import NasrAttack, NasrSettings, _StackedAttack
from privprune.attacks.membership.rahman import RahmanAttack, RahmanSettings
from privprune.attacks.membership.thresholds import ThresholdSettings
from privprune.checkpoints.store import NONE, Checkpoints
from privprune.errors import UserError
from privprune.metrics.membership import Scores, always_member_accuracy, point
from privprune.settings import read

SETTINGS = NasrSettings(
    "paper", "he", steps=30, interval=10, patience=3, learning_rate=0.003, batch=16, validation=0.25
)
RAHMAN = RahmanSettings("sorted", hidden=8, steps=20, interval=10, patience=3, learning_rate=0.01, validation=0.25)


def seeded(seed: int) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def test_networks_trained_side_by_side_equal_those_trained_one_by_one() -> None:
    """Three targets at once give the scores and curves of three single attacks."""
    evidences = [simulated(leak=4.0, records=150, seed=seed) for seed in range(3)]
    attack = NasrAttack(SETTINGS)
    together = attack_each(attack, evidences, [seeded(seed) for seed in range(3)])
    for seed, scores in enumerate(together):
        alone = attack(evidences[seed], seeded(seed))
        np.testing.assert_allclose(scores.members, alone.members, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(scores.nonmembers, alone.nonmembers, rtol=1e-3, atol=1e-5)
        assert scores.history["loss"] == pytest.approx(alone.history["loss"], rel=1e-4)


def test_scores_say_which_records_they_are_of() -> None:
    """At equal and at other base rates: targets that are scored on the same records can be told."""
    evidences = [simulated(leak=4.0, records=60, seed=seed) for seed in range(2)]
    attack = ConfidenceAttack(ThresholdSettings("global"))
    for odds in (None, 2.0):
        draws = [seeded(0), seeded(1)]
        scores = attack_each(attack, evidences, draws) if odds is None else replay(attack, evidences, odds, draws)
        for one, evidence in zip(scores, evidences, strict=True):
            assert one.records is not None
            pools = evidence.evaluation_members, evidence.evaluation_nonmembers
            for records, pool in zip(one.records, pools, strict=True):
                assert set(records.tolist()) <= set(pool.positions.tolist())
            assert [len(records) for records in one.records] == [len(one.members), len(one.nonmembers)]


def test_targets_with_pools_of_unequal_size_are_attacked_one_by_one() -> None:
    """`many` accepts them too."""
    evidences = [simulated(leak=4.0, records=records, seed=1) for records in (100, 150)]
    scores = NasrAttack(SETTINGS).many(evidences, [seeded(0), seeded(1)])
    assert [len(one.members) for one in scores] == [len(one.evaluation_members) for one in evidences]


def test_the_scored_network_is_that_of_the_lowest_held_out_loss() -> None:
    """The scores are those of the best evaluation, as its accuracy on the evaluated records shows."""
    evidence = simulated(leak=2.0, records=300, seed=4)
    scores = NasrAttack(replace(SETTINGS, steps=120, patience=12))(evidence, seeded(2))
    best = int(np.argmin(scores.history["validation_loss"]))
    assert best < 11  # or the test would not tell best from last
    assert point(scores)["balanced_accuracy"] == pytest.approx(scores.history["accuracy"][best])
    assert point(scores)["balanced_accuracy"] != pytest.approx(scores.history["accuracy"][-1])


def test_training_stops_on_a_plateau() -> None:
    """Each network stops after as many evaluations without a gain as its patience says, at a step of its own."""
    evidences = [simulated(leak=leak, records=300, seed=4) for leak in (0.5, 3.0)]
    found = NasrAttack(replace(SETTINGS, steps=400, patience=2)).many(evidences, [seeded(2), seeded(3)])
    lengths = [len(one.history["validation_loss"]) for one in found]
    assert lengths[0] != lengths[1]
    for one, length in zip(found, lengths, strict=True):
        assert length < 40
        assert min(one.history["validation_loss"][-2:]) > min(one.history["validation_loss"]) - LEAST_GAIN


def test_selection_records_do_not_enter_the_curve_of_evaluated_ones() -> None:
    """Scored behind the evaluated records, selection records change neither their scores nor any curve."""
    evidence = simulated(leak=3.0, records=300, seed=4)
    first, last = torch.arange(40), torch.arange(40, 60)
    alone = replace(
        evidence,
        evaluation_members=evidence.evaluation_members.take(first),
        evaluation_nonmembers=evidence.evaluation_nonmembers.take(first),
        selection_members=evidence.evaluation_members.take(last),
        selection_nonmembers=evidence.evaluation_nonmembers.take(last),
    )
    both = alone.with_selection()
    before, after = NasrAttack(SETTINGS)(alone, seeded(1)), NasrAttack(SETTINGS)(both, seeded(1))
    assert (len(after.members), len(before.members)) == (60, 40)
    np.testing.assert_allclose(after.members[:40], before.members, rtol=1e-5, atol=1e-6)
    assert before.history == after.history
    assert torch.equal(both.judged_members.positions, alone.evaluation_members.positions)


def test_an_attack_network_reaches_what_a_rule_reaches() -> None:
    """On a memorising target the network is within three points of the gap attack and of the confidence attack."""
    evidence = simulated(leak=4.0, records=1200, seed=1)
    settings = replace(SETTINGS, steps=240, interval=20, patience=4, learning_rate=0.001, batch=64)
    found = point(NasrAttack(settings)(evidence, seeded(0)))["balanced_accuracy"]
    for rule in (GapAttack(GapSettings()), ConfidenceAttack(ThresholdSettings("global"))):
        assert found > point(rule(evidence, seeded(0)))["balanced_accuracy"] - 0.03


def test_evaluations_are_compared_without_the_evaluation_records() -> None:
    """Evaluation records that say the opposite turn the evaluation curve round and leave the validation curve."""
    evidence = simulated(leak=5.0, records=300, seed=4)
    turned = replace(
        evidence,
        evaluation_members=evidence.evaluation_nonmembers,
        evaluation_nonmembers=evidence.evaluation_members,
    )
    attack = NasrAttack(replace(SETTINGS, steps=60, patience=6))
    straight, opposite = attack(evidence, seeded(2)).history, attack(turned, seeded(2)).history
    assert straight["accuracy"][-1] > 0.6
    assert opposite["accuracy"][-1] < 0.4
    assert straight["validation_accuracy"] == opposite["validation_accuracy"]


def test_held_out_records_are_not_trained_on() -> None:
    """Training and validation part share no known record and lose none."""
    evidence = simulated(leak=2.0, records=90, seed=4)
    stacked = _StackedAttack(SETTINGS, [evidence, evidence], [seeded(0), seeded(1)])
    for part, known in enumerate((evidence.known_members, evidence.known_nonmembers)):
        for target in range(2):
            pools = [stacked.training[part], stacked.held_out[part]]
            rows = torch.cat([pool.inputs[target] for pool in pools])
            assert len(pools[1]) == len(known) // 4
            assert sorted(rows.tolist()) == sorted(known.logits.softmax(1).tolist())
            shares = [pools[1].labels[target].bincount(minlength=10), known.labels.bincount(minlength=10) / 4]
            assert (shares[0] - shares[1]).abs().max() <= 1  # held out evenly from all classes


@pytest.mark.parametrize("odds", [1.0, 5.0])
@pytest.mark.parametrize("kind", ["nasr", "rahman"])
def test_an_attack_without_information_answers_the_odds(kind: str, odds: float) -> None:
    """Where all records look alike, a network learns the log-odds of the evidence, whatever the counts of records."""

    def alike(count: int) -> Outputs:
        return Outputs(torch.zeros(count, 3), torch.ones(count, dtype=torch.int64), torch.arange(count))

    evidence = Evidence(alike(60), alike(40), alike(2), alike(2), population=None, shadows=None, odds=odds)
    rahman = RahmanAttack(replace(RAHMAN, steps=400, patience=40, learning_rate=0.05))
    nasr = NasrAttack(replace(SETTINGS, initialisation="nasr", steps=75, patience=8, learning_rate=0.02, batch=20))
    scores = (rahman if kind == "rahman" else nasr)(evidence, seeded(0))
    assert scores.members == pytest.approx(np.full(2, np.log(odds)), abs=0.13)  # a loss 0.001 above the least


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"batch": 1}, "batch: found 1"),
        ({"validation": 1.0}, "validation: found 1, allowed above 0 and below 1"),
        ({"validation": 0.0}, "validation: found 0, allowed above 0 and below 1"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(wrong: dict[str, Any], line: str) -> None:
    """One line names the key, what was found and what is allowed."""
    with pytest.raises(UserError, match=line):
        read(NasrSettings, {**asdict(SETTINGS), **wrong}, "params.yaml: attack.x")


def test_each_class_of_rahmans_attack_learns_alone() -> None:
    """Without the other classes' known records, a class's scores after as many steps are the same."""
    evidence = simulated(leak=4.0, records=400, seed=5)
    attack = RahmanAttack(replace(RAHMAN, interval=20))  # one evaluation: all take 20 steps
    whole = attack(evidence, seeded(3)).members
    own = evidence.known_members.labels == 2
    reduced = attack(
        replace(evidence, known_members=evidence.known_members.take(own.nonzero()[:, 0])), seeded(3)
    ).members
    same_class = (evidence.evaluation_members.labels == 2).numpy()
    np.testing.assert_allclose(reduced[same_class], whole[same_class], rtol=1e-4, atol=1e-6)
    assert (reduced[~same_class] == 0).all()  # no known members: undecided
    assert (whole[~same_class] != 0).all()


@pytest.mark.parametrize("odds", [2.0, 5.0])
@pytest.mark.parametrize("kind", ["confidence", "nasr"])
def test_plain_accuracy_of_an_attack_without_information_is_the_base_rate(kind: str, odds: float) -> None:
    """On a target without leakage the replay shows what labelling every record a member gives: 2/3 and 5/6."""
    evidence = simulated(leak=0.0, records=1500, seed=6)
    attack = ConfidenceAttack(ThresholdSettings("global")) if kind == "confidence" else NasrAttack(SETTINGS)
    (scores,) = replay(attack, [evidence], odds, [seeded(4)])
    assert len(scores.members) == round(odds * len(scores.nonmembers))
    assert len(scores.members) in (len(evidence.evaluation_members), len(evidence.evaluation_members) - 1)
    assert point(scores)["accuracy"] == pytest.approx(always_member_accuracy(odds), abs=0.03)
    assert point(scores)["balanced_accuracy"] == pytest.approx(0.5, abs=0.06)


def test_a_replay_draws_from_the_pools_it_is_given() -> None:
    """Known records stay known, evaluation records stay evaluation records, none is drawn twice."""
    evidence = simulated(leak=0.0, records=300, seed=6)
    seen: list[Evidence] = []

    def spy(evidence: Evidence, generator: torch.Generator) -> Scores:
        seen.append(evidence)
        return ConfidenceAttack(ThresholdSettings("global"))(evidence, generator)

    replay(spy, [evidence], 2.0, [seeded(0)])
    for name in ("known_members", "known_nonmembers", "evaluation_members", "evaluation_nonmembers"):
        drawn, given = (set(getattr(one, name).positions.tolist()) for one in (seen[0], evidence))
        assert drawn <= given
        assert len(drawn) == len(getattr(seen[0], name))


def test_evidence_takes_the_target_out_of_its_shadows() -> None:
    """Every other model is a shadow, and each pool holds the target's own answers."""
    draw = seeded(1)
    logits, labels = torch.randn(4, 60, 3, generator=draw), torch.randint(3, (60,), generator=draw)
    members = torch.rand(4, 60, generator=draw) < 0.5
    found = evidence_about(2, logits, labels, split(60), members, population(60))
    assert found.shadows is not None
    assert torch.equal(torch.stack(list(found.shadows.logits)), logits[[0, 1, 3]])
    assert torch.equal(found.shadows.members, members[[0, 1, 3]])
    at = found.evaluation_nonmembers.positions
    assert torch.equal(at, split(60).evaluation_nonmembers)
    assert torch.equal(found.evaluation_nonmembers.logits, logits[2, at])
    assert torch.equal(found.evaluation_nonmembers.labels, labels[at])
    assert evidence_about(2, logits, labels, split(60), None, None).shadows is None


def test_halves_share_no_record() -> None:
    """Half of each pool is known, the other half is for evaluation, no record is lost."""
    pools = [Outputs(torch.randn(n, 3), torch.zeros(n, dtype=torch.int64), torch.arange(n)) for n in (9, 6)]
    found = evidence_from_halves(pools[0], pools[1])
    for known, evaluation, pool in (
        (found.known_members, found.evaluation_members, pools[0]),
        (found.known_nonmembers, found.evaluation_nonmembers, pools[1]),
    ):
        assert sorted(known.positions.tolist() + evaluation.positions.tolist()) == pool.positions.tolist()
        assert abs(len(known) - len(evaluation)) <= 1


@pytest.mark.parametrize("records", [(150, 150), (100, 150)])
def test_attack_networks_killed_on_their_way_give_the_same_scores(tmp_path: Path, records: tuple[int, ...]) -> None:
    """Scores and curves are those of an undisturbed attack, side by side or one by one, and no turn is done twice."""
    evidences = [simulated(leak=4.0, records=number, seed=1) for number in records]
    attack = NasrAttack(replace(SETTINGS, steps=12, interval=3, patience=4))

    def found(checkpoints: Checkpoints) -> list[Any]:
        scores = attack_each(attack, evidences, [seeded(0), seeded(1)], checkpoints)
        return [[one.members.tolist(), one.nonmembers.tolist(), one.history] for one in scores]

    turns = 4 * len(set(records))
    same(interrupted(found, tmp_path, 1, 2, turns - 3), found(NONE))
