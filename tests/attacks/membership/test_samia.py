"""SAMIA: what it reads, and that it learns from the sensitivity alone."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch
from membership_toys import CLASSES, population, split, with_answers

from privprune.attacks.membership import Evidence, Outputs, evidence_about
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings, fresh
from privprune.attacks.membership.samia import AttentionLayer, SamiaAttack, SamiaNetwork, SamiaSettings, noisy_views
from privprune.errors import UserError
from privprune.metrics.membership import point
from privprune.settings import read

TRAINING = AttackTrainingSettings(steps=120, interval=20, patience=3, validation=0.25, batch=64, learning_rate=0.005)
SETTINGS = SamiaSettings("posteriors", 0.01, 4, width=16, layers=1, dropout=0.1, training=TRAINING)


def seeded(seed: int = 0) -> torch.Generator:
    """Make a generator."""
    return torch.Generator().manual_seed(seed)


def told_by_noise(records: int, members: float, nonmembers: float) -> Evidence:
    """Return evidence in which posteriors say nothing, and answers to noise lie so far from those without."""
    draw = seeded(1)
    logits = torch.randn(1, records, CLASSES, generator=draw)
    labels = torch.randint(CLASSES, (records,), generator=draw)
    strength = torch.where(torch.arange(records) % 2 == 0, members, nonmembers)[None, :, None]
    answers = {view: logits + strength * torch.randn(logits.shape, generator=draw) for view in noisy_views(SETTINGS)}
    evidence = evidence_about(0, logits, labels, split(records), None, population(records))
    return with_answers(evidence, answers, None)


def test_the_sensitivity_is_the_mean_difference_per_unit_of_noise() -> None:
    """Of two queries, by hand: |p' - p| averaged, over the deviation; then the label, one-hot."""
    settings = replace(SETTINGS, draws=2, deviation=0.5)
    first, second = noisy_views(settings)
    even = torch.zeros(1, 2)
    nine = torch.tensor([[9.0, 1.0]]).log()  # posteriors .9 and .1
    outputs = Outputs(even, torch.tensor([1]), torch.tensor([0]), views={first: nine, second: even})
    found = SamiaAttack(settings).features(outputs)[0].tolist()
    assert found == pytest.approx([0.5, 0.5, 0.4, 0.4, 0.0, 1.0])


def test_logarithms_keep_very_sure_records_apart() -> None:
    """Where posteriors round to 1, their logarithms still differ, and so do those of noisy queries."""
    settings = replace(SETTINGS, draws=1, inputs="logarithms")
    (view,) = noisy_views(settings)
    sure = torch.tensor([[60.0, 0.0], [80.0, 0.0]])
    outputs = Outputs(sure, torch.zeros(2, dtype=torch.int64), torch.arange(2), views={view: sure + 1})
    features = SamiaAttack(settings).features(outputs)
    assert features.isfinite().all()
    assert features[0, 0] != features[1, 0]


def test_it_learns_from_sensitivity_alone() -> None:
    """Members that answer noise less than non-members are found, though posteriors and labels say nothing."""
    scores = SamiaAttack(SETTINGS)(told_by_noise(900, members=0.1, nonmembers=0.6), seeded())
    assert point(scores)["auc"] > 0.95


def test_it_finds_nothing_where_there_is_nothing() -> None:
    """Without a difference in sensitivity either, the area under the curve is within 4 standard errors of one half."""
    scores = SamiaAttack(SETTINGS)(told_by_noise(900, members=0.3, nonmembers=0.3), seeded())
    assert point(scores)["auc"] == pytest.approx(0.5, abs=4 / (6 * 210) ** 0.5)


def test_attention_is_that_of_pytorch() -> None:
    """With the same weights and without dropout, a layer equals `nn.TransformerEncoderLayer`."""
    own = fresh(lambda: AttentionLayer(16, 0.0), seeded()).eval()
    theirs = torch.nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True)
    with torch.no_grad():
        for here, there in (
            (own.projections, (theirs.self_attn.in_proj_weight, theirs.self_attn.in_proj_bias)),
            (own.attended, (theirs.self_attn.out_proj.weight, theirs.self_attn.out_proj.bias)),
            (own.wider, (theirs.linear1.weight, theirs.linear1.bias)),
            (own.narrower, (theirs.linear2.weight, theirs.linear2.bias)),
        ):
            there[0].copy_(here.weight)
            there[1].copy_(here.bias)
        tokens = torch.randn(5, 7, 16, generator=seeded(3))
        torch.testing.assert_close(own(tokens), theirs.train()(tokens), rtol=1e-4, atol=1e-5)


def test_a_class_is_one_token() -> None:
    """Posterior, sensitivity and label of a class go through the same weights: classes exchanged, tokens exchanged."""
    network = fresh(lambda: SamiaNetwork(4, 8, 1, 0.0), seeded()).eval()
    seen: list[torch.Tensor] = []
    network.encoder.register_forward_hook(lambda _, __, out: seen.append(out))
    features = torch.randn(3, 12, generator=seeded(1))
    order = torch.tensor([2, 0, 3, 1])
    network(features)
    network(features.unflatten(1, (3, 4))[:, :, order].flatten(1))
    torch.testing.assert_close(seen[1], seen[0][:, order])


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"width": 18}, "width: found 18, allowed multiples of 4"),
        ({"dropout": 1.0}, "dropout: found 1, allowed below 1"),
    ],
)
def test_networks_that_cannot_be_built_are_refused(wrong: dict[str, object], line: str) -> None:
    """One line names the key, what was found and what is allowed."""
    with pytest.raises(UserError, match=line):
        read(SamiaSettings, {**asdict(SETTINGS), **wrong}, "params.yaml: attack.x")
