"""Laws of an audit of membership: what it finds, what it leaves alone, and what it refuses to state."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from audit_toys import CLASSES, FEW, QUICK, memorising, records
from torch import nn
from torch.utils.data import Dataset, TensorDataset

import privprune
from privprune.auditing import AuditSettings, audit
from privprune.auditing.answers import divide
from privprune.auditing.menu import MEMBERSHIP
from privprune.errors import UserError


def passed(report: Any) -> dict[str, bool]:
    """Return name -> whether it passed, of the checks of model and records."""
    return {one.name: one.passed for one in report.result.checks}


@pytest.mark.slow
def test_a_model_that_memorises_is_found() -> None:
    """Every attack of the menu that reads confidence finds members of random labels, and no control does."""
    model, members, nonmembers = memorising(300)
    report = privprune.audit(model, members, nonmembers, settings=AuditSettings(resamples=200))
    found = {one.label: one.measured.metrics["auc"] for one in report.result.attacks}
    needs_shadows = {label for label, given in MEMBERSHIP.items() if given["attack"] in ("lira", "rmia")}
    assert found.keys() == MEMBERSHIP.keys() - needs_shadows
    assert {"label_without_model", "random_scores"} <= {label for label, area in found.items() if area.low < 0.5}
    for label in ("gap", "loss", "confidence", "modified_entropy", "nasr", "rahman", "label_only_noisy", "samia"):
        assert found[label].low > 0.6, label
    assert passed(report) == {"knows its classes": True, "classes do not tell members": True}
    assert report.result.not_run.keys() == needs_shadows


def test_records_that_the_model_has_not_seen_are_not_found() -> None:
    """If the members of the audit were not in training, the intervals contain a guess."""
    model, _, nonmembers = memorising()
    report = audit(model, records(400, 3), nonmembers, settings=QUICK)
    for one in report.result.attacks:
        for metric in ("balanced_accuracy", "auc"):
            assert one.measured.metrics[metric].low <= 0.5 <= one.measured.metrics[metric].high, one.label
    assert not passed(report)["knows its classes"]


def test_known_selection_and_evaluated_records_are_disjoint() -> None:
    """The parts divide all records, in the declared shares, and other seeds divide them in another way."""
    parts = divide(50, QUICK, 0, "members")
    assert [len(part) for part in parts] == [20, 5, 25]
    assert torch.cat(parts).sort().values.tolist() == list(range(50))
    assert parts[0].tolist() != divide(50, QUICK, 1, "members")[0].tolist()


def test_no_evaluated_record_chooses_the_strongest_attack() -> None:
    """Changed answers to evaluated records change results, and neither the thresholds nor the choice."""
    model, members, nonmembers = memorising()
    evaluated = divide(len(members[1]), QUICK, 0, "members")[2]
    changed = (members[0].clone(), members[1])
    changed[0][evaluated] = records(len(evaluated), 4)[0]
    one, other = (audit(model, given, nonmembers, settings=QUICK).result for given in (members, changed))
    assert one.strongest == other.strongest
    assert [attack.selection for attack in one.attacks] == [attack.selection for attack in other.attacks]
    assert one.attack("loss").scores.threshold == other.attack("loss").scores.threshold
    assert one.attack("loss").measured.metrics != other.attack("loss").measured.metrics


def test_the_most_exposed_records_are_evaluated_members_in_order() -> None:
    """They are members that the attacker does not know, with falling scores, and never chosen by a control."""
    model, members, nonmembers = memorising()
    result = audit(model, members, nonmembers, settings=QUICK).result
    assert result.strongest in ("gap", "loss")
    scores = result.attack(result.strongest).scores
    assert scores.records is not None
    by_record = dict(zip(scores.records[0].tolist(), scores.members.tolist(), strict=True))
    assert len(result.exposed) == QUICK.exposed
    listed = [by_record[one.record] for one in result.exposed]
    assert listed == sorted(by_record.values(), reverse=True)[: QUICK.exposed]
    for one in result.exposed:
        assert one.nonmembers_above == sum(score >= by_record[one.record] for score in scores.nonmembers.tolist())
        assert one.label == int(members[1][one.record])


def test_a_control_is_never_the_strongest_attack() -> None:
    """Where the classes alone tell members, the control reaches most, and an attack is called the strongest."""
    model, members, nonmembers = memorising()
    apart = (nonmembers[0], torch.zeros_like(nonmembers[1])), (members[0], torch.ones_like(members[1]))
    result = audit(model, *apart, settings=QUICK).result
    assert result.attack("label_without_model").measured.metrics["auc"].mean == 1
    assert result.strongest in ("gap", "loss")


def test_a_rate_that_the_records_cannot_resolve_is_not_stated() -> None:
    """With n evaluated non-members a TPR is stated at false positive rates of 10 / n or more, here as in the record."""
    model, members, nonmembers = memorising(200)
    report = audit(model, members, nonmembers, settings=QUICK)
    stated = {rate.false_positives: rate.value is not None for rate in report.result.attack("loss").rates}
    assert stated == {0.1: True, 0.01: False, 0.001: False}
    attack = report.as_record()["attacks"]["loss"]
    assert attack["metrics"]["tpr_at_1_percent_fpr"] is None
    assert attack["tpr"]["0.01"] == {"value": None, "low": None, "high": None, "nonmembers_needed": 1000}
    assert min(attack["roc"]["fpr"]) >= 1 / 100
    few = audit(model, members, (nonmembers[0][:60], nonmembers[1][:60]), settings=QUICK)
    assert few.result.attack("loss").rates[0].value is None
    assert "30 of 100" in few.html()


def test_the_model_and_the_random_state_are_left_as_they_were() -> None:
    """Modules keep their modes, parameters have no gradients, and the global generator has not moved."""
    model, members, nonmembers = memorising()
    model.train()
    model[2].eval()
    model.zero_grad()
    state = torch.get_rng_state()
    audit(model, members, nonmembers, settings=QUICK)
    assert torch.equal(state, torch.get_rng_state())
    assert [module.training for module in model.modules()] == [True, True, True, False, True]
    assert all(value.grad is None for value in model.parameters())


def test_the_same_audit_gives_the_same_bytes(tmp_path: Path) -> None:
    """Page and record depend on model, records, settings and seed alone; another seed gives others."""
    model, members, nonmembers = memorising()
    attacks = {label: MEMBERSHIP[label] for label in ("loss", "label_only_noisy", "random_scores")}
    settings = replace(QUICK, attacks=attacks)
    for folder, seed in (("one", 0), ("two", 0), ("three", 1)):
        torch.manual_seed(seed)
        audit(model, members, nonmembers, settings=settings, seed=seed).write(tmp_path / folder)
    for file in ("audit.html", "audit.json"):
        one, two, three = ((tmp_path / folder / file).read_bytes() for folder in ("one", "two", "three"))
        assert one == two != three


def test_probabilities_are_taken_as_such() -> None:
    """A model that ends with a softmax gives the results of its logits."""
    model, members, nonmembers = memorising()
    one = audit(model, members, nonmembers, settings=QUICK).result
    other = audit(nn.Sequential(model, nn.Softmax(1)), members, nonmembers, settings=QUICK).result
    assert (one.probabilities, other.probabilities) == (False, True)
    for attack in FEW:
        pair = [result.attack(attack).measured.metrics["auc"].mean for result in (one, other)]
        assert pair[0] == pytest.approx(pair[1], abs=1e-3)
    pair = [result.attack("loss").scores.threshold for result in (one, other)]
    assert pair[0] == pytest.approx(pair[1], rel=1e-2)


def test_datasets_are_read_as_tensors() -> None:
    """A dataset of pairs gives the result of its tensors."""
    model, members, nonmembers = memorising()
    one = audit(model, members, nonmembers, settings=QUICK)
    other = audit(model, TensorDataset(*members), TensorDataset(*nonmembers), settings=QUICK)
    assert one.as_record() == other.as_record()


def test_wrong_labels_and_unlike_classes_fail_a_check() -> None:
    """Labels in another order, and members of other classes than non-members, are what the checks are for."""
    model, members, nonmembers = memorising()
    shifted = (members[0], (members[1] + 1) % CLASSES)
    assert not passed(audit(model, shifted, nonmembers, settings=QUICK))["knows its classes"]
    of_one_class = (nonmembers[0], torch.zeros_like(nonmembers[1]))
    assert not passed(audit(model, members, of_one_class, settings=QUICK))["classes do not tell members"]
    without = replace(QUICK, attacks={"loss": FEW["loss"]})
    (missing,) = (one for one in audit(model, members, nonmembers, settings=without).result.checks if not one.passed)
    assert missing.measured is None
    assert "label_without_model was not run" in missing.reason


@pytest.mark.parametrize(
    ("shape", "run"), [((1, 4, 4), {"noisy", "shifted"}), ((16,), {"noisy"})], ids=["images", "vectors"]
)
def test_attacks_that_change_inputs_run_where_inputs_can_be_changed(shape: tuple[int, ...], run: set[str]) -> None:
    """Images are shifted and get noise, vectors get noise; what is not run is listed with why."""
    model, members, nonmembers = memorising()
    attacks = {label: MEMBERSHIP[f"label_only_{label}"] for label in ("noisy", "shifted")}
    given = [(inputs.reshape(-1, *shape), labels) for inputs, labels in (members, nonmembers)]
    result = audit(model, *given, settings=replace(QUICK, attacks=attacks)).result
    assert {one.label for one in result.attacks} == run
    assert set(result.not_run) == {"noisy", "shifted"} - run


def test_integers_are_not_changed() -> None:
    """Inputs such as tokens are asked about as they are, and attacks that add noise are not run."""
    tokens = torch.arange(60).remainder(9)[:, None].expand(-1, 4)
    model = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(32, 2))
    given = (tokens, torch.arange(60) % 2)
    settings = replace(QUICK, attacks={**FEW, "label_only_noisy": MEMBERSHIP["label_only_noisy"]})
    result = audit(model, given, given, settings=settings).result
    assert "floating-point" in result.not_run["label_only_noisy"]
    assert len(result.attacks) == len(FEW)


def test_an_attack_that_fails_does_not_end_the_audit() -> None:
    """Too few known records for a held-out part: the attack is listed with why, the others have results."""
    model, members, nonmembers = memorising(20)
    settings = replace(QUICK, attacks={**FEW, "nasr": {**MEMBERSHIP["nasr"], "validation": 0.01}})
    result = audit(model, members, nonmembers, settings=settings).result
    assert "validation" in result.not_run["nasr"]
    assert len(result.attacks) == len(FEW)


def test_names_are_escaped_and_the_page_loads_nothing(tmp_path: Path) -> None:
    """A name cannot become markup, and no address is on the page but those of namespaces in pictures."""
    model, members, nonmembers = memorising()
    settings = replace(QUICK, attacks={**FEW, "<i>x</i>": FEW["loss"]})
    report = audit(model, members, nonmembers, settings=settings, name="<script>alert(1)</script>")
    page = report.write(tmp_path).read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<i>x" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|href)=.http|@import|url\((?!%23|#)", page)
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["name"] == "<script>alert(1)</script>"


class Unreadable(Dataset[Any]):
    """A dataset whose items are no pairs."""

    def __len__(self) -> int:
        return 30

    def __getitem__(self, place: int) -> Any:
        return place


class Answers(nn.Module):
    """Answers with the same value for each of so many classes."""

    def __init__(self, *shape: int, value: float = 0.0) -> None:
        super().__init__()
        self.shape, self.value = shape, value

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return what it was given."""
        return torch.full((len(inputs), *self.shape), self.value)


GOOD = records(40, 0)
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "no module": ({"model": len}, "model: found 'builtin_function_or_method', allowed a torch.nn.Module"),
    "no pair": ({"members": GOOD[0]}, "members: found 'Tensor', allowed a Dataset, or tensors"),
    "no dataset of pairs": ({"nonmembers": Unreadable()}, "nonmembers: not a dataset"),
    "few": ({"members": (GOOD[0][:19], GOOD[1][:19])}, "members: found 19 records, allowed at least 20"),
    "labels of another length": ({"members": (GOOD[0], GOOD[1][:39])}, "members: found labels of shape (39,)"),
    "real labels": ({"members": (GOOD[0], GOOD[1].float())}, "members: found labels of type torch.float32"),
    "NaN": ({"members": (GOOD[0] / 0, GOOD[1])}, "members: found inputs that are not finite"),
    "other inputs": ({"nonmembers": (GOOD[0][:, :, :2], GOOD[1])}, "nonmembers: found inputs of shape (1, 2, 4)"),
    "a class too many": ({"members": (GOOD[0], GOOD[1] + 1)}, "labels: found 3, allowed 0 to 2"),
    "a negative class": ({"members": (GOOD[0], GOOD[1] - 1)}, "labels: found -1, allowed 0 to 2"),
    "one answer": ({"model": Answers(1)}, "model: answers 80 records with shape (80, 1)"),
    "answers of pixels": ({"model": Answers(3, 4)}, "model: answers 80 records with shape (80, 3, 4)"),
    "answers with NaN": ({"model": Answers(3, value=float("nan"))}, "model: answers with NaN or infinity"),
    "a negative seed": ({"seed": -1}, "seed: found -1, allowed an integer of at least 0"),
    "odd shadows": ({"shadows": 5, "train": len}, "shadows: found 5, allowed 0, or an even number from 4"),
    "shadows without train": ({"shadows": 4}, "train: found None with 4 shadows"),
    "train without shadows": ({"train": len}, "shadows: found 0 with a function `train`"),
    "shadows that are no models": ({"train": lambda *_: 3, "shadows": 4}, "train: returned 'int', allowed a torch.nn"),
    "shadows of other classes": (
        {"train": lambda *_: Answers(2), "shadows": 4},
        "shadow model 0: answers with 2 classes, allowed 3",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_missing_or_odd_is_one_line(case: str) -> None:
    """Each mistake is a UserError that says what was found and what is allowed."""
    changed, message = REFUSALS[case]
    given = {"model": Answers(3), "members": GOOD, "nonmembers": GOOD, "settings": QUICK, **changed}
    with pytest.raises(UserError) as refused:
        audit(**given)
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"known": 1.0}, "AuditSettings.known: found 1.0"),
        ({"known": 0.6, "selection": 0.4}, "AuditSettings: found known 0.6 and selection 0.4"),
        ({"resamples": 50}, "AuditSettings.resamples: found 50, allowed at least 100"),
        ({"attacks": {}}, "AuditSettings.attacks: found none"),
    ],
)
def test_settings_out_of_range_are_refused(changed: dict[str, Any], message: str) -> None:
    """A share that leaves a part empty, too few resamples or no attack is refused before anything is run."""
    with pytest.raises(UserError, match=message):
        AuditSettings(**changed)


def test_an_unknown_attack_is_refused() -> None:
    """A label whose method does not exist is a mistake, not an attack that was not run."""
    with pytest.raises(UserError, match=r"attacks.mine.attack: found 'no_such'"):
        audit(Answers(3), GOOD, GOOD, settings=replace(QUICK, attacks={"mine": {"attack": "no_such"}}))
