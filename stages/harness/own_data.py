"""Links to the user's own data, through which DVC sees its changes; `check` makes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from privprune.datasets.entry import DatasetSettings
from privprune.datasets.own_format import OwnSettings
from privprune.files import new_folder, write_text
from stages.harness.records_stage import DATA

LINKS = DATA / "own"


def link_own_data(datasets: Mapping[str, DatasetSettings]) -> None:
    """Write `data/own/<entry>`: a link to the user's file or folder, a line of text for a dataset of the catalogue.

    The stage `fetch` of each entry depends on it. DVC reads what a link points to, so that a file that is changed, new
    or gone makes `fetch` run again. In the output of `check` DVC sees the link alone, and the data as no part of it:
    when DVC removes that output, it removes the link.

    Args:
        datasets: entries of the suite, which have been checked.

    """
    root = Path.cwd()
    with new_folder(LINKS) as unfinished:
        for name, settings in datasets.items():
            if not isinstance(settings, OwnSettings):
                write_text(unfinished / name, f"{settings.name} is in the catalogue\n")
                continue
            place = root / settings.location
            inside = place.is_relative_to(root)
            (unfinished / name).symlink_to(os.path.relpath(place, root / LINKS) if inside else place)
