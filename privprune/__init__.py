"""Train, prune, defend and attack neural networks, and measure how much they reveal about their data.

The names listed here are the library's front door; each is imported from its module when it is first used, so that
`import privprune` itself takes no time. Everything else is imported from its own module.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

_MODULES = {  # name -> the module that defines or re-exports it
    "DATASETS": "privprune.datasets.catalogue",
    "DEFENCES": "privprune.defences",
    "INVERSION_ATTACKS": "privprune.attacks.inversion",
    "MEMBERSHIP_ATTACKS": "privprune.attacks.membership",
    "MODELS": "privprune.models",
    "OUTPUTS": "privprune.models.output",
    "PRUNING": "privprune.pruning",
    "WIRES": "privprune.models.wire",
    "AuditSettings": "privprune.auditing",
    "CutSettings": "privprune.models",
    "Ensemble": "privprune.training.ensemble",
    "Evidence": "privprune.attacks.membership",
    "Mask": "privprune.pruning",
    "OptimiserSettings": "privprune.training.loop",
    "Outputs": "privprune.attacks.membership",
    "ScheduleSettings": "privprune.training.loop",
    "Scores": "privprune.metrics.membership",
    "Shadows": "privprune.attacks.membership",
    "SplitSettings": "privprune.auditing",
    "Step": "privprune.training.loop",
    "Term": "privprune.training.loop",
    "ThreatModel": "privprune.attacks.inversion",
    "TrainingData": "privprune.training.batches",
    "TrainingPlan": "privprune.training.loop",
    "UserError": "privprune.errors",
    "audit": "privprune.auditing",
    "audit_scores": "privprune.auditing",
    "audit_split": "privprune.auditing",
    "build": "privprune.models",
    "entropy_bound": "privprune.metrics.conditional_entropy",
    "evidence_about": "privprune.attacks.membership",
    "evidence_from_halves": "privprune.attacks.membership",
    "image_entropy": "privprune.metrics.conditional_entropy",
    "information": "privprune.metrics.conditional_entropy",
    "measure": "privprune.metrics.membership",
    "mse_bound": "privprune.metrics.conditional_entropy",
    "predict": "privprune.training.prediction",
    "train": "privprune.training.loop",
}

_PARTS = [part.name for part in pkgutil.iter_modules(__path__)]  # attributes too, and chapters of the API reference

__version__: str
__all__ = [name for names in (_MODULES, _PARTS) for name in names]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    Raises:
        AttributeError: the library has no such name.

    """
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 (slow to import, and few need it)

        value: Any = version("privprune")
    elif name in _MODULES:
        value = getattr(importlib.import_module(_MODULES[name]), name)
    elif name in _PARTS:
        value = importlib.import_module(f"privprune.{name}")
    else:
        raise AttributeError(f"module 'privprune' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
