"""Training with each defence, killed and resumed from its checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from cut_toys import cut_at, cut_ensemble
from interruption import interrupted, same
from test_defence_registry import ALL, Example, settings_of
from toy import Toy

from privprune.checkpoints.store import NONE, Checkpoints
from privprune.defences import DEFENCES, Defence, DefenceContext, build_defence
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import ScheduleSettings, TrainingPlan, train

pytestmark = [  # warnings of torch and Opacus about inputs of the first layer, and about the toy's small budgets
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha"),
]
AS_RELEASED, AS_WRITTEN = ({**example} for example in DEFENCES["cem"].examples)
SEPARATE = {"refit": {"name": "separate_pass", "augmentation": "crop_flip"}}
PRETRAINED = {**DEFENCES["resfl"].examples[0], "pretraining": {"epochs": 2, "batch": 16, "final_learning_rate": 0.0001}}
MORE: dict[str, Example] = {
    "cem, separate pass": {**AS_RELEASED, **SEPARATE},
    "cem, diagonal": {**AS_WRITTEN, **SEPARATE, "form": {**AS_WRITTEN["form"], "covariance": "diagonal"}},
    "cem, from fit": {**AS_WRITTEN, "form": {**AS_WRITTEN["form"], "covariance": "from_fit"}},
    "cem, pretrained": {**AS_WRITTEN, **SEPARATE, "base": PRETRAINED},
}
CASES = {**{f"{number}, {found['name']}": found for number, found in enumerate(ALL)}, **MORE}
TOGETHER = {name for name, method in DEFENCES.items() if not method.needs & {"cut", "one_network"}}  # as a stack


@pytest.fixture(autouse=True)
def _known_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set DP-SGD's noise multiplier, which takes seconds to compute."""
    monkeypatch.setattr("opacus.accountants.utils.get_noise_multiplier", lambda **_: 1.0)


def begun(found: Example, make: Callable[..., DefenceContext], toy: Toy) -> tuple[Ensemble, Defence, DefenceContext]:
    """Return networks and defence before training."""
    members = 2 if found["name"] in TOGETHER else 1
    cut = cut_at(2, extra=True) if "cut" in DEFENCES[found["name"]].needs else None
    own = make(*range(members), cut=cut, target_accuracy=torch.tensor([0.0, 0.9])[:members])
    networks = toy.networks if found["name"] == "dp_sgd" else toy.normalised
    ensemble = cut_ensemble(cut) if cut is not None else Ensemble(networks(*range(members)))
    if members == 1 and found["name"] != "dp_sgd":
        ensemble.module.to(memory_format=torch.channels_last)
    return ensemble, build_defence(settings_of(found), own), own


def plan(toy: Toy, context: DefenceContext, momentum: float) -> TrainingPlan:
    """Return a plan with momentum, a schedule and augmentation, whose states change from epoch to epoch."""
    cosine = ScheduleSettings("cosine", (), 1.0)
    varied: Any = {"augmentation": "crop_flip", "schedule": cosine, "learning_rate": 0.02, "momentum": momentum}
    return toy.plan(context.epochs, batch=context.batch, **varied)


@pytest.mark.parametrize("found", CASES.values(), ids=CASES)
def test_a_defence_killed_twice_ends_with_the_same_bits(
    found: Example, context: Callable[..., DefenceContext], toy: Toy, tmp_path: Path
) -> None:
    """Networks, history, metrics and surrogate are those of uninterrupted training, and no epoch is repeated."""
    private = found["name"] == "dp_sgd"

    def trained(checkpoints: Checkpoints) -> list[Any]:
        ensemble, defence, own = begun(found, context, toy)
        history = train(
            ensemble,
            TrainingData(own.images, own.labels, own.members),
            plan(toy, own, momentum=0.0 if private else 0.9),
            toy.generators(*range(7, 7 + ensemble.members)),
            terms=defence.terms,
            transform=defence.transform,
            masks=None if private else {name: weight.detach() > -0.1 for name, weight in ensemble.weights().items()},
            checkpoints=checkpoints,
        )
        if defence.finish is not None:
            defence.finish(ensemble)
        surrogate = {} if defence.surrogate is None else defence.surrogate()
        strides = [value.stride() for value in ensemble.parameters()]
        return [ensemble.state_dicts(), history, defence.measured(), surrogate, strides]

    warm_ups = sum(term.warm_ups for term in begun(found, context, toy)[1].terms)
    same(interrupted(trained, tmp_path, 1, 1 + warm_ups, 1), trained(NONE))
