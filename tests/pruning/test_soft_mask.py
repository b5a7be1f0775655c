"""The soft mask as a term of the training loop."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from residual_toys import SHAPE, residual

from privprune.errors import UserError
from privprune.models.residual import ShortcutOnly
from privprune.pruning.channel_groups import removable
from privprune.pruning.selection import StructureMasks
from privprune.pruning.soft_mask import _target, soft_mask
from privprune.pruning.soft_mask_settings import SoftMaskSettings, WidthSettings
from privprune.pruning.soft_mask_term import SoftMask
from privprune.pruning.threshold import ShareThreshold
from privprune.settings import read
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import Step, Term, TrainingPlan, train


def settings_with(toy: Any, **changed: Any) -> SoftMaskSettings:
    """Return settings."""
    common: dict[str, Any] = {"sparsity": 0.1, "learning_rate": 0.05, "momentum": 0.9, "structures": "both"}
    common |= {"weigh": "equal", "widths": WidthSettings(1, 1), "wire_removed": None, "distillation": None}
    threshold, plan = ShareThreshold("share", 0.5, "parameters"), toy.plan(1)
    return SoftMaskSettings(**{"name": "soft_mask", **common, "threshold": threshold, "plan": plan, **changed})


def network(seed: int = 0) -> Ensemble:
    """Return the toy with random weights."""
    model = residual()
    chance = torch.Generator().manual_seed(seed)
    for value in model.parameters():
        value.data = torch.randn(value.shape, generator=chance) * 0.3
    return Ensemble([model])


def step_of(ensemble: Ensemble, inputs: torch.Tensor, labels: torch.Tensor) -> Step:
    """Return what the term sees of a step."""
    logits = ensemble(inputs)
    return Step(ensemble, inputs, labels, logits, None, None, 0.1, epoch=0, last_of_epoch=False)


def test_masks_move_by_proximal_steps_that_count_the_sparsity_once(toy: Any) -> None:
    """Three steps with momentum are those of a plain loop, whose gradients are finite differences of the loss."""
    ensemble = network()
    ensemble.train(mode=False)
    parts = removable(ensemble.module, SHAPE)  # type: ignore[arg-type]
    term = SoftMask(settings_with(toy), parts)
    term.start(ensemble)
    inputs, labels = torch.randn(6, *SHAPE, generator=torch.Generator().manual_seed(1)), torch.arange(6) % 4
    watched = [(term.masks.channels["stem.conv"], 2), (term.masks.blocks["block1"], ())]
    velocities = [0.0, 0.0]
    for _ in range(3):
        expected = []
        for number, (mask, place) in enumerate(watched):
            before, slopes = mask[place].item(), []
            for move in (1e-2, -1e-2):
                with torch.no_grad():
                    mask[place] = before + move
                    slopes.append(F.cross_entropy(ensemble(inputs), labels).item() / 2e-2)
                    mask[place] = before
            velocities[number] = 0.9 * velocities[number] + slopes[0] - slopes[1]
            expected.append(max(0.0, before - 0.05 * (velocities[number] + 0.1)))
        step = step_of(ensemble, inputs, labels)
        term.penalty(step)
        F.cross_entropy(step.logits, labels).backward()
        term.update(step)
        assert [mask[place].item() for mask, place in watched] == pytest.approx(expected, abs=2e-4)


def test_masks_start_at_one_end_at_zero_and_leave_no_hook(toy: Any) -> None:
    """At first no bit of the output changes; sparsity alone brings all but the fewest to 0; closed, none act."""
    ensemble, inputs = network(), torch.randn(4, *SHAPE)
    ensemble.train(mode=False)
    plain = ensemble(inputs)
    parts = removable(ensemble.module, SHAPE)  # type: ignore[arg-type]
    term = SoftMask(settings_with(toy, sparsity=15.0), parts)
    term.start(ensemble)
    step = step_of(ensemble, inputs, torch.zeros(4, dtype=torch.long))
    assert torch.equal(step.logits, plain)
    assert term.measurements()["mask_mean"].tolist() == [1.0]
    term.penalty(step)
    term.update(step)  # no backward: the gradient is 0, and a step is 0.05 * 15
    assert term.measurements()["mask_mean"].tolist() == pytest.approx([0.25])
    term.update(step)
    left, count = len(parts.groups), len(term.masks.values())
    assert term.measurements()["mask_zero_share"].tolist() == pytest.approx([1 - left / count])
    assert not torch.equal(ensemble(inputs), plain)
    assert int(term.close().values().count_nonzero()) == left  # one channel of each group, which has to stay
    assert torch.equal(ensemble(inputs), plain)


def test_gradients_of_other_moves_do_not_count(toy: Any) -> None:
    """A backward pass between two steps, as of an adversary, moves no mask."""
    ensemble = network()
    term = SoftMask(settings_with(toy, sparsity=0.0), removable(ensemble.module, SHAPE))  # type: ignore[arg-type]
    term.start(ensemble)
    step = step_of(ensemble, torch.randn(4, *SHAPE), torch.zeros(4, dtype=torch.long))
    step.logits.sum().backward()
    term.penalty(step)
    term.update(step)
    assert term.measurements()["mask_mean"].tolist() == [1.0]


def test_masks_train_in_the_loop_and_the_share_is_removed(toy: Any) -> None:
    """Half of the edge's parameters go; what is measured is what is left; the networks' own loop did it."""
    ensemble, dense = network(), residual()
    images = torch.randint(0, 256, (24, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    data = TrainingData(images, torch.arange(24) % 4, torch.arange(24)[None])
    histories = {}

    def fit(phase: str, plan: TrainingPlan, terms: tuple[Term, ...], masks: Any) -> None:
        histories[phase] = train(ensemble, data, plan, toy.generators(0), terms=terms, masks=masks)

    removed = soft_mask(settings_with(toy, plan=toy.plan(3, batch=8)), ensemble, dense, SHAPE, fit)  # type: ignore[arg-type]
    measured = removed.measured
    assert measured["edge_parameters_dense"] == 1956
    assert measured["edge_removed"] == 1 - measured["edge_parameters_left"] / 1956 >= 0.5
    assert measured["blocks_removed"] == sum(isinstance(part, ShortcutOnly) for part in removed.model.modules())
    assert len(histories["mask"]["mask_mean"]) == 3
    assert histories["mask"]["mask_mean"][-1][0] < 1


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"threshold": {"name": "fixed", "value": 0}}, r"threshold.value: found 0, allowed above 0 and below 1"),
        ({"threshold": {"name": "fixed", "value": 1}}, r"threshold.value: found 1, allowed above 0 and below 1"),
        (
            {"threshold": {"name": "share", "removed": 1.0, "of": "parameters"}},
            r"threshold.removed: found 1.0, allowed above 0 and below 1",
        ),
        ({"structures": "stages"}, r"structures: found 'stages', allowed channels, blocks, both"),
        ({"epochs": 0}, r"plan.epochs: found 0, allowed at least 1"),
    ],
)
def test_settings_are_refused_with_one_line(changed: dict[str, Any], line: str) -> None:
    """Thresholds that would remove nothing or everything, and a phase without a step."""
    plan = {
        "epochs": changed.pop("epochs", 1),
        "batch": 8,
        "optimiser": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0},
        "schedule": {"name": "constant", "milestones": [], "factor": 1.0},
        "augmentation": "none",
        "precision": "float32",
    }
    written = {
        "name": "soft_mask",
        "sparsity": 0.1,
        "learning_rate": 0.1,
        "momentum": 0.0,
        "structures": "both",
        "weigh": "equal",
        "widths": {"multiple": 1, "least": 1},
        "wire_removed": None,
        "distillation": None,
        "threshold": {"name": "fixed", "value": 0.5},
        "plan": plan,
    }
    with pytest.raises(UserError, match=line):
        read(SoftMaskSettings, {**written, **changed}, "suite: method")


def test_the_wire_keeps_the_fewest_channels_of_any_layer(toy: Any) -> None:
    """A share of its own that leaves fewer than `least` leaves `least`."""
    for removed, left in ((0.3, 6), (0.9, 3)):
        ensemble = network()
        dense = ensemble.module
        settings = settings_with(toy, widths=WidthSettings(1, 3), wire_removed=removed)
        target = _target(settings, removable(dense, SHAPE), dense, dense, SHAPE, "method")  # type: ignore[arg-type]
        assert list(target.rules.fixed.values()) == [left]


def test_of_masks_that_come_to_zero_in_one_epoch_the_first_that_suffice_stay_there(toy: Any) -> None:
    """They are ordered by the moment, within a step too; the later ones are taken back to a small value."""
    ensemble = network()
    parts = removable(ensemble.module, SHAPE)  # type: ignore[arg-type]
    asked: list[int] = []

    def enough(masks: StructureMasks) -> bool:
        asked.append(int((masks.values() == 0).sum()))
        return asked[-1] >= 4

    term = SoftMask(settings_with(toy, sparsity=8.0, momentum=0.0), parts, enough)
    term.start(ensemble)
    pulls = [torch.linspace(0, 2, mask.numel()).view(mask.shape) for mask in term._all]
    for last in (False, False, True):  # 0.4 and up to 0.1 more in a step: all are at 0 after three
        for mask, pull in zip(term._all, pulls, strict=True):
            mask.grad = pull.clone()
        term.update(Step(ensemble, *[torch.zeros(1)] * 3, None, None, 0.1, epoch=0, last_of_epoch=last))  # type: ignore[arg-type]
    values = term.masks.values()
    assert max(asked) > 4
    assert 4 <= int((values == 0).sum()) < len(parts.groups) * 2 + 4
    strongest = torch.cat([pull.flatten() for pull in pulls])
    assert strongest[values == 0].min() >= strongest[values == 0.01].max()
    term.update(Step(ensemble, *[torch.zeros(1)] * 3, None, None, 0.1, epoch=1, last_of_epoch=True))  # type: ignore[arg-type]
    assert torch.equal(term.masks.values(), values)
