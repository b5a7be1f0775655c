"""Pruning: budgets, masks, and the methods that find masks or remove structures.

A new method is one file here, with its settings, a function, and `METHOD`: a `MaskMethod`, which finds a mask under a
budget, or a `RemovalMethod`, which leaves a smaller network.
"""

from privprune.pruning.budget import BudgetSettings, Counts, count_kept
from privprune.pruning.mask import Mask
from privprune.pruning.method import (
    Fit,
    MaskMethod,
    PrunedCell,
    PruningMethod,
    PruningSettings,
    RemovalMethod,
    Removed,
)
from privprune.pruning.registry import (
    PRUNING,
    check_pruning,
    prune,
    pruning_checks,
    pruning_settings,
    removal_method,
    removal_methods,
)
from privprune.pruning.search import Candidate, Choice, SearchSettings, choose_budget

__all__ = [
    "PRUNING",
    "BudgetSettings",
    "Candidate",
    "Choice",
    "Counts",
    "Fit",
    "Mask",
    "MaskMethod",
    "PrunedCell",
    "PruningMethod",
    "PruningSettings",
    "RemovalMethod",
    "Removed",
    "SearchSettings",
    "check_pruning",
    "choose_budget",
    "count_kept",
    "prune",
    "pruning_checks",
    "pruning_settings",
    "removal_method",
    "removal_methods",
]
