"""Answers to the questions that a report begins with, computed from the claims that a question names."""

from collections.abc import Sequence
from dataclasses import dataclass

from privprune.published import Clause, Paper, Question
from privprune.verdicts.claim_parts import ClaimPart, places_behind
from privprune.verdicts.claims import ClaimResult
from privprune.verdicts.comparison_groups import ComparisonPlace
from privprune.verdicts.comparisons import ComparisonResult, Finding, combined
from privprune.verdicts.evaluation import Evaluation


@dataclass(frozen=True)
class PartAnswer:
    """One part of a claim, and what it says to a question.

    Attributes:
        part: the claim in one place, for one defence or baseline.
        finding: what counts for the answer.
        papers_attack: the same under the attack that the claim names.
        strongest_attack: the same under the strongest attack of each cell; `not run` where none could be chosen.

    """

    part: ClaimPart
    finding: Finding
    papers_attack: Finding
    strongest_attack: Finding

    @property
    def shown(self) -> tuple[ComparisonResult, ...]:
        """The comparisons whose numbers stand beside the finding: under the attack that it is made under."""
        under_papers = self.finding == self.papers_attack or not self.part.strongest
        return self.part.comparisons if under_papers else self.part.strongest


@dataclass(frozen=True)
class ClauseAnswer:
    """A clause of a question with its claim; no parts where the claim was not run."""

    clause: Clause
    claim: ClaimResult
    parts: tuple[PartAnswer, ...]

    @property
    def counts(self) -> bool:
        """Whether it decides the answer."""
        return self.clause.counts != "beside"

    @property
    def finding(self) -> Finding:
        """The findings of all its parts together."""
        return combined([one.finding for one in self.parts])


@dataclass(frozen=True)
class Answer:
    """A question with the findings of what was run of its clauses.

    Attributes:
        question: the question.
        clauses: one per clause, in its order.

    """

    question: Question
    clauses: tuple[ClauseAnswer, ...]

    @property
    def finding(self) -> Finding:
        """The findings of all parts that count; `not run` where none was run."""
        return combined([one.finding for one in self._deciding])

    @property
    def papers_attack(self) -> Finding:
        """The same under the attacks that the claims name."""
        return combined([one.papers_attack for one in self._deciding])

    @property
    def strongest_attack(self) -> Finding:
        """The same under the strongest attacks; `not run` where one could not be chosen."""
        found = [one.strongest_attack for one in self._deciding]
        return "not run" if "not run" in found else combined(found)

    @property
    def beaten_by(self) -> tuple[str, ...]:
        """The defences and controls that a method has not been shown to be better than in anything, but worse."""
        parts = [one for clause in self.clauses if clause.clause.counts == "if beaten" for one in clause.parts]
        names = [one.part.comparisons[0].comparison.against for one in parts if one.finding == "contradicted"]
        return tuple(dict.fromkeys(name for name in names if name))

    @property
    def complete(self) -> bool:
        """Whether every clause that counts was run."""
        return all(one.parts for one in self.clauses if one.counts)

    @property
    def places(self) -> list[ComparisonPlace]:
        """The places that the finding rests on."""
        return places_behind([(one.part.place, one.finding) for one in self._deciding], self.finding)

    @property
    def _deciding(self) -> list[PartAnswer]:
        return [one for clause in self.clauses if clause.counts for one in clause.parts]


def answers(evaluation: Evaluation, paper: Paper) -> tuple[Answer, ...]:
    """Return an answer per question of a paper."""
    claims = {claim.name: claim for claim in evaluation.claims}
    return tuple(
        Answer(one, tuple(_clause(clause, claims[clause.claim]) for clause in one.clauses if clause.claim in claims))
        for one in paper.questions
    )


def _clause(clause: Clause, claim: ClaimResult) -> ClauseAnswer:
    return ClauseAnswer(clause, claim, tuple(_part(clause, part) for part in claim.parts))


def _part(clause: Clause, part: ClaimPart) -> PartAnswer:
    """Return what a part of a claim counts: its verdict, or, `if beaten`, less than that."""
    if clause.counts != "if beaten":
        strongest = part.strongest_attack or part.finding
        return PartAnswer(part, part.finding, part.papers_attack or part.finding, strongest)
    under, strongest = _beaten(part.comparisons), _beaten(part.strongest)
    unfair = under == "not a fair test" and strongest not in ("not run", "not a fair test")
    return PartAnswer(part, strongest if unfair else under, under, strongest)


def _beaten(results: Sequence[ComparisonResult]) -> Finding:
    """Return `contradicted` only where one comparison is and none is supported, and `supported` where all are.

    A method that is worse in one quantity and better in another one trades them, which decides nothing.
    """
    found = [result.finding for result in results]
    if not found:
        return "not run"
    if "not a fair test" in found:
        return "not a fair test"
    if all(one == "supported" for one in found):
        return "supported"
    return "contradicted" if "contradicted" in found and "supported" not in found else "inconclusive"
