"""The toy problem for networks that are cut into edge and cloud."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from toy import Toy

from privprune.defences import DefenceContext
from privprune.models import CutSettings, build, reseed
from privprune.models.wire.gaussian import GaussianSettings
from privprune.training.batches import TrainingData, as_input
from privprune.training.ensemble import Ensemble
from privprune.training.loop import History, Step, Term, train


def cut_at(after: int = 1, bottleneck: int | None = 4, *, extra: bool = False) -> CutSettings:
    """Return a cut of the toy's network with noise on its wire: 4 x 4 places after one block, 2 x 2 after two."""
    wire = GaussianSettings("gaussian", 0.05)
    return CutSettings(after=after, bottleneck=bottleneck, extra_convolution=extra, wire=wire, skip=None)


def cut_ensemble(cut: CutSettings, seed: int = 0) -> Ensemble:
    """Return a network with the cut."""
    chance = torch.Generator().manual_seed(seed)
    network = build("digits_cnn", in_channels=1, image_size=8, classes=3, generator=chance, cut=cut)
    reseed(network, 50 + seed)
    return Ensemble([network])


def cut_step(ensemble: Ensemble, setting: DefenceContext, records: int = 12, **changed: Any) -> Step:
    """Return what a term sees of a step on the first training records."""
    own = setting.members[0, :records]
    inputs, labels = as_input(setting.images[own]), setting.labels[own]
    seen = ensemble.observe(inputs)
    complete: dict[str, Any] = {
        "ensemble": ensemble,
        "inputs": inputs,
        "labels": labels,
        "logits": seen.logits,
        "features": seen.features,
        "sent": seen.sent,
        "learning_rate": 0.1,
        "epoch": 0,
        "last_of_epoch": False,
    }
    return Step(**{**complete, **changed})


def cut_training(
    toy: Toy, setting: DefenceContext, terms: tuple[Term, ...], epochs: int = 3
) -> tuple[Ensemble, History]:
    """Train a network with the setting's cut on its members."""
    assert setting.cut is not None
    ensemble = cut_ensemble(setting.cut)
    data = TrainingData(setting.images, setting.labels, setting.members)
    plan = toy.plan(epochs, batch=10, learning_rate=0.05)
    return ensemble, train(ensemble, data, plan, toy.generators(0), terms=terms)


def same_weights(one: Ensemble, other: Ensemble) -> bool:
    """Whether two networks are equal bit for bit, buffers included."""
    (first,), (second,) = one.state_dicts(), other.state_dicts()
    return all(torch.equal(first[name], second[name]) for name in first)


class HostReads(TorchDispatchMode):
    """Counts what makes the host wait for a value from the device."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        waits = ("_local_scalar_dense", "nonzero", "is_nonzero", "equal", "masked_select", "_unique2", "bincount")
        self.count += func.overloadpacket.__name__ in waits
        return func(*args, **(kwargs or {}))
