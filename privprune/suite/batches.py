"""Check the batches of a suite's training phases against the records and the networks, before anything is trained."""

from __future__ import annotations

import copy
import functools

import torch

from privprune.datasets.entry import DatasetSettings
from privprune.errors import UserError
from privprune.models.shapes import NetworkShapes
from privprune.suite.deployments import Entry
from privprune.suite.methods import training_records
from privprune.suite.reidentification import plans_of
from privprune.suite.shapes import network_shapes
from privprune.workflow.context import NetworkSettings


def check_batches(entry: Entry, data: DatasetSettings, network: NetworkSettings, where: str) -> None:
    """Check that no batch has a single record where a network normalises one number per record over the batch.

    BNNeck does, and so does any normalisation of feature maps of one pixel: a single record has no deviation. Batches
    of P identities x K images have several records always.

    Args:
        entry: the cell, whose origin has been checked.
        data: its dataset.
        network: its networks.
        where: location of the entry, for the message.

    Raises:
        UserError: the last batch of an epoch would have one record.

    """
    if network.reidentification is not None:
        return
    records = training_records(data, network)
    for key, plan in plans_of(entry):
        last = (records - 1) % plan.batch + 1
        if last == 1 and plan.epochs and not _takes_one_record(network_shapes(data, network, where)):
            raise UserError(
                f"{where}.{key}.batch: found {plan.batch}, which leaves 1 of {records:,} records to the last batch, "
                f"allowed sizes that leave none or at least 2 ({network.model} normalises over the batch)"
            )


@functools.cache
def _takes_one_record(shapes: NetworkShapes) -> bool:
    """Return whether a network can be trained on a batch of one record; PyTorch raises a ValueError if not."""
    network = copy.deepcopy(shapes.model).train()
    try:
        with torch.no_grad():
            network(torch.zeros(1, *shapes.image))
    except ValueError:
        return False
    return True
