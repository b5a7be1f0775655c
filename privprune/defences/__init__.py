"""Defences, one file each: loss terms, gradient transforms, stopping rules. Layers on the wire are in `models.wire`.

A file of this folder declares its defence as `METHOD`, a `DefenceMethod`; the registry `DEFENCES` finds it there.
"""

from privprune.defences.defence import Defence, DefenceContext
from privprune.defences.method import DefenceMethod, DefenceSettings, DefendedCell
from privprune.defences.registry import (
    DEFENCES,
    AnyDefence,
    build_defence,
    check_defence,
    checks_of,
    import_slow_modules,
    output_of,
    starts_afresh,
    surrogate_of,
)

__all__ = [
    "DEFENCES",
    "AnyDefence",
    "Defence",
    "DefenceContext",
    "DefenceMethod",
    "DefenceSettings",
    "DefendedCell",
    "build_defence",
    "check_defence",
    "checks_of",
    "import_slow_modules",
    "output_of",
    "starts_afresh",
    "surrogate_of",
]
