"""An independent network looks at reconstructions: known probes get known numbers, what is read is what was made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from privprune.cells import Cell, Manifest
from privprune.datasets.dataset import Dataset
from privprune.errors import UserError
from privprune.models import BlockNet
from privprune.randomness import Purpose, generator
from privprune.settings import read
from privprune.training.ensemble import Ensemble
from privprune.workflow import recognise as module
from privprune.workflow.attack_outputs import (
    RECONSTRUCTIONS,
    SCORES,
    Reconstructions,
    read_reconstructions,
    save_attack,
)
from privprune.workflow.context import DataContext, NetworkSettings
from privprune.workflow.recognise import RecogniseEntry, recognise
from privprune.workflow.utility import accuracy

Tiny = dict[str, Any]
WHERE = "tiny: recognise.cem-digits"


def entry(tiny: Tiny, **changed: Any) -> RecogniseEntry:
    """Return the tiny suite's entry."""
    return read(RecogniseEntry, {**tiny["recognise"]["cem-digits"], **changed}, WHERE)


def judge_of(context: DataContext, tiny: Tiny) -> Cell:
    """Return a cell of two targets with first weights."""
    manifest = context.manifest(read(NetworkSettings, {**tiny["train"]["base"]["network"], "shadows": 0}, "tiny"))
    return Cell(
        manifest,
        [manifest.fresh(generator(seed, Purpose.INITIAL_WEIGHTS)).state_dict() for seed in manifest.seeds],
        [{}, {}],
    )


def test_untouched_images_are_judged_like_the_originals(context: DataContext, tiny: Tiny) -> None:
    """A perfect reconstruction has the accuracy of the judge's first network; a black one that of its one answer."""
    test = torch.arange(context.dataset.official_train, len(context.dataset.labels))
    perfect = Reconstructions(context.dataset.images[test], test)
    black = Reconstructions(torch.zeros_like(perfect.images), test)
    cell = judge_of(context, tiny)
    found = recognise(entry(tiny), cell, context, {("cut", "rmle"): [perfect, black]}, WHERE)
    own = accuracy(Ensemble([cell.models([0])[0]]), test, context)
    logits = cell.models([0])[0].eval()(torch.full((1, 1, 8, 8), -1.0))
    always = (context.dataset.labels[test] == int(logits.argmax())).float().mean().item()
    metrics = found["cut/rmle"]["metrics"]
    assert metrics["accuracy"]["values"] == pytest.approx([own, always])
    assert metrics["original_accuracy"]["values"] == pytest.approx([own, own])
    assert 0 <= metrics["accuracy"]["low"] <= metrics["accuracy"]["mean"] <= metrics["accuracy"]["high"] <= 1
    assert found["cut/rmle"]["kind"] == "recognition"
    assert found["cut/rmle"]["records"] == {"probes": len(test), "gallery": 0}


class Corner(nn.Module):
    """An embedding by hand: the first two pixels."""

    def forward(self, images: Tensor) -> Tensor:
        """Take them: [batch, 1, height, width] to [batch, 2]."""
        return images[:, 0, 0, :2]


def pictures(angles: list[float]) -> Tensor:
    """Return images whose first two pixels point into a direction, degrees."""
    images = torch.zeros(len(angles), 1, 2, 2, dtype=torch.uint8)
    radians = torch.tensor(angles).deg2rad()
    images[:, 0, 0, 0] = (127.5 + 100 * radians.cos()).round()
    images[:, 0, 0, 1] = (127.5 + 100 * radians.sin()).round()
    return images


def test_a_probe_is_looked_for_in_the_true_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by hand: the gallery's pictures at 0, 30, 60 and 90 degrees, of two identities and two cameras.

    The probe at 0 has its own camera's picture left out, so that identity 5 stands second behind identity 6; rebuilt at
    60 degrees it is found at once. The probe of an identity that the gallery lacks is not counted.
    """
    images = pictures([10.0, 200.0, 0.0, 0.0, 0.0, 30.0, 60.0, 90.0])
    dataset = Dataset.of(
        "faces",
        images,
        torch.tensor([0, 1, 5, 7, 5, 6, 5, 6]),
        official_train=2,
        classes=2,
        cameras=torch.tensor([0, 1, 0, 0, 0, 1, 1, 0]),
        queries=2,
    )
    context = DataContext(dataset, tmp_path / "faces", torch.device("cpu"))
    monkeypatch.setattr(module, "embedder", lambda model: model)
    judge = module.Judge(BlockNet([("corner", Corner())]), context)
    assert judge.gallery.tolist() == [4, 5, 6, 7]
    records = torch.tensor([2, 3])
    true = judge.scores(images[records], records)
    rebuilt = judge.scores(pictures([60.0, 60.0]), records)
    assert (true["rank_1"].tolist(), true["mean_average_precision"].tolist()) == ([0.0], [0.5])
    assert (rebuilt["rank_1"].tolist(), rebuilt["mean_average_precision"].tolist()) == ([1.0], [1.0])
    itself = judge.scores(images[4:5], torch.tensor([4]))  # a gallery picture never finds itself
    assert itself["mean_average_precision"].tolist() == [0.5]


def manifest_of(context: DataContext, tiny: Tiny) -> Manifest:
    """Return that of two targets."""
    return judge_of(context, tiny).manifest


def save(folder: Path, manifest: Manifest, label: str, records: list[int], target: str = "cut") -> None:
    """Write what an attack on two networks made: the number of the network in every pixel."""
    arrays = {
        f"{label}/{number}/{name}": values
        for number in range(2)
        for name, values in (
            ("images", np.full((len(records), 1, 8, 8), number, np.uint8)),
            ("records", np.array(records)),
        )
    }
    save_attack(folder, RECONSTRUCTIONS, arrays, target, manifest, [label])


def test_what_attacks_made_of_test_records_is_read(context: DataContext, tiny: Tiny, tmp_path: Path) -> None:
    """Training records are left out, and so are attacks on other data, of other labels and on membership."""
    manifest, test = manifest_of(context, tiny), context.dataset.official_train
    save(tmp_path / "one", manifest, "rmle", [0, test, test + 2])
    save(tmp_path / "other", manifest, "deep_prior", [test])
    save(tmp_path / "elsewhere", replace(manifest, fingerprint="other"), "rmle", [test])
    save_attack(tmp_path / "members", SCORES, {}, "cut", manifest, ["rmle"])
    found = read_reconstructions(tmp_path, ("decoder_train", "rmle"), context)
    assert found.keys() == {("cut", "rmle")}
    assert [one.records.tolist() for one in found["cut", "rmle"]] == [[test, test + 2]] * 2
    assert [one.images.unique().tolist() for one in found["cut", "rmle"]] == [[0], [1]]


def test_what_cannot_be_read_is_reported(context: DataContext, tiny: Tiny, tmp_path: Path) -> None:
    """Nothing to look at, one attack twice, and a damaged file end in one line each."""
    manifest, test = manifest_of(context, tiny), context.dataset.official_train
    with pytest.raises(UserError, match=r"no rmle or gan of digits, run `dvc repro` to make them"):
        read_reconstructions(tmp_path, ("rmle", "gan"), context)
    save(tmp_path / "one", manifest, "rmle", [test])
    save(tmp_path / "two", manifest, "rmle", [test])
    with pytest.raises(UserError, match=r"found two attacks rmle on cut, remove what the suite has no more"):
        read_reconstructions(tmp_path, ("rmle",), context)
    (tmp_path / "two" / RECONSTRUCTIONS).write_bytes(b"PK\x03\x04 broken")
    (tmp_path / "one" / RECONSTRUCTIONS).unlink()
    with pytest.raises(UserError, match=r"two/reconstructions.npz: missing or damaged \("):
        read_reconstructions(tmp_path, ("rmle",), context)


def test_a_judge_of_other_data_is_refused(context: DataContext, tiny: Tiny) -> None:
    """It is named with its place."""
    cell = judge_of(context, tiny)
    other = replace(cell, manifest=replace(cell.manifest, fingerprint="other", data="mnist"))
    with pytest.raises(UserError) as raised:
        recognise(entry(tiny), other, context, {}, WHERE)
    assert str(raised.value) == f"{WHERE}.judge: base: found networks trained on mnist, allowed digits"
