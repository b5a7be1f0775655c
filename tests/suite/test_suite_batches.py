"""Batches of a single record, of which networks that normalise over the batch can learn nothing."""

import copy
from typing import Any

import pytest
import torch
from locations import TINY
from suite_changes import put

from privprune.errors import UserError
from privprune.models import blank
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

RECORDS = 120  # of each network: half of the 240 that the miniature suite keeps


def with_batch(place: str, batch: int) -> dict[str, Any]:
    """Return the miniature suite with another size of the batches of one phase."""
    suite = copy.deepcopy(load_yaml(TINY))
    entry = place.split("/")[:2]
    suite[entry[0]][entry[1]] = copy.deepcopy(suite[entry[0]][entry[1]])  # phases share a mapping
    put(place, {**suite[entry[0]][entry[1]][place.split("/")[2]], "batch": batch})(suite)
    return suite


@pytest.mark.parametrize("place", ["train/dense/plan", "prune/removed/retrain"])
@pytest.mark.parametrize("batch", [1, 7, 17, 119])
def test_a_batch_of_one_record_is_refused_where_it_is_normalised(place: str, batch: int) -> None:
    """A network with BNNeck normalises each number over the batch, and one record has no deviation."""
    assert RECORDS % batch in (0, 1)
    with pytest.raises(UserError) as refused:
        check_suite(with_batch(place, batch), "P")
    assert str(refused.value) == (
        f"P: {place.replace('/', '.')}.batch: found {batch}, which leaves 1 of 120 records to the last batch, "
        "allowed sizes that leave none or at least 2 (photos_resnet normalises over the batch)"
    )


@pytest.mark.parametrize("batch", [2, 59, 118, 120, 121, 65_536])
def test_other_batches_are_allowed(batch: int) -> None:
    """Two records have a deviation, and a batch is never larger than the records."""
    assert check_suite(with_batch("train/dense/plan", batch), "P")


@pytest.mark.parametrize("batch", [1, 7, 119])
def test_networks_without_such_a_normalisation_take_one_record(batch: int) -> None:
    """They are not refused what they can do."""
    assert check_suite(with_batch("train/base/plan", batch), "P")


def test_pytorch_refuses_what_is_refused() -> None:
    """In training mode the network with BNNeck fails on one image and not on two; the other takes one."""
    sizes = {"in_channels": 1, "image_size": 8, "classes": 10, "cut": None, "widths": None}
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        blank("photos_resnet", **sizes).train()(torch.zeros(1, 1, 8, 8))
    assert blank("photos_resnet", **sizes).train()(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert blank("digits_cnn", **sizes).train()(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
