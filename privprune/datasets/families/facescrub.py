"""FaceScrub (Ng and Winkler, ICIP 2014) from the user's own copy, in the layout that CEM's code reads."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from privprune.datasets.catalogue import DatasetInfo
from privprune.datasets.class_folders import class_files
from privprune.datasets.decoding import decode_all, open_image
from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import Source, SourceInfo
from privprune.errors import UserError

SIDE = 48  # pixels, as in CEM's code
SUFFIXES = (".jpg", ".jpeg", ".png")
SOURCE = SourceInfo(
    "user_supplied",
    "its authors, http://vintage.winklerbros.net/facescrub.html (Ng and Winkler, ICIP 2014), who give addresses of "
    "pictures on the web, for non-commercial research, on accepting their terms",
    ("facescrub",),
    "facescrub/train/<person>/*.jpg and facescrub/validate/<person>/*.jpg",
)


def read_facescrub(source: Source) -> RawDataset:
    """Read the faces of `facescrub/{train,validate}/<person>/`, resized to 48x48: uint8 [N, 3, 48, 48].

    A class is the position of the person's folder among the sorted training folders that contain a picture (526 of the
    530 classes of CEM's networks in the copies known). `validate` is used as the test set, as in CEM's code. That code
    resizes with OpenCV, whose bilinear weights skip pixels when a picture shrinks; Pillow's, used here, do not.

    Raises:
        UserError: the folder or a part of it is missing, `validate` shows a person that `train` does not, or a file is
            not an image.

    """
    root = source.supplied_folder("facescrub", SOURCE)
    train, validation = (class_files(root / part, SUFFIXES, SOURCE.layout) for part in ("train", "validate"))
    people = sorted(person for person, files in train.items() if files)
    unknown = sorted(person for person, files in validation.items() if files and person not in people)
    if unknown:
        raise UserError(f"{root / 'validate' / unknown[0]}: a person of whom train holds no picture")
    files: list[Path] = []
    labels: list[int] = []
    for part in (train, validation):
        for label, person in enumerate(people):
            pictures = part.get(person, [])
            files += [root / picture for picture in pictures]
            labels += [label] * len(pictures)
    return RawDataset(
        decode_all(_face, files),
        labels,
        official_train=sum(map(len, train.values())),
        classes=len(people),
    )


def _face(path: Path) -> Image.Image:
    return open_image(path, path, "RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)


METHOD = DatasetInfo(
    name="facescrub",
    channels=3,
    size=SIDE,
    classes=530,  # of CEM's networks, also where a copy shows fewer people
    train_records=39_969,
    read=read_facescrub,
    source=SOURCE,
)
