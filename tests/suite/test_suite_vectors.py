"""Records of a table in a suite: what needs images is refused in one line, before anything is fetched or trained."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from locations import ROOT, TINY
from own_files import people, write_pictures, write_table
from ruamel.yaml import YAML
from suite_changes import Suite, put

from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

PAGE = (ROOT / "docs" / "own_data.md").read_text()
TABLE = next(block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "name: csv" in block)
REASON = "(records of people are vectors, not images)"
MODEL = "train.plain.network"
CUT = {"after": 1, "bottleneck": None, "extra_convolution": False, "wire": {"name": "plain"}}
SHIFTED = {
    "attack": "label_only",
    "queries": {"name": "shifted", "shift": 1, "mirrored": False},
    "score": "count",
    "training": None,
}


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Suite:
    """Return the suite that the page on own data prints, with the table that it names."""
    monkeypatch.chdir(tmp_path)
    write_table(Path("my_data") / "people.csv", people(300))
    return dict(copy.deepcopy(YAML(typ="safe").load(TABLE)))


def inverted(suite: Suite) -> None:
    """Reconstruct images of a table."""
    tiny = load_yaml(TINY)["attack"]["cut-inverted"]
    suite["attack"]["images"] = {**tiny, "paper": "own", "data": "people", "target": "plain"}


def noisy(suite: Suite) -> None:
    """Query with noise, which is for vectors too."""
    suite["attack"]["plain"]["methods"]["noisy"] = {
        **SHIFTED,
        "queries": {"name": "noisy", "deviation": 0.1, "draws": 2},
    }


def another_model(suite: Suite) -> None:
    """Train a network for images."""
    suite["train"]["plain"]["network"].update(model="digits_cnn", widths=None)


MISTAKES: dict[str, tuple[Callable[[Suite], None], str]] = {
    "network": (another_model, f"{MODEL}.model: found digits_cnn, allowed mlp {REASON}"),
    "no widths": (
        put("train/plain/network/widths", None),
        f"{MODEL}.widths: found None, allowed units of each hidden layer, [64, 32] (mlp)",
    ),
    "no layer": (put("train/plain/network/widths", []), f"{MODEL}.widths: found 0 layers, allowed 1 to 8"),
    "cut": (put("train/plain/network/cut", CUT), f"{MODEL}.cut: found one, allowed null {REASON}"),
    "augmentation": (
        put("harden/relaxloss/plan/augmentation", "crop_flip"),
        f"harden.relaxloss.plan.augmentation: found crop_flip, allowed none {REASON}",
    ),
    "augmentation of a phase": (
        put("prune/pruned/method/plan/augmentation", "flip_rotate"),
        f"prune.pruned.method.plan.augmentation: found flip_rotate, allowed none {REASON}",
    ),
    "inversion": (inverted, f"attack.images.inversions: found some, allowed `methods` for membership {REASON}"),
    "mirrored": (
        put("attack/plain/methods/lira/queries", 2),
        f"attack.plain.methods.lira: found queries that are shifted or mirrored, allowed others {REASON}",
    ),
    "shifted": (
        put("attack/plain/methods/moved", SHIFTED),
        f"attack.plain.methods.moved: found queries that are shifted or mirrored, allowed others {REASON}",
    ),
    "file": (
        put("datasets/people/path", "my_data/nobody.csv"),
        (
            "datasets.people.path: my_data/nobody.csv: found no such file, allowed a table with the "
            "names of its columns first"
        ),
    ),
    "pools": (
        put("datasets/people/protocols/clean/members", 500),
        "datasets.people.protocols.clean.members: found 500, allowed at most 120 (as many are non-members)",
    ),
    "key of another format": (
        put("datasets/people/accept", "verified"),
        (
            "datasets.people.accept: unknown key, allowed name, limit, targets, shadows, protocols, path, label, "
            "columns, categories, delimiter, split"
        ),
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_what_needs_images_is_refused_for_a_table(suite: Suite, kind: str) -> None:
    """The line names file, key, what was found and what is allowed."""
    change, expected = MISTAKES[kind]
    for section in ("train", "prune", "harden", "attack"):  # what the page's anchors share
        suite[section] = {name: copy.deepcopy(entry) for name, entry in suite[section].items()}
    change(suite)
    with pytest.raises(UserError) as refused:
        check_suite(suite, "P")
    assert str(refused.value) == f"P: {expected}"


def test_noise_on_vectors_is_allowed(suite: Suite) -> None:
    """As is the suite of the page without a change."""
    check_suite(suite, "P")
    noisy(suite)
    check_suite(suite, "P")


def test_sizes_of_pictures_are_held_against_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Side and channels are those of the entry, the number of records is that of the files."""
    monkeypatch.chdir(tmp_path)
    write_pictures(Path("my_data") / "pictures", 120)
    block = next(text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "name: folder" in text)
    suite = {**load_yaml(ROOT / "params" / "own.yaml"), **YAML(typ="safe").load(block)}
    check_suite(suite, "P")
    for key, value, expected in (
        ("size", 30, "train.plain.network: digits_cnn: found images of 30 pixels, allowed multiples of 4"),
        ("channels", 4, "datasets.images.channels: found 4, allowed 1, 3"),
        ("limit", 193, "datasets.images.limit: found 193, allowed at most 192"),
    ):
        changed = copy.deepcopy(suite)
        changed["datasets"]["images"][key] = value
        with pytest.raises(UserError) as refused:
            check_suite(changed, "P")
        assert str(refused.value) == f"P: {expected}"
    suite["train"]["plain"]["network"]["widths"] = [8]
    with pytest.raises(UserError) as refused:
        check_suite(suite, "P")
    assert str(refused.value) == "P: train.plain.network.widths: found [8], allowed null (digits_cnn)"
