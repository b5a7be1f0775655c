"""Published numbers and claims, held against the records of a suite."""

from privprune.verdicts.claims import AttackDifference, ClaimPart, ClaimResult
from privprune.verdicts.comparisons import ComparisonResult
from privprune.verdicts.evaluation import Evaluation, Role, evaluate
from privprune.verdicts.groups import Place
from privprune.verdicts.measured import AttackResult, MeasuredCell
from privprune.verdicts.numbers import VERDICTS, NumberVerdict
from privprune.verdicts.settings import ControlSettings, EvaluateSettings, RowSettings, check
from privprune.verdicts.statistics import Estimate

__all__ = [
    "VERDICTS",
    "AttackDifference",
    "AttackResult",
    "ClaimPart",
    "ClaimResult",
    "ComparisonResult",
    "ControlSettings",
    "Estimate",
    "EvaluateSettings",
    "Evaluation",
    "MeasuredCell",
    "NumberVerdict",
    "Place",
    "Role",
    "RowSettings",
    "check",
    "evaluate",
]
