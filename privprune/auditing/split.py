"""`privprune.audit_split`: how well an attacker reconstructs images from the features that an edge sends of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from privprune.attacks.choice import attack_of, read_attack
from privprune.attacks.inversion import INVERSION_ATTACKS, Inversion, InversionAttack, Reconstruction, ThreatModel
from privprune.attacks.inversion.checks.not_beaten import not_beaten_by
from privprune.attacks.inversion.checks.twice_the_budget import not_lowered_by_twice_the_budget
from privprune.auditing.edge import DividedImages, Prepare, divide_images, has_gradient, read_images, threat_model
from privprune.auditing.queries import device_of, evaluating, in_words, seeded
from privprune.auditing.report import finish
from privprune.auditing.settings import SplitSettings, check_seed
from privprune.auditing.split_report import SplitReport
from privprune.auditing.split_results import InversionResult, SplitResult
from privprune.checks import Check
from privprune.errors import UserError, shown
from privprune.metrics.reconstruction import Quality, measure
from privprune.randomness import Purpose, generator, numpy_generator

MEAN_IMAGE = "mean_image"  # the control, which is always run
_WORDS = {"mean_image": "the mean image", "lmmse": "LMMSE"}  # trivial attack -> in words
_FOLLOW_THE_GRADIENT = ("rmle", "deep_prior")  # attacks that optimise images through the edge
_KNOWS = "infer"  # attacker's images that the edge was not trained on; all of `ThreatModel.auxiliary` either way


@dataclass(frozen=True)
class _Planned:
    """An attack that is run."""

    method: InversionAttack
    settings: Any
    written: Mapping[str, object]
    attack: Inversion


def audit_split(
    edge: nn.Module,
    images: Tensor | Dataset[Any],
    *,
    prepare: Prepare | None = None,
    settings: SplitSettings | None = None,
    seed: int = 0,
    name: str = "edge",
    mlflow: str | None = None,
) -> SplitReport:
    """Reconstruct images from the features that an edge sends, with LMMSE, a decoder and rMLE.

    Args:
        edge: any module that turns images into features [n, ...], noise on the wire included. It is run in evaluation
            mode, on the device where it is, and left as it was. If it draws random numbers, then from PyTorch's global
            generators.
        images: float from 0 to 1 or uint8 [n, C, H, W], or a dataset of such images, alone or with a class; they are
            rounded to bytes. The attacker learns on some, and is scored on others.
        prepare: turns images from 0 to 1 into what the edge takes, such as a normalisation; None where it takes these.
        settings: shares of the images, attacks and more; None for the defaults of `SplitSettings`.
        seed: of all random numbers.
        name: of the edge, for the page.
        mlflow: name of an experiment, in which the audit becomes one run; None for none.

    Returns:
        the result; `write` writes its page and its record.

    Raises:
        UserError: one line about what is missing or odd.

    """
    if not isinstance(edge, nn.Module):
        raise UserError(f"edge: found {shown(type(edge).__name__)}, allowed a torch.nn.Module")
    check_seed(seed)
    result = _split_result(edge, images, prepare, settings or SplitSettings(), seed, name)
    return finish(SplitReport(result), mlflow)


def _split_result(
    edge: nn.Module,
    images: Tensor | Dataset[Any],
    prepare: Prepare | None,
    settings: SplitSettings,
    seed: int,
    name: str,
) -> SplitResult:
    """Plan and run the attacks; arguments and errors are those of `audit_split`."""
    planned = {label: _planned(label, written, settings) for label, written in settings.attacks.items()}
    planned = {MEAN_IMAGE: _planned(MEAN_IMAGE, {"attack": MEAN_IMAGE}, settings), **planned}
    pixels = read_images(images)
    divided = divide_images(len(pixels), settings, seed)
    with evaluating(edge), seeded(seed, device_of(edge)):
        threat = threat_model(edge, prepare, pixels, divided)
        if settings.queries > 1 and not threat.random:
            raise UserError(
                f"SplitSettings.queries: found {settings.queries} with an edge that is not random, allowed 1"
            )
        attacks, not_run = _attacked(planned, threat, divided, settings, seed)
        feature_shape = tuple(threat.features(threat.scored[:1]).shape[1:])
    candidates = [one for one in attacks if not one.control]
    return SplitResult(
        name=name,
        seed=seed,
        settings=settings,
        source=in_words(edge),
        image_shape=tuple(pixels.shape[1:]),
        feature_shape=feature_shape,
        random=threat.random,
        images={part: len(records) for part, records in vars(divided).items()},
        originals=pixels[divided.scored[: settings.shown]].float() / 255,
        attacks=tuple(attacks),
        not_run=not_run,
        strongest=min(candidates, key=lambda one: one.selection).label if candidates else None,
    )


def _planned(label: str, written: Mapping[str, object], settings: SplitSettings) -> _Planned:
    """Read the settings of an attack, with what the audit decides for all of them.

    Raises:
        UserError: the attack is unknown, or its settings are wrong.

    """
    decided: dict[str, object] = {"attacker_data": _KNOWS}
    if written.get("attack") != MEAN_IMAGE:
        decided["queries"] = settings.queries
    completed = {**decided, **written}
    method, own = read_attack(INVERSION_ATTACKS, completed, f"attacks.{label}")
    return _Planned(method, own, completed, attack_of(method, own))


def _attacked(
    planned: Mapping[str, _Planned], threat: ThreatModel, divided: DividedImages, settings: SplitSettings, seed: int
) -> tuple[list[InversionResult], dict[str, str]]:
    """Run all attacks; returns their results, and label -> why for those that cannot be run or fail."""
    results: list[InversionResult] = []
    not_run: dict[str, str] = {}
    trivial: dict[str, Quality] = {}
    for label, one in planned.items():
        try:
            if one.method.name in _FOLLOW_THE_GRADIENT and not has_gradient(threat):
                raise ValueError("needs the gradient of the edge, which has none")  # noqa: TRY301 (one place says why)
            reconstruction, found = _reconstructed(one.attack, label, threat, divided, seed)
            doubled = one.attack.doubled() if settings.twice else None
            again = None if doubled is None else _reconstructed(doubled, label, threat, divided, seed)[1]
        except (UserError, ValueError) as failure:
            not_run[label] = str(failure)
            continue
        scored = found.take(torch.searchsorted(divided.inverted, divided.scored))
        checks = [*one.method.checks(one.settings, [reconstruction.history])]
        if not one.method.control:
            checks += _not_beaten(scored, trivial)
        if again is not None:
            repeated = again.take(torch.searchsorted(divided.inverted, divided.scored))
            checks.append(not_lowered_by_twice_the_budget(float(scored.mse.mean()), float(repeated.mse.mean())))
        trivial.setdefault(one.method.name, scored)
        results.append(_result(label, one, reconstruction, found, divided, settings, seed, checks))
    return results, not_run


def _reconstructed(
    attack: Inversion, label: str, threat: ThreatModel, divided: DividedImages, seed: int
) -> tuple[Reconstruction, Quality]:
    """Run an attack; returns what it reconstructs, and how well, of scored and selection images.

    Raises:
        UserError, ValueError: it cannot invert these features, or its training diverged.

    """
    shape = tuple(threat.features(threat.scored[:1]).shape[1:])
    attack.check(shape, threat.image_shape)
    draws = generator(seed, Purpose.INVERSION, 0, label)
    with seeded(int(torch.randint(2**31, (), generator=draws)), threat.images.device):
        reconstruction = attack(threat, draws)
    return reconstruction, Quality.of(threat.targets(threat.scored), reconstruction.images, divided.inverted)


def _not_beaten(scored: Quality, trivial: Mapping[str, Quality]) -> list[Check]:
    """Compare an attack with the trivial ones that were run before it, on the same images."""
    return [
        not_beaten_by(words, [scored.mse], [trivial[name].mse]) for name, words in _WORDS.items() if name in trivial
    ]


def _result(
    label: str,
    planned: _Planned,
    reconstruction: Reconstruction,
    found: Quality,
    divided: DividedImages,
    settings: SplitSettings,
    seed: int,
    checks: list[Check],
) -> InversionResult:
    """Measure a reconstruction on the scored images, and its error on those for selection."""
    scored, selection = (torch.searchsorted(divided.inverted, part) for part in (divided.scored, divided.selection))
    quality = found.take(scored)
    draws = numpy_generator(seed, Purpose.INVERSION, label)
    return InversionResult(
        label=label,
        settings=planned.written,
        control=planned.method.control,
        measures=measure([quality], settings.resamples, draws),
        selection=float(found.take(selection).mse.mean()),
        quality=quality,
        images=reconstruction.images[scored[: settings.shown].to(reconstruction.images.device)].cpu(),
        checks=tuple(checks),
    )
