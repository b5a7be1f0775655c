"""Shadow models: trained by the user's own function on random halves of the audited records, in complementary pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from privprune.attacks.membership import Shadows, View
from privprune.auditing.queries import ask_about, device_of, seeded
from privprune.auditing.records import AuditedRecords
from privprune.errors import UserError, shown
from privprune.randomness import Purpose, generator

Train: TypeAlias = Callable[[Any, int], nn.Module]  # records in the form in which they were given, seed -> model
LEAST = 4  # two on either side of every record: a variance needs two values
_MOST = 1000


def check_shadows(train: Train | None, shadows: int) -> None:
    """Refuse shadow models without a function that trains them, and the other way round: UserError, one line."""
    if type(shadows) is not int or shadows % 2 or not (shadows == 0 or LEAST <= shadows <= _MOST):
        raise UserError(f"shadows: found {shown(shadows)}, allowed 0, or an even number from {LEAST} to {_MOST}")
    if train is None and shadows:
        raise UserError(f"train: found None with {shadows} shadows, allowed a function that trains a model")
    if train is not None and not shadows:
        raise UserError(f"shadows: found 0 with a function `train`, allowed an even number from {LEAST} to {_MOST}")


def halves(records: int, shadows: int, seed: int) -> Tensor:
    """Draw which shadow model is trained on which record, bool [shadows, records].

    Models 2 i and 2 i + 1 have complementary halves, so that every record is in exactly half of all models.
    """
    members = torch.zeros(shadows, records, dtype=torch.bool)
    for pair in range(shadows // 2):
        draw = generator(seed, Purpose.MEMBERSHIP_ATTACK, pair, "shadow pair")
        members[2 * pair, torch.randperm(records, generator=draw)[: records // 2]] = True
        members[2 * pair + 1] = ~members[2 * pair]
    return members


def train_shadows(
    train: Train, shadows: int, records: AuditedRecords, views: Sequence[View], seed: int, batch: int, like: nn.Module
) -> Shadows:
    """Train shadow models one after another, and ask each about all records.

    What the user's function draws from PyTorch's global generators depends on the audit's seed too.

    Args:
        train: the user's function.
        shadows: how many.
        records: members and non-members, from which the halves are drawn.
        views: changed records that they are asked about as well.
        seed: of the audit.
        batch: records in one query.
        like: the audited model, on whose device they may be trained.

    Raises:
        UserError: the function returns something else than a model that answers as the audited one does.

    """
    members = halves(len(records.labels), shadows, seed)
    logits: list[Tensor] = []
    answers: dict[View, list[Tensor]] = {view: [] for view in views}
    for number, own in enumerate(members):
        name = f"shadow model {number}"
        draw = int(torch.randint(2**31, (), generator=generator(seed, Purpose.INITIAL_WEIGHTS, number)))
        with seeded(draw, device_of(like)):
            model = train(records.chosen(own.nonzero()[:, 0]), draw)
            if not isinstance(model, nn.Module):
                raise UserError(f"train: returned {shown(type(model).__name__)}, allowed a torch.nn.Module")
            plain, changed, _ = ask_about(model, records.inputs, views, 1 + number, seed, batch, name)
        logits.append(plain)
        for view, one in changed.items():
            answers[view].append(one)
    return Shadows(logits, records.labels, members, answers)
