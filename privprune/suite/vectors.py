"""Refuse what needs images where records are vectors, such as the rows of a table: in one line, before training."""

from __future__ import annotations

from privprune.datasets.entry import DatasetSettings
from privprune.errors import UserError
from privprune.models import MODELS
from privprune.suite.deployments import Entry
from privprune.suite.reidentification import plans_of
from privprune.workflow.attack_entry import ChosenAttack
from privprune.workflow.context import NetworkSettings


def check_takes_vectors(data: DatasetSettings, network: NetworkSettings, name: str, where: str) -> None:
    """Check that networks take vectors where the records are vectors; a cut is for images, which are sent and rebuilt.

    Args:
        data: the dataset that they are trained on.
        network: their settings.
        name: of the dataset in the suite, for the message.
        where: location of `network`, for the message.

    Raises:
        UserError: a network for images alone, or one with a cut.

    """
    if not data.info.vectors or network.model not in MODELS:
        return
    if not MODELS[network.model].vectors:
        allowed = ", ".join(model for model, spec in MODELS.items() if spec.vectors)
        raise UserError(f"{where}.model: found {network.model}, allowed {allowed} ({_reason(name)})")
    if network.cut is not None:
        raise UserError(f"{where}.cut: found one, allowed null ({_reason(name)})")


def check_plans(entry: Entry, data: DatasetSettings, where: str) -> None:
    """Check that no training phase of an entry changes images.

    Raises:
        UserError: an augmentation of vectors.

    """
    for key, plan in plans_of(entry) if data.info.vectors else ():
        if plan.augmentation != "none":
            raise UserError(
                f"{where}.{key}.augmentation: found {plan.augmentation}, allowed none ({_reason(entry.data)})"
            )


def check_queries(chosen: ChosenAttack, data: DatasetSettings, name: str, where: str) -> None:
    """Check that an attack on membership shifts and mirrors no vectors; noise on them is allowed.

    Raises:
        UserError: it does.

    """
    if data.info.vectors and any(view.down or view.right or view.mirrored for view in chosen.views):
        raise UserError(f"{where}: found queries that are shifted or mirrored, allowed others ({_reason(name)})")


def refuse_inversion(data: DatasetSettings, name: str, where: str) -> None:
    """Check that no attack reconstructs the images of a dataset without images.

    Raises:
        UserError: the records are vectors.

    """
    if data.info.vectors:
        raise UserError(f"{where}.inversions: found some, allowed `methods` for membership ({_reason(name)})")


def _reason(name: str) -> str:
    return f"records of {name} are vectors, not images"
