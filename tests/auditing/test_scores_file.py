"""Laws of audits of a file: the same answers give the same results, and what is odd is one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from audit_toys import FEW, QUICK, SHADOWED, memorising, train
from numpy.typing import NDArray
from torch import nn

from privprune import command_line
from privprune.auditing import audit, audit_scores
from privprune.auditing.menu import MEMBERSHIP
from privprune.auditing.scores_file import read_scores
from privprune.auditing.shadows import halves
from privprune.errors import UserError

NOISY = MEMBERSHIP["label_only_noisy"]
ATTACKS = {**FEW, **SHADOWED, "rahman": {**MEMBERSHIP["rahman"], "steps": 20}, "label_only_noisy": NOISY}
SETTINGS = replace(QUICK, attacks=ATTACKS)
Arrays = dict[str, NDArray[Any]]


@torch.no_grad()
def answers(model: nn.Module, inputs: torch.Tensor) -> NDArray[Any]:
    """Return logits of some inputs."""
    found: NDArray[Any] = model(inputs).numpy()
    return found


def as_csv(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write arrays as docs/audit.md describes it: one row per record, columns in a mixed order."""
    columns: dict[str, NDArray[Any]] = {}
    for place in reversed(range(arrays["logits"].shape[1])):
        columns[f"logit_{place}"] = arrays["logits"][:, place]
        for number, own in enumerate(arrays.get("shadow_logits", ())):
            columns[f"shadow_{number}_logit_{place}"] = own[:, place]
    for number, own in enumerate(arrays.get("shadow_members", ())):
        columns[f"shadow_{number}_member"] = own
    columns |= {"member": arrays["members"], "label": arrays["labels"]}
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(str(value.item()) for value in row) for row in rows)]) + "\n"


def write(folder: Path, kind: str, arrays: Mapping[str, NDArray[Any]]) -> Path:
    """Write arrays as a file of a kind, and return its path."""
    path = folder / f"scores.{kind}"
    if kind == "csv":
        path.write_text(as_csv(arrays), encoding="utf-8")
    else:
        np.savez(path, allow_pickle=False, **arrays)
    return path


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_a_file_gives_the_results_of_its_model(tmp_path: Path, kind: str) -> None:
    """For the attacks that both allow, answers in a file, in any order of members and others, are as good as the model.

    Shadow models are those that the audit trains; the order of records within members and within others is kept.
    """
    model, members, nonmembers = memorising()
    inputs, labels = torch.cat([members[0], nonmembers[0]]), torch.cat([members[1], nonmembers[1]])
    trained: list[nn.Module] = []

    def kept(records: Any, seed: int) -> nn.Module:
        trained.append(train(records, seed))
        return trained[-1]

    of_model = audit(model, members, nonmembers, kept, 4, settings=SETTINGS).as_record()
    mixed = torch.arange(len(labels)).view(2, -1).T.flatten()  # a member, another, a member ...
    arrays = {
        "logits": answers(model, inputs)[mixed],
        "labels": labels.numpy()[mixed],
        "members": (torch.arange(len(labels)) < len(members[1])).numpy()[mixed],
        "shadow_logits": np.stack([answers(one, inputs) for one in trained])[:, mixed],
        "shadow_members": halves(len(labels), 4, 0).numpy()[:, mixed],
    }
    of_file = audit_scores(str(write(tmp_path, kind, arrays)), settings=SETTINGS).as_record()
    assert of_model["attacks"].keys() == ATTACKS.keys()
    assert of_file["attacks"].keys() == ATTACKS.keys() - {"label_only_noisy"}
    for label in of_file["attacks"]:
        assert of_file["attacks"][label] == of_model["attacks"][label], label
    for key in ("accuracies", "records", "checks", "strongest", "shadows"):
        assert of_file[key] == of_model[key], key
    assert "the model itself" in of_file["not_run"]["label_only_noisy"]


def good() -> Arrays:
    """Return the arrays of a file without mistakes."""
    draw = np.random.default_rng(0)
    return {
        "logits": draw.normal(size=(60, 3)),
        "labels": draw.integers(3, size=60),
        "members": np.arange(60) < 30,
        "shadow_logits": draw.normal(size=(4, 60, 3)),
        "shadow_members": halves(60, 4, 0).numpy(),
    }


def changed(**arrays: NDArray[Any]) -> Callable[[Arrays], Arrays]:
    """Return a change that puts other arrays in."""
    return lambda before: {**before, **arrays}


def without(*names: str) -> Callable[[Arrays], Arrays]:
    """Return a change that leaves arrays out."""
    return lambda before: {name: value for name, value in before.items() if name not in names}


G = good()
NPZ: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "an unknown name": (changed(losses=G["labels"]), "found 'losses', allowed logits, probabilities, labels"),
    "no answers": (without("logits"), "logits or probabilities: missing"),
    "no labels": (without("labels"), "labels: missing"),
    "no membership": (without("members"), "members: missing"),
    "two kinds of answers": (changed(probabilities=G["logits"]), "found both logits and probabilities"),
    "NaN": (changed(logits=np.where(G["logits"] > 2, np.nan, G["logits"])), "logits: found NaN, infinity"),
    "one column": (changed(logits=G["logits"][:, :1]), "logits: found float64 of shape (60, 1)"),
    "words": (changed(logits=np.full((60, 3), "x")), "logits: found <U1 of shape (60, 3)"),
    "a label too high": (changed(labels=G["labels"] + 1), "labels: found 3, allowed 0 to 2"),
    "a negative label": (changed(labels=G["labels"] - 1), "labels: found -1, allowed 0 to 2"),
    "labels that are no integers": (changed(labels=G["labels"] / 1), "labels: found labels of type torch.float64"),
    "too few labels": (changed(labels=G["labels"][:50]), "labels: found labels of shape (50,), allowed (60,)"),
    "members alone": (changed(members=np.ones(60)), "members: found 0 non-members, allowed at least 20"),
    "others alone": (changed(members=np.zeros(60)), "members: found 0 members, allowed at least 20"),
    "membership of 2": (changed(members=2 * np.ones(60)), "members: found other values than 0 and 1"),
    "shadow answers alone": (without("shadow_members"), "shadow_members: missing"),
    "shadow membership alone": (without("shadow_logits"), "shadow_logits or shadow_probabilities: missing"),
    "two shadow models": (
        changed(shadow_logits=G["shadow_logits"][:2], shadow_members=G["shadow_members"][:2]),
        "shadow_logits: found shape (2, 60, 3), allowed at least 4",
    ),
    "shadow models of other classes": (
        changed(shadow_logits=G["shadow_logits"][:, :, :2]),
        "shadow_logits: found shape (4, 60, 2)",
    ),
    "shadow membership of others": (
        changed(shadow_members=G["shadow_members"][:, :50]),
        "shadow_members: found shape (4, 50), allowed (4, 60)",
    ),
}


@pytest.mark.parametrize("case", NPZ)
def test_what_is_odd_in_an_npz_is_one_line(tmp_path: Path, case: str) -> None:
    """The line begins with the file, and says what was found and what is allowed."""
    change, message = NPZ[case]
    path = write(tmp_path, "npz", change(good()))
    with pytest.raises(UserError) as refused:
        read_scores(path)
    assert str(refused.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(("value", "sums"), [(0.4, "1.2"), (-1.0, "-3")])
def test_probabilities_must_sum_to_one(tmp_path: Path, value: float, sums: str) -> None:
    """Answers that are called probabilities and are none are refused with the sum."""
    arrays = without("logits")(good()) | {"probabilities": np.full((60, 3), value)}
    with pytest.raises(UserError, match=f"smallest probability {value:g} or the sum {sums}, allowed none below 0"):
        read_scores(write(tmp_path, "npz", arrays))


def test_probabilities_and_logits_give_the_same_ranking(tmp_path: Path) -> None:
    """A softmax of the logits gives their results."""
    arrays = good()
    exponentials = np.exp(arrays["logits"])
    soft = without("logits")(arrays) | {"probabilities": exponentials / exponentials.sum(1, keepdims=True)}
    found = []
    for folder, content in (("one", arrays), ("two", soft)):
        (tmp_path / folder).mkdir()
        found.append(audit_scores(write(tmp_path / folder, "npz", content), settings=SETTINGS).result)
    assert (found[0].probabilities, found[1].probabilities) == (False, True)
    areas = [{one.label: one.measured.metrics["auc"].mean for one in result.attacks} for result in found]
    assert areas[0] == pytest.approx(areas[1])


CSV = {
    "an unknown column": ("label,member,logit_0,logit_1,loss\n0,1,1,2,3\n", "found the column 'loss'"),
    "a column twice": ("label,label,member,logit_0,logit_1\n0,0,1,1,2\n", "line 1: found the column 'label' twice"),
    "a class left out": ("label,member,logit_0,logit_2\n0,1,1,2\n", "logit_1: missing"),
    "a value too few": ("label,member,logit_0,logit_1\n0,1,1\n", "line 2: found 3 values, allowed 4"),
    "a word": ("label,member,logit_0,logit_1\n0,yes,1,2\n", "line 2: found 'yes', allowed a number, true or false"),
    "no records": ("label,member,logit_0,logit_1\n", "found no records"),
    "a label of a half": ("label,member,logit_0,logit_1\n0.5,1,1,2\n", "label: found 0.5, allowed integers"),
    "no answers": ("label,member\n0,1\n", "logits or probabilities: missing"),
    "a part of a shadow model": (
        "label,member,logit_0,logit_1,shadow_0_logit_0,shadow_0_logit_1,shadow_1_member\n0,1,1,2,1,2,1\n",
        "shadow_0: found only a part of its columns",
    ),
    "few records": ("label,member,logit_0,logit_1\n0,true,1,2\n1,false,1,2\n", "members: found 1 members"),
}


@pytest.mark.parametrize("case", CSV)
def test_what_is_odd_in_a_csv_is_one_line(tmp_path: Path, case: str) -> None:
    """The line begins with the file, and names line or column."""
    text, message = CSV[case]
    path = tmp_path / "scores.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_scores(path)
    assert str(refused.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("name", ["missing.npz", "missing.csv", "scores.txt", "damaged.npz", "pickled.npz"])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing, damaged or pickled file, or one of another kind, ends the command with one line and status 1."""
    path = tmp_path / name
    if name == "damaged.npz":
        path.write_bytes(b"PK\x03\x04 and no more")
    if name == "pickled.npz":
        np.savez(path, logits=np.array([{}], dtype=object), allow_pickle=True)
    if name == "scores.txt":
        path.write_text("1", encoding="utf-8")
    assert command_line.main(["audit", str(path), "--out", str(tmp_path / "out")]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {path}: ")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_writes_page_and_record(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`privprune audit` runs all attacks that the file allows, prints a line for each, and writes two files."""
    path = write(tmp_path, "npz", good())
    assert command_line.main(["audit", str(path), "--out", str(tmp_path / "out"), "--seed", "3", "--name", "mine"]) == 0
    printed = capsys.readouterr().out
    queried = {"label_only_shifted", "label_only_noisy", "samia", "lira_online_mirrored"}
    lines = {line.split()[0]: line for line in printed.splitlines() if line}
    for label in MEMBERSHIP:
        assert ("not run" in lines[label]) == (label in queried), label
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"audit.html", "audit.json"}
    assert "mine" in (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
