"""FaceScrub (Ng and Winkler, ICIP 2014) from the user's own copy, in the layout that CEM's code reads."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from privprune.datasets.class_folders import class_files, users_folder
from privprune.datasets.dataset import Dataset
from privprune.datasets.decoding import decoded, open_image
from privprune.datasets.source import Source
from privprune.datasets.sources import WHEREABOUTS
from privprune.errors import UserError

SIDE = 48  # pixels, as in CEM's code
SUFFIXES = (".jpg", ".jpeg", ".png")
LAYOUT, ORIGIN = WHEREABOUTS["facescrub"].layout, WHEREABOUTS["facescrub"].origin


def facescrub(source: Source) -> Dataset:
    """Read the faces of `facescrub/{train,validate}/<person>/`, resized to 48x48: uint8 [N, 3, 48, 48].

    A class is the position of the person's folder among the sorted training folders that hold a picture (in the copies
    known, 526 of the 530 that CEM's networks tell apart). `validate` takes the place of the test set, as in CEM's code.
    That code resizes with OpenCV, whose bilinear weights skip pixels when a picture shrinks; Pillow's, used here, do
    not.

    Raises:
        UserError: the folder or a part of it is missing, `validate` holds a person that `train` has not, or a file is
            no picture.

    """
    root = users_folder(source, "facescrub", "facescrub", LAYOUT, ORIGIN)
    train, validation = (class_files(root / part, SUFFIXES, LAYOUT) for part in ("train", "validate"))
    people = sorted(person for person, files in train.items() if files)
    unknown = sorted(person for person, files in validation.items() if files and person not in people)
    if unknown:
        raise UserError(f"{root / 'validate' / unknown[0]}: a person of whom train holds no picture")
    files, labels = [], []
    for part in (train, validation):
        for label, person in enumerate(people):
            found = part.get(person, [])
            files += [root / file for file in found]
            labels += [label] * len(found)
    return Dataset.of(
        "facescrub",
        decoded(_face, files),
        torch.tensor(labels, dtype=torch.int64),
        official_train=sum(map(len, train.values())),
        classes=len(people),
    )


def _face(path: Path) -> Image.Image:
    return open_image(path, path, "RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
