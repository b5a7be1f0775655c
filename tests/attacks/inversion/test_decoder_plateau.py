"""Training to a plateau: held-out records, the weights of the best epoch, and when a training ends."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from inversion_toys import CONSTANT, FIT, Noise, Recording, threat_model
from test_inversion_attacks import built, inverted
from torch import nn

from privprune.attacks.inversion import INVERSION_ATTACKS
from privprune.attacks.inversion.decoder_training import FitSettings, fit, fresh_decoder
from privprune.attacks.inversion.pairs import FeatureImagePairs
from privprune.attacks.inversion.plateau import HeldOut, Plateau
from privprune.errors import UserError
from privprune.settings import read
from privprune.training.batches import as_input

STEADY = {**FIT, "schedule": CONSTANT, "validation": 0.2}


def settings(**changed: Any) -> FitSettings:
    """Read settings of a training."""
    return read(FitSettings, {**STEADY, "patience": None, **changed}, "test")


def test_held_out_records_are_apart_and_evenly_spaced() -> None:
    """Each pair is in one part; a share of 0 holds none out, a small one at least one."""
    pairs = FeatureImagePairs(threat_model(), torch.arange(50), 1)
    training, held = pairs.divided(0.2)
    assert (len(training), len(held)) == (40, 10)
    images = [part.images(torch.arange(len(part))) for part in (training, held)]
    assert torch.equal(images[1], pairs.images(torch.arange(0, 50, 5)))
    assert not any((images[0] == one).flatten(1).all(1).any() for one in images[1])
    assert [len(part) for part in pairs.divided(0.0)] == [50, 0]
    assert [len(part) for part in pairs.divided(0.001)] == [49, 1]
    with pytest.raises(ValueError, match=r"^validation: found 0.5 of 1 known records, allowed fewer"):
        FeatureImagePairs(threat_model(), torch.arange(1), 1).divided(0.5)


def test_the_decoder_never_trains_on_held_out_records() -> None:
    """The records that pass through it in training mode are the others."""
    against = threat_model()
    pairs = FeatureImagePairs(against, against.auxiliary, 1)
    recording, seen = Recording(), fresh_decoder((3, 8, 8), against, 0, 4, torch.Generator().manual_seed(0))

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = seen

        def forward(self, sent: torch.Tensor) -> torch.Tensor:
            decoded: torch.Tensor = self.decoder(recording(sent) if self.training else sent)
            return decoded

    fit(Watched(), pairs, settings(epochs=2), torch.Generator().manual_seed(1))
    held = as_input(against.images[against.auxiliary[::5]])
    trained = torch.stack(recording.seen)
    assert len(trained) == 160
    assert not any(torch.isclose(trained, one).flatten(1).all(1).any() for one in held)


def test_the_best_weights_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The decoder ends with the weights after the epoch whose held-out error was lowest, not with the last ones."""
    against, errors = threat_model(), iter([3.0, 1.0, 2.0, 1.5])
    pairs = FeatureImagePairs(against, against.auxiliary, 1)
    decoder = fresh_decoder((3, 8, 8), against, 0, 4, torch.Generator().manual_seed(0))
    states: list[dict[str, torch.Tensor]] = []

    def scripted(_: HeldOut, measured: nn.Module) -> float:
        states.append({name: value.clone() for name, value in measured.state_dict().items()})
        return next(errors)

    monkeypatch.setattr(HeldOut, "error", scripted)
    history = fit(decoder, pairs, settings(epochs=4), torch.Generator().manual_seed(1))
    assert history["validation_loss"] == [3.0, 1.0, 2.0, 1.5]
    assert len(history["loss"]) == 4
    kept = decoder.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in states[1].items())
    assert any(not torch.equal(value, kept[name]) for name, value in states[3].items())


def test_a_held_out_error_is_the_same_each_time() -> None:
    """What was sent of each held-out record is drawn once, so that epochs compare."""
    against = threat_model(wire=Noise())
    held = HeldOut(FeatureImagePairs(against, against.auxiliary, 1), "float32")
    decoder = fresh_decoder((3, 8, 8), against, 0, 4, torch.Generator().manual_seed(0))
    assert held.error(decoder) == held.error(decoder)
    assert decoder.training


def test_the_rate_falls_where_there_is_no_progress() -> None:
    """After so many epochs to 0.3 times itself, three times, then the training ends; progress starts the count anew."""
    plateau, decoder = Plateau(settings(patience=2)), nn.Linear(1, 1)
    factors = []
    for error in (1.0, 0.5, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4):
        plateau.note(error, decoder)
        factors.append(round(plateau.factor, 4))
    assert factors == [1, 1, 1, 0.3, 0.3, 0.3, 0.09, 0.09, 0.027, 0.027, 0.0081]
    assert plateau.stopped


def test_a_training_ends_on_its_plateau() -> None:
    """Before its epochs are over."""
    patient = {**STEADY, "epochs": 60, "patience": 1, "learning_rate": 0.03}
    long = inverted(built("decoder", width=4, fit=patient), threat_model())
    assert 5 < len(long.history["loss"]) < 60


def test_doubling_doubles_all_of_the_budget() -> None:
    """Epochs, milestones and patience; attacks in closed form have none."""
    multistep = {"name": "multistep", "milestones": [3, 5], "factor": 0.1}
    twice = settings(schedule=multistep).doubled()
    assert (twice.epochs, twice.schedule.milestones, twice.patience) == (60, (6, 10), None)
    assert settings(patience=2).doubled().patience == 4
    without = {name for name in INVERSION_ATTACKS if built(name).doubled() is None}
    assert without == {"lmmse", "mean_image"}


@pytest.mark.parametrize("name", ["decoder", "class_decoder", "sub_pixel_decoder", "gan", "rmle", "deep_prior"])
def test_twice_the_budget_is_twice_as_long(name: str) -> None:
    """The curves of the doubled attack have twice the points."""
    short = {"rmle": {"steps": 3}, "deep_prior": {"steps": 3}, "gan": {"epochs": 1}}
    attack = built(name, **short.get(name, {"fit": {**FIT, "epochs": 1}}))
    doubled = attack.doubled()
    assert doubled is not None
    against = threat_model(scored=torch.arange(100, 102))
    lengths = [len(inverted(one, against).history["loss"]) for one in (attack, doubled)]
    assert lengths[1] == 2 * lengths[0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"validation": 0.0, "patience": 3},
            "patience: found 3 without held-out records",
        ),
        ({"patience": 3, "schedule": {**CONSTANT, "name": "cosine"}}, "patience: found 3 with the schedule cosine"),
        ({"validation": 0.6}, "validation: found 0.6, allowed at least 0 and at most 0.5"),
    ],
)
def test_a_patience_that_means_nothing_is_refused(changed: dict[str, Any], message: str) -> None:
    """Nothing measures progress, or the schedule lowers the rate anyway."""
    with pytest.raises(UserError, match=message):
        settings(**changed)
