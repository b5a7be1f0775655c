"""All defences, by one table."""

import sys
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import pytest
import torch
from cut_toys import cut_at, cut_ensemble
from toy import Toy

from privprune.defences import DEFENCES, LATE, NEEDS_CUT, Defence, DefenceContext, DefenceSettings, import_late, set_up
from privprune.settings import read
from privprune.training.batches import TrainingData
from privprune.training.ensemble import Ensemble
from privprune.training.loop import train

pytestmark = [  # what torch and Opacus say about the inputs of the first layer, and about the toy's tiny budgets
    pytest.mark.filterwarnings("ignore:Full backward hook is firing"),
    pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha"),
]
GAME = {"gain_weight": 1, "attack_steps": 1, "learning_rate": 0.001, "warm_up_epochs": 0}
DECODER = {
    "weight": 0.3,
    "loss": "ssim",
    "threshold": 0.1,
    "attack_steps": 1,
    "learning_rate": 0.001,
    "schedule": {"name": "constant", "milestones": [], "factor": 1.0},
    "blocks": 1,
    "width": 4,
    "pretraining": None,
}
CHANNELS = {"epochs_before_pruning": 1, "ratio": 0.25, "more_outputs_than": 8, "importance": "data"}
MIXTURE = {"weight": 1.0, "weight_schedule": "constant", "refit": {"name": "collected"}}
AS_WRITTEN = {"name": "as_written", "clusters_per_class": 1, "covariance": "full"}
AS_RELEASED = {
    "name": "as_released",
    "clusters_per_class": 2,
    "floor": 0.01,
    "threshold": 0.125,
    "batch_factor": 10,
    "batch_cap": 0.99,
    "slips": [],
}
LIPSCHITZ = {"weights": [0.05], "deviation": 0.1, "share": 0.5, "over": "max", "normalised": True}
ALL: list[dict[str, Any]] = [
    {"name": "confidence_penalty", "weight": 0.3},
    {"name": "dense"},
    {"name": "dp_sgd", "epsilon": 5, "delta": 0.01, "clipping_norm": 1, "accountant": "rdp"},
    {"name": "matched_accuracy"},
    {"name": "min_max", "variant": "paper", **GAME},
    {"name": "min_max", "variant": "released", **GAME},
    {"name": "distance_correlation", "weight": 0.5},
    {"name": "resfl", **DECODER},
    {"name": "patrol_as_in_cem", **DECODER, **CHANNELS},
    {"name": "patrol", "lipschitz": LIPSCHITZ, "game": DECODER},
    {"name": "cem", **MIXTURE, "form": AS_RELEASED, "base": None},
    {"name": "cem", **MIXTURE, "form": AS_WRITTEN, "base": {"name": "resfl", **DECODER}},
]


def settings_of(found: dict[str, Any]) -> DefenceSettings:
    """Read settings as a suite's entry does."""
    kind = next(kind for kind in DEFENCES if get_args(get_type_hints(kind)["name"]) == (found["name"],))
    settings: DefenceSettings = read(kind, found, "suite.yaml")
    return settings


def defended(found: dict[str, Any], context: DefenceContext, toy: Toy) -> tuple[Ensemble, Defence, Any]:
    """Train one network with a defence, on the context's members."""
    defence = set_up(settings_of(found), context)
    ensemble = Ensemble(toy.networks(0)) if context.cut is None else cut_ensemble(context.cut)
    data = TrainingData(context.images, context.labels, context.members)
    plan = toy.plan(context.epochs, batch=context.batch, momentum=0.0)
    history = train(ensemble, data, plan, toy.generators(1), terms=defence.terms, transform=defence.transform)
    if defence.finish is not None:
        defence.finish(ensemble)
    return ensemble, defence, history


def test_every_defence_is_tested() -> None:
    """The table below covers the registry."""
    assert {type(settings_of(found)) for found in ALL} == set(DEFENCES)


@pytest.mark.parametrize("found", ALL, ids=lambda found: found["name"] + found.get("variant", ""))
def test_a_defence_trains_and_gives_the_network_back(
    found: dict[str, Any], context: Callable[..., DefenceContext], toy: Toy
) -> None:
    """Each trains a finite, plain network, measures one value per network, twice the same, without global chance."""
    cut = cut_at(2, extra=True) if isinstance(settings_of(found), NEEDS_CUT) else None
    given = {"target_accuracy": torch.tensor([0.99]), "cut": cut}
    global_state = torch.get_rng_state()
    ensemble, defence, history = defended(found, context(0, **given), toy)
    again, _, _ = defended(found, context(0, **given), toy)
    assert torch.equal(torch.get_rng_state(), global_state)
    (state,), (state_again,) = ensemble.state_dicts(), again.state_dicts()
    fresh = toy.networks(9)[0] if cut is None else cut_ensemble(cut, seed=9).module
    fresh.load_state_dict(state)
    for name, value in state.items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, state_again[name]), name
    assert all(len(rows) == 3 and {len(row) for row in rows} == {1} for rows in history.values())
    assert all(len(values) == 1 for values in defence.measured().values())


@pytest.mark.parametrize("own", [one for one in ALL if one["name"] in ("cem", "dp_sgd")])
def test_what_workers_would_each_import_is_there_before(own: dict[str, Any]) -> None:
    """After `import_late` the slow module of a defence has been imported; others have none."""
    settings = settings_of(own)
    import_late(settings)
    assert LATE[type(settings)] in sys.modules
    import_late(None)
