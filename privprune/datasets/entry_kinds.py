"""The kinds of entries of a suite's `datasets:`: datasets of the catalogue, and the formats of the user's own data."""

from __future__ import annotations

from privprune.annotations import OneOf
from privprune.datasets.catalogue import DATASETS
from privprune.datasets.entry import CatalogueSettings, DatasetSettings
from privprune.datasets.own_format import OWN_FORMATS


def dataset_kinds() -> dict[str, type[DatasetSettings]]:
    """Return the name in a suite -> the class of its entries; a dataset comes before a format of the same name."""
    known: dict[str, type[DatasetSettings]] = dict.fromkeys(DATASETS, CatalogueSettings)
    return known | {name: one.settings for name, one in OWN_FORMATS.items() if name not in known}


DATASET_ENTRY = OneOf(dataset_kinds)
