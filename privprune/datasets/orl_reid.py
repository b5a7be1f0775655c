"""The ORL faces as a re-identification set (ours): people that training never shows, each photograph a view of its own.

The set knows no cameras. The number of a photograph stands for one: no query and gallery picture of a person share it,
so nothing is left out of the ranking.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from privprune.datasets.dataset import Dataset
from privprune.datasets.orl_faces import PEOPLE, PHOTOGRAPHS, orl_faces
from privprune.datasets.orl_faces import TRAIN as FIRST
from privprune.datasets.source import Source

TRAIN = 30  # people; the other 10 are looked for
QUERIES = 3  # photographs of each of them; the other 7 are the gallery


def orl_reid(source: Source) -> Dataset:
    """Read the faces as `orl-faces` does: 300 train records of people 1 to 30, then 30 queries and 70 gallery records.

    Queries are photographs 1 to 3 of people 31 to 40. The gallery goes photograph by photograph, so that its end shows
    everybody.

    Raises:
        UserError: a file is missing, of another size, or no picture.

    """
    faces = orl_faces(source)
    numbers = range(PHOTOGRAPHS)
    strangers = range(TRAIN, PEOPLE)
    records = [
        *[(person, number) for person in range(TRAIN) for number in numbers],
        *[(person, number) for person in strangers for number in numbers[:QUERIES]],
        *[(person, number) for number in numbers[QUERIES:] for person in strangers],
    ]
    places = torch.tensor([_place(person, number) for person, number in records])
    made = Dataset.of(
        "orl-reid",
        faces.images[places],
        faces.labels[places],
        official_train=TRAIN * PHOTOGRAPHS,
        classes=TRAIN,
        cameras=torch.tensor([number for _, number in records]),
        queries=len(strangers) * QUERIES,
    )
    return replace(made, note=faces.note)


def _place(person: int, number: int) -> int:
    """Return where `orl-faces` has a photograph: photographs 1 to 8 person by person, then 9 and 10."""
    if number < FIRST:
        return person * FIRST + number
    return PEOPLE * FIRST + person * (PHOTOGRAPHS - FIRST) + number - FIRST
