"""The game between the edge and a decoder."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from cut_toys import HostReads, cut_at, cut_ensemble, cut_step, cut_training, same_weights
from similarity import padded_with_zeros
from toy import Toy

from privprune.defences import DefenceContext
from privprune.defences.resfl import PretrainingSettings, ResSfl, ResSflSettings, resfl
from privprune.errors import UserError
from privprune.settings import read
from privprune.training.loop import ScheduleSettings

MakeSetting = Callable[..., DefenceContext]


def game(**changed: Any) -> ResSflSettings:
    """Return settings with some changed."""
    complete: dict[str, Any] = {
        "name": "resfl",
        "weight": 2.0,
        "loss": "ssim",
        "threshold": 0.0,
        "attack_steps": 1,
        "learning_rate": 0.01,
        "schedule": ScheduleSettings("constant", (), 1.0),
        "blocks": 0,
        "width": 8,
        "pretraining": None,
    }
    return ResSflSettings(**{**complete, **changed})


def started(context: DefenceContext, **changed: Any) -> tuple[ResSfl, Any]:
    """Return the term after its start and pretraining, and a step."""
    term, ensemble = ResSfl(game(**changed), context), cut_ensemble(cut_at())
    term.start(ensemble)
    for _ in range(term.warm_ups):
        term.warm_up(ensemble)
    return term, cut_step(ensemble, context)


def judged(context: DefenceContext, loss: str, **changed: Any) -> tuple[float, float]:
    """Return the penalty, and the decoder's SSIM or MSE as computed by the public code's convolutions or NumPy."""
    term, step = started(context, loss=loss, **changed)
    with HostReads() as reads:
        penalty = term.penalty(step).item()
    assert reads.count == 1  # the item() above
    decoded = term._decoder.eval()(step.features).detach().numpy()
    images = (step.inputs.numpy() + 1) / 2
    if loss == "mse":
        return penalty, float(((decoded - images) ** 2).mean())
    return penalty, float(np.mean([padded_with_zeros(*pair) for pair in zip(decoded, images, strict=True)]))


def test_the_penalty_is_that_of_similarity_above_the_threshold(context: MakeSetting) -> None:
    """The penalty is s * (SSIM - threshold), with the batch's SSIM padded with zeros, and 0 below the threshold."""
    own = context(0, cut=cut_at())
    learnt = {"pretraining": PretrainingSettings(epochs=10, batch=10, final_learning_rate=0.001)}
    penalty, reached = judged(own, "ssim", **learnt)
    assert reached > 0.06
    assert penalty == pytest.approx(2.0 * reached, rel=1e-4)
    fresh = context(0, cut=cut_at())
    assert judged(fresh, "ssim", threshold=0.05, **learnt)[0] == pytest.approx(2.0 * (reached - 0.05), rel=1e-4)
    assert judged(context(0, cut=cut_at()), "ssim", threshold=0.99)[0] == 0


def test_the_penalty_is_that_of_error_below_the_cap(context: MakeSetting) -> None:
    """With the mean squared error it is s * (cap - MSE) below the cap, and 0 above it."""
    penalty, reached = judged(context(0, cut=cut_at()), "mse", threshold=0.9)
    assert penalty == pytest.approx(2.0 * (0.9 - reached), rel=1e-5)
    assert judged(context(0, cut=cut_at()), "mse", threshold=0.5 * reached)[0] == 0


def test_each_step_changes_one_network_only(context: MakeSetting) -> None:
    """The penalty has a gradient on the edge only; the decoder's step changes neither the network nor its gradients."""
    term, step = started(context(0, cut=cut_at()), loss="mse", threshold=1.0)
    before = copy.deepcopy(term._decoder.state_dict())
    term.penalty(step).backward()
    assert all(value.grad is None for value in term._decoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in term._decoder.state_dict().items())
    moved = {name: value.grad for name, value in step.ensemble.module.named_parameters() if value.grad is not None}
    assert {name.split(".")[0] for name in moved} == {"conv1", "bottleneck"}
    assert all(gradient.abs().sum() > 0 for gradient in moved.values())
    state = step.ensemble.state_dicts()[0]
    kept = {name: gradient.clone() for name, gradient in moved.items()}
    term.update(step)
    assert all(torch.equal(value, state[name]) for name, value in step.ensemble.state_dicts()[0].items())
    assert all(torch.equal(moved[name], kept[name]) for name in moved)
    assert not torch.equal(term._decoder.state_dict()["0.conv1.weight"], before["0.conv1.weight"])
    assert step.ensemble.module.training


def test_without_weight_the_game_is_plain_training(toy: Toy, context: MakeSetting) -> None:
    """With s = 0 the network is that of training without the game, noise included, and the decoder is trained."""
    own = context(0, cut=cut_at())
    plain, _ = cut_training(toy, own, (), epochs=8)
    pretraining = PretrainingSettings(epochs=1, batch=10, final_learning_rate=0.0)
    term = ResSfl(game(weight=0.0, attack_steps=3, pretraining=pretraining), own)
    watched, history = cut_training(toy, own, (term,), epochs=8)
    assert same_weights(plain, watched)
    similarity = [row[0] for row in history["decoder_ssim"]]
    assert similarity[-1] > similarity[0] + 0.1


@pytest.mark.parametrize("loss", ["ssim", "mse"])
def test_the_game_worsens_reconstructions(toy: Toy, context: MakeSetting, loss: Any) -> None:
    """The decoder's reconstructions are worse with the game in the edge's loss than without."""
    ends = []
    for weight in (0.0, 20.0):
        own = context(0, cut=cut_at())
        threshold = 0.0 if loss == "ssim" else 1.0
        terms = resfl(game(weight=weight, loss=loss, threshold=threshold, attack_steps=2), own).terms
        _, history = cut_training(toy, own, terms, epochs=8)
        ends.append(history[f"decoder_{loss}"][-1][0])
    assert ends[1] < ends[0] - 0.05 if loss == "ssim" else ends[1] > 1.2 * ends[0]


def test_pretraining_fits_the_decoder_to_the_training_records_alone(context: MakeSetting) -> None:
    """It lowers the error before the first step, leaves the edge unchanged, and depends on members only."""
    own = context(0, cut=cut_at())
    changed = own.images.clone()
    changed[40:] = 255 - changed[40:]
    other = context(0, cut=cut_at(), images=changed)
    pretraining = PretrainingSettings(epochs=6, batch=16, final_learning_rate=0.0001)
    found, again = (started(each, loss="mse", threshold=1.0, pretraining=pretraining) for each in (own, other))
    for name, value in found[0]._decoder.state_dict().items():
        assert torch.equal(value, again[0]._decoder.state_dict()[name]), name
    assert same_weights(found[1].ensemble, started(context(0, cut=cut_at()))[1].ensemble)
    fresh, step = started(context(0, cut=cut_at()), loss="mse", threshold=1.0)
    assert found[0].penalty(found[1]) > fresh.penalty(step)
    assert found[0]._losses == []


def test_the_decoders_rate_follows_its_schedule(context: MakeSetting) -> None:
    """Adam's rate is that of the schedule in each epoch."""
    schedule = ScheduleSettings("multistep", (1, 2), 0.2)
    term, step = started(context(0, cut=cut_at()), schedule=schedule)
    rates = []
    for epoch in range(3):
        term.update(cut_step(step.ensemble, term._context, epoch=epoch))
        rates.append(term._optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.002, 0.0004])


def test_the_settings_can_be_read_from_a_suite() -> None:
    """Every key is required; `pretraining: null` leaves pretraining out."""
    found = {
        "name": "resfl",
        "weight": 1,
        "loss": "ssim",
        "threshold": 0.5,
        "attack_steps": 1,
        "learning_rate": 0.001,
        "schedule": {"name": "multistep", "milestones": [60, 150, 240, 260], "factor": 0.2},
        "blocks": 4,
        "width": 64,
        "pretraining": None,
    }
    assert read(ResSflSettings, found, "suite.yaml").schedule.milestones == (60, 150, 240, 260)
    for key in found:
        with pytest.raises(UserError, match=rf"suite.yaml: {key}: missing"):
            read(ResSflSettings, {name: value for name, value in found.items() if name != key}, "suite.yaml")


def test_invalid_networks_are_refused(context: MakeSetting) -> None:
    """Refused are networks without a cut, and features from whose shape no decoder leads to that of the images."""
    with pytest.raises(ValueError, match=r"^resfl: found a whole network, allowed one with network.cut"):
        resfl(game(), context(0))
    oblong = context(0, cut=cut_at(), images=torch.zeros(96, 1, 8, 16, dtype=torch.uint8))
    with pytest.raises(UserError, match=r"^resfl: found features 4x4x8 of images 1x8x16") as refused:
        ResSfl(game(), oblong).start(cut_ensemble(cut_at()))
    assert "\n" not in str(refused.value)
