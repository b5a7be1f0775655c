"""Where each data set, and published weights, are looked for, and what a user does who has none. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

VARIABLE = "PRIVPRUNE_DATA"  # names the user's folder of data
WEIGHTS = "https://download.pytorch.org/models"  # torchvision's published weights, under the names in the suites


@dataclass(frozen=True)
class Whereabouts:
    """Of one data set.

    Attributes:
        had: it comes with a dependency, is downloaded when it is fetched, or is brought by the user.
        entries: files or folders of which one is enough, below the folders that are searched.
        layout: what has to be in them.
        origin: where it comes from, and its terms.
        records: how many training records a complete copy has.
        image: channels and side in pixels of the records.

    """

    had: Literal["embedded", "downloaded", "brought"]
    entries: tuple[str, ...]
    layout: str
    origin: str
    records: int
    image: tuple[int, int]


_TORCHVISION = "the addresses that torchvision knows"
_ORL = Whereabouts(
    "brought",
    ("orl_faces",),
    "orl_faces/s1/1.png to orl_faces/s40/10.png (or .pgm)",
    "AT&T Laboratories Cambridge, https://cam-orl.co.uk/facedatabase.html, free with credit to the Olivetti Research "
    "Laboratory (Samaria and Harter, 1994)",
    320,
    (1, 64),
)
_WILD = Whereabouts(
    "brought",
    ("VERI-Wild",),
    "VERI-Wild/images/<vehicle>/<image>.jpg and VERI-Wild/train_test_split/*.txt",
    "its authors (Lou et al., CVPR 2019, https://github.com/PKU-IMRE/VERI-Wild), on accepting their terms",
    277_797,
    (3, 256),
)
WHEREABOUTS = {
    "digits": Whereabouts("embedded", (), "", "scikit-learn", 1500, (1, 8)),
    "photos": Whereabouts("embedded", (), "", "scikit-image", 4000, (3, 32)),
    "photo-reid": Whereabouts("embedded", (), "", "scikit-image", 1024, (3, 32)),
    "mnist": Whereabouts("downloaded", ("MNIST/raw",), "MNIST/raw/*-ubyte.gz", _TORCHVISION, 60_000, (1, 28)),
    "fashion-mnist": Whereabouts(
        "downloaded", ("FashionMNIST/raw",), "FashionMNIST/raw/*-ubyte.gz", _TORCHVISION, 60_000, (1, 28)
    ),
    "cifar10": Whereabouts(
        "downloaded",
        ("cifar-10-batches-py", "cifar-10-python.tar.gz"),
        "cifar-10-python.tar.gz",
        _TORCHVISION,
        50_000,
        (3, 32),
    ),
    "cifar100": Whereabouts(
        "downloaded",
        ("cifar-100-python", "cifar-100-python.tar.gz"),
        "cifar-100-python.tar.gz",
        _TORCHVISION,
        50_000,
        (3, 32),
    ),
    "tiny-imagenet": Whereabouts(
        "downloaded",
        ("tiny-imagenet-200.zip", "tiny-imagenet-200"),
        "tiny-imagenet-200.zip",
        "http://cs231n.stanford.edu, for non-commercial research and education",
        100_000,
        (3, 64),
    ),
    "imagenet": Whereabouts(
        "brought",
        ("imagenet",),
        "imagenet/train/<wnid>/*.JPEG and imagenet/val/<wnid>/*.JPEG",
        "https://image-net.org (ILSVRC 2012), for non-commercial research and education, on accepting the owner's "
        "terms there",
        1_281_167,
        (3, 224),
    ),
    "facescrub": Whereabouts(
        "brought",
        ("facescrub",),
        "facescrub/train/<person>/*.jpg and facescrub/validate/<person>/*.jpg",
        "its authors, http://vintage.winklerbros.net/facescrub.html (Ng and Winkler, ICIP 2014), who give addresses of "
        "pictures on the web, for non-commercial research, on accepting their terms",
        39_969,
        (3, 48),
    ),
    "orl-faces": _ORL,
    "orl-reid": _ORL,
    "veri776": Whereabouts(
        "brought",
        ("VeRi",),
        "VeRi/image_train, image_query and image_test with <vehicle>_c<camera>_*.jpg",
        "its authors (Liu et al., ECCV 2016, https://github.com/JDAI-CV/VeRidataset), by e-mail, for research only",
        37_778,
        (3, 256),
    ),
    "veri-wild-small": _WILD,
    "veri-wild-medium": _WILD,
    "veri-wild-large": _WILD,
}


@dataclass(frozen=True)
class Places:
    """Where data are looked for: the user's own folder, where `PRIVPRUNE_DATA` names one, then the project's."""

    users: Path | None
    downloads: Path

    @classmethod
    def of(cls, environment: Mapping[str, str], downloads: Path) -> Places:
        """Read the variable."""
        named = environment.get(VARIABLE)
        return cls(Path(named).expanduser() if named else None, downloads)

    @property
    def own(self) -> str:
        """The user's folder, in words."""
        if self.users is None:
            return f"the folder named by {VARIABLE}, which is not set"
        return f"the folder named by {VARIABLE}, {self.users}{'' if self.users.is_dir() else ', which does not exist'}"

    def found(self, entries: tuple[str, ...]) -> Path | None:
        """Return the first entry that is there."""
        roots = [root for root in (self.users, self.downloads) if root is not None]
        return next((root / entry for root in roots for entry in entries if (root / entry).exists()), None)


def data_state(name: str, places: Places) -> tuple[bool, str]:
    """Say whether a data set can be fetched, and from where, or what the user has to do, in one line.

    Args:
        name: the source set, a key of `WHEREABOUTS`; another has no whereabouts, and its own loader tells more.
        places: where it is looked for. What is found there is not opened.

    """
    if name not in WHEREABOUTS:
        return False, "unknown, its stage will tell"
    about = WHEREABOUTS[name]
    found = places.found(about.entries)
    if about.had == "embedded":
        return True, f"comes with {about.origin}"
    if found is not None:
        return True, f"found, {found}; verified when it is fetched"
    if about.had == "downloaded":
        return True, f"downloaded when it is fetched, from {about.origin}; or put {about.layout} into {places.own}"
    return False, f"MISSING: put {about.layout} into {places.own}; it comes from {about.origin}"


def weights_state(file: str, places: Places) -> tuple[bool, str]:
    """Say the same of a file of published weights, which only the user's folder may hold."""
    path = None if places.users is None else places.users / "checkpoints" / file
    if path is not None and path.is_file():
        return True, f"found, {path}"
    return False, f"MISSING: put it into checkpoints/ of {places.own}; it comes from {WEIGHTS}/{file}"
