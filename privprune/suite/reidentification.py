"""Check the parts of a suite that concern re-identification: datasets, networks, batches and training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from privprune.datasets.entry import DatasetSettings
from privprune.errors import UserError
from privprune.models import BlockNet, has_neck
from privprune.training.loop import TrainingPlan
from privprune.workflow.context import NetworkSettings
from privprune.workflow.prune import PruneEntry
from privprune.workflow.train import HardenEntry, TrainEntry


def check_identities(data: DatasetSettings, network: NetworkSettings, model: BlockNet, where: str) -> None:
    """Check that networks suit a dataset of identities, or one of classes.

    Args:
        data: the dataset that they are trained on.
        network: their settings.
        model: a network of this architecture, with any weights.
        where: location of `network`, for the message.

    Raises:
        UserError: identities without `reidentification` or the reverse, a network without BNNeck or with a narrower
            architecture, a dataset with fewer identities or records than a batch needs, or with one camera for every
            query.

    """
    settings = network.reidentification
    if (settings is None) == data.info.identities:
        kind, allowed = ("identities", "its settings") if settings is None else ("classes", "null")
        raise UserError(
            f"{where}.reidentification: found {'null' if settings is None else 'settings'}, allowed {allowed} "
            f"({data.name} has {kind})"
        )
    if settings is None:
        return
    if not has_neck(model) or network.small_dense is not None:
        raise UserError(f"{where}.model: found {network.model}, allowed with reidentification: a network with BNNeck")
    cameras = data.info.query_cameras
    if cameras is not None and cameras < 2:
        raise UserError(
            f"{where}.reidentification: found one camera for every query ({data.name}), allowed a set with at least two"
        )
    for most, reason in (
        (data.info.classes, data.name),
        (data.train_records // 2, f"two images of each, {data.train_records:,} records"),
    ):
        if settings.identities > most:
            raise UserError(
                f"{where}.reidentification.identities: found {settings.identities}, allowed at most {most} ({reason})"
            )


def check_training(entry: TrainEntry | HardenEntry | PruneEntry, network: NetworkSettings, where: str) -> None:
    """Check that an entry's training phases suit batches of P identities x K images.

    Raises:
        UserError: a batch of another size, a stack, or a search by accuracy on records that were not trained on: no
            network can classify these, whose identities are new to it.

    """
    settings = network.reidentification
    if settings is None:
        return
    if entry.stack != 1:
        raise UserError(f"{where}.stack: found {entry.stack}, allowed 1 with network.reidentification")
    for key, plan in plans_of(entry):
        if plan.batch != settings.batch:
            raise UserError(
                f"{where}.{key}.batch: found {plan.batch}, allowed {settings.batch} "
                "(network.reidentification: identities x images)"
            )
    if isinstance(entry, PruneEntry) and entry.search is not None:
        raise UserError(f"{where}.search: found one, allowed null with network.reidentification")


def plans_of(entry: TrainEntry | HardenEntry | PruneEntry) -> Iterator[tuple[str, TrainingPlan]]:
    """Yield the training phases of an entry by their keys."""
    if not isinstance(entry, PruneEntry):
        yield "plan", entry.plan
        return
    method: Any = entry.method
    if isinstance(plan := getattr(method, "plan", None), TrainingPlan):
        yield "method.plan", plan
    yield "retrain", entry.retrain
