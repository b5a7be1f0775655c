"""The datasets: one `DatasetInfo` each, declared in a file of `privprune.datasets.families`. No PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from privprune.datasets.raw import RawDataset
from privprune.datasets.sources import DataFolders, Source, SourceInfo
from privprune.registry import Registry


@dataclass(frozen=True)
class ImageShape:
    """What a network receives and distinguishes: channels, side in pixels, classes."""

    channels: int
    size: int
    classes: int

    @property
    def image(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self.channels, self.size, self.size


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a dataset before anything of it is fetched, so that a suite can be checked at once.

    Attributes:
        name: its name in a suite.
        channels: of its images, 1 (grey) or 3 (red, green, blue); where records are vectors, how many numbers each has.
        size: side of its images, in pixels; 1 where records are vectors.
        classes: number of classes, or of training identities.
        train_records: number of training records of a complete copy; costs are estimated from it.
        identities: whether it is a re-identification set: labels are identities, the test records show others than the
            training records, are seen by cameras, and are divided into queries and a gallery.
        query_cameras: number of cameras that take the queries of a re-identification set; None where it is not known
            before the set is read.
        test_records: number of test records of a complete copy; None where it is not known before the set is read.
        vectors: whether its records are vectors of numbers, such as the rows of a table; a network sees them as images
            of one pixel, with a channel for each number.
        read: reads all of its records. It raises UserError where the files are missing or damaged.
        source: where it is obtained.

    """

    name: str
    channels: int
    size: int
    classes: int
    train_records: int
    read: Callable[[Source], RawDataset]
    source: SourceInfo
    identities: bool = False
    query_cameras: int | None = None
    test_records: int | None = None
    vectors: bool = False

    @property
    def image_shape(self) -> ImageShape:
        """The shape that networks are built for."""
        return ImageShape(self.channels, self.size, self.classes)


DATASETS = Registry("privprune.datasets.families", DatasetInfo, "privprune.datasets")


def data_state(name: str, folders: DataFolders) -> tuple[bool, str]:
    """Return whether a dataset can be fetched, and one line that says from where, or what the user has to do.

    Args:
        name: of the dataset. One that is not in the catalogue is reported by its own stage.
        folders: where it is looked for. Files found there are not opened.

    """
    info = DATASETS.get(name)
    if info is None:
        return False, "unknown, its stage will tell"
    source = info.source
    if source.availability == "bundled":
        return True, f"comes with {source.provider}"
    found = folders.find(source.paths)
    if found is not None:
        return True, f"found, {found}; verified when it is fetched"
    put = f"put {source.layout} into {folders.user_text}"
    if source.availability == "downloaded":
        return True, f"downloaded when it is fetched, from {source.provider}; or {put}"
    return False, f"MISSING: {put}; it comes from {source.provider}"
