"""`privprune.audit`: how much a trained classifier reveals about which records it was trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from privprune.attacks.membership import Outputs
from privprune.attacks.membership.method import KnownRecords
from privprune.auditing.answers import Answers, sizes_of
from privprune.auditing.membership import attack_model
from privprune.auditing.membership_report import MembershipReport
from privprune.auditing.plan import Plan, plan_attacks
from privprune.auditing.queries import ask_about, changes_of, device_of, in_words, seeded
from privprune.auditing.records import AuditedRecords, Records, check_classes, read_records
from privprune.auditing.report import finish
from privprune.auditing.scores_file import read_scores
from privprune.auditing.settings import AuditSettings, check_seed
from privprune.auditing.shadows import Train, check_shadows, train_shadows
from privprune.errors import UserError, shown


def audit(
    model: nn.Module,
    members: Records,
    nonmembers: Records,
    train: Train | None = None,
    shadows: int = 0,
    *,
    settings: AuditSettings | None = None,
    seed: int = 0,
    name: str = "model",
    mlflow: str | None = None,
) -> MembershipReport:
    """Attack a classifier for membership with every attack that the evidence allows.

    Args:
        model: any module that answers inputs [n, ...] with logits or probabilities [n, classes]. It is asked in
            evaluation mode, on the device where it is, and left as it was.
        members: records that it was trained on, as tensors (inputs [n, ...], labels int64 [n]) or as a dataset of such
            pairs; without augmentation.
        nonmembers: other records of the same distribution; the more, the lower the false positive rates that can be
            stated.
        train: trains a shadow model: gets records in the form in which members are given, and a seed; returns a model
            that answers as `model` does. None without shadow models.
        shadows: number of shadow models, even: each pair has complementary halves of members and non-members. 0 for
            none; LiRA and RMIA need some.
        settings: shares of the records, attacks and more; None for the defaults of `AuditSettings`.
        seed: of all random numbers.
        name: of the model, for the page.
        mlflow: name of an experiment, in which the audit becomes one run; None for none.

    Returns:
        the result; `write` writes its page and its record.

    Raises:
        UserError: one line about what is missing or odd.

    """
    settings = settings or AuditSettings()
    if not isinstance(model, nn.Module):
        raise UserError(f"model: found {shown(type(model).__name__)}, allowed a torch.nn.Module")
    check_seed(seed)
    check_shadows(train, shadows)
    records = read_records(members, nonmembers)
    plan = _plan(records, settings, shadows)
    with seeded(seed, device_of(model)):
        answers = _answers(model, records, plan, settings, seed)
    if train is not None:
        trained = train_shadows(train, shadows, records, plan.shadow_views, seed, settings.batch, model)
        _check_shadow_classes([one.shape[1] for one in trained.logits], answers.outputs.logits.shape[1])
        answers = replace(answers, shadows=trained)
    return finish(MembershipReport(attack_model(answers, plan, settings, seed, name, in_words(model))), mlflow)


def audit_scores(
    path: str | Path,
    *,
    settings: AuditSettings | None = None,
    seed: int = 0,
    name: str | None = None,
    mlflow: str | None = None,
) -> MembershipReport:
    """Audit a model whose answers are in a file, with every attack that needs no more than these.

    Args:
        path: `.npz` or `.csv`; docs/audit.md lists the names in it.
        settings: as for `audit`.
        seed: of all random numbers.
        name: of the model, for the page; None for the name of the file.
        mlflow: name of an experiment, in which the audit becomes one run; None for none.

    Returns:
        the result. Of the same answers, records, settings and seed it is that of `audit`, for the attacks of both.

    Raises:
        UserError: one line that begins with the file.

    """
    path = Path(path)
    settings = settings or AuditSettings()
    check_seed(seed)
    answers = read_scores(path)
    known = _known_records(answers.members, answers.nonmembers, settings, 0)
    plan = plan_attacks(settings.attacks, "none", known, shadows=answers.shadows is not None)
    found = attack_model(answers, plan, settings, seed, path.stem if name is None else name, f"answers in {path.name}")
    return finish(MembershipReport(found), mlflow)


def _check_shadow_classes(found: list[int], allowed: int) -> None:
    """Refuse shadow models that answer with other classes than the model: UserError, one line."""
    for number, classes in enumerate(found):
        if classes != allowed:
            raise UserError(f"shadow model {number}: answers with {classes} classes, allowed {allowed}, the model's")


def _plan(records: AuditedRecords, settings: AuditSettings, shadows: int) -> Plan:
    side = records.inputs.shape[-1] if records.inputs.dim() == 4 else 0
    known = _known_records(records.members, records.nonmembers, settings, side)
    return plan_attacks(settings.attacks, changes_of(records.inputs), known, shadows=bool(shadows))


def _known_records(members: int, nonmembers: int, settings: AuditSettings, side: int) -> KnownRecords:
    """Return what the attacker knows; `side` is that of the images, 0 where there are none."""
    return KnownRecords(sizes_of(members, settings)[0], sizes_of(nonmembers, settings)[0], side)


def _answers(model: nn.Module, records: AuditedRecords, plan: Plan, settings: AuditSettings, seed: int) -> Answers:
    """Ask the model about all records, as they are and changed."""
    inputs = records.inputs
    logits, views, probabilities = ask_about(model, inputs, plan.views, 0, seed, settings.batch, "model")
    check_classes(records.labels, logits.shape[1], "labels")
    positions = records.labels.new_tensor(range(len(records.labels)))
    return Answers(Outputs(logits, records.labels, positions, views), records.members, None, probabilities)
