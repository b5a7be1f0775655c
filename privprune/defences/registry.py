"""The registry of defences, and functions that take the settings of any defence."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

from privprune.annotations import OneOf
from privprune.checks import Check
from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod, DefenceSettings, DefendedCell, Need
from privprune.errors import UserError
from privprune.models.decoder import DecoderSize
from privprune.models.output import OutputSettings
from privprune.registry import Registry
from privprune.training.trained import Trained

DEFENCES = Registry("privprune.defences", DefenceMethod, "privprune.defences")


def settings_classes() -> Mapping[str, type[Any]]:
    """Return name -> settings class of all defences."""
    return {name: method.settings for name, method in DEFENCES.items()}


AnyDefence = Annotated[DefenceSettings, OneOf(settings_classes)]  # the type of an entry's defence


def build_defence(settings: DefenceSettings, context: DefenceContext) -> Defence:
    """Build a defence from its settings.

    Raises:
        ValueError: the defence does not fit the networks or the data; says why.

    """
    return DEFENCES[settings.name].build(settings, context)


def import_slow_modules(settings: DefenceSettings | None) -> None:
    """Import the modules that only this defence needs, before workers are forked, which then need not import them."""
    for module in () if settings is None else DEFENCES[settings.name].imports:
        import_module(module)


def surrogate_of(settings: DefenceSettings | None) -> DecoderSize | None:
    """Return the size of the decoder that a defence trains networks against; None if there is none."""
    return None if settings is None else DEFENCES[settings.name].surrogate(settings)


def output_of(settings: DefenceSettings | None) -> OutputSettings | None:
    """Return the settings of the layer that a defence puts behind its networks; None if there is none."""
    return None if settings is None else DEFENCES[settings.name].output(settings)


def starts_afresh(settings: DefenceSettings) -> bool:
    """Return whether a defence trains new networks although its entry names a cell, which it is compared with."""
    return "trained_start" in DEFENCES[settings.name].needs


def checks_of(settings: DefenceSettings | None, trained: Trained) -> tuple[Check, ...]:
    """Check a cell that was trained with a defence; none without a defence."""
    return () if settings is None else DEFENCES[settings.name].checks(settings, trained)


def check_defence(settings: DefenceSettings, cell: DefendedCell, where: str) -> None:
    """Validate a cell's defence before anything is trained: first its requirements, then its settings.

    Args:
        settings: of the defence.
        cell: the cell that it is to protect.
        where: location of the entry in the suite, for the message.

    Raises:
        UserError: one line about the first mistake.

    """
    method = DEFENCES[settings.name]
    for need in sorted(method.needs):
        complaint = _complaint(need, settings.name, cell)
        if complaint is not None:
            raise UserError(f"{where}.{complaint}")
    try:
        method.check(settings, cell)
    except ValueError as refused:
        separator = ": " if str(refused).startswith("found") else "."
        raise UserError(f"{where}.defence{separator}{refused}") from None


def _complaint(need: Need, name: str, cell: DefendedCell) -> str | None:
    """Return why a cell does not meet a need, beginning with the key at fault; None where it does."""
    if need == "cut" and cell.cut is None:
        return f"defence: {name} needs networks with a cut, found network.cut: null"
    if need == "cut" and cell.stack != 1:
        return f"stack: found {cell.stack}, allowed 1 for networks with a cut"
    if need == "reference" and not cell.reserves_reference:
        return f"defence: {name} needs networks with reserve_reference: true, found false"
    if need == "whole_training" and cell.pruning:
        return f"defence: found {name}, allowed in pruning: terms of the loss, such as min_max"
    if need == "one_network" and cell.stack != 1:
        return f"stack: found {cell.stack}, allowed 1 with {name}"
    if need == "trained_start" and cell.origin.startswith("datasets/"):
        return f"from: found {cell.origin}, allowed models/CELL, which the new networks are held against"
    if need == "classes" and cell.identities:
        return f"defence: found {name}, allowed others with network.reidentification"
    return None
