"""Verdicts on published numbers and claims, from the records of a suite."""

from privprune.verdicts.answers import Answer, ClauseAnswer, PartAnswer, answers
from privprune.verdicts.attack_results import AttackResult, AttackRun, InversionResult
from privprune.verdicts.cell_names import cell_names
from privprune.verdicts.checks import CheckOf, checks_on, failures
from privprune.verdicts.claim_parts import ClaimPart
from privprune.verdicts.claims import AttackDifference, ClaimResult
from privprune.verdicts.comparison_groups import ComparisonPlace
from privprune.verdicts.comparisons import FINDINGS, ComparisonResult, Finding
from privprune.verdicts.cross import CROSS, CrossEvaluation, CrossRow, CrossSettings, evaluate_cross
from privprune.verdicts.edge_operations import with_edge_operations
from privprune.verdicts.evaluation import CellRole, Evaluation, evaluate
from privprune.verdicts.gains import Gain
from privprune.verdicts.headlines import headline_numbers
from privprune.verdicts.matched import Matched
from privprune.verdicts.measured_cells import MeasuredCell
from privprune.verdicts.number_verdicts import VERDICTS, NumberVerdict
from privprune.verdicts.other_networks import other_networks
from privprune.verdicts.own import OWN, OwnRow, OwnSettings, evaluate_own, own_paper
from privprune.verdicts.settings import ControlSettings, CurveSettings, EvaluateSettings, RowSettings, check
from privprune.verdicts.so_far import so_far
from privprune.verdicts.statistics import Estimate

__all__ = [
    "CROSS",
    "FINDINGS",
    "OWN",
    "VERDICTS",
    "Answer",
    "AttackDifference",
    "AttackResult",
    "AttackRun",
    "CellRole",
    "CheckOf",
    "ClaimPart",
    "ClaimResult",
    "ClauseAnswer",
    "ComparisonPlace",
    "ComparisonResult",
    "ControlSettings",
    "CrossEvaluation",
    "CrossRow",
    "CrossSettings",
    "CurveSettings",
    "Estimate",
    "EvaluateSettings",
    "Evaluation",
    "Finding",
    "Gain",
    "InversionResult",
    "Matched",
    "MeasuredCell",
    "NumberVerdict",
    "OwnRow",
    "OwnSettings",
    "PartAnswer",
    "RowSettings",
    "answers",
    "cell_names",
    "check",
    "checks_on",
    "evaluate",
    "evaluate_cross",
    "evaluate_own",
    "failures",
    "headline_numbers",
    "other_networks",
    "own_paper",
    "so_far",
    "with_edge_operations",
]
