"""A question that a reader has, as data: the claims that answer it, and the words that their numbers stand in."""

import string
from dataclasses import dataclass
from typing import Literal

NUMBER = "number"  # the measured number with its interval, in the words of a clause
_FIELDS = {NUMBER, "of", "against"}


@dataclass(frozen=True)
class Clause:
    """What one claim says to a question.

    Attributes:
        claim: name of a claim of the same paper.
        counts: `verdict` where the claim's verdict decides the answer; `if beaten` where it decides only as far as one
            side is no worse in all of its comparisons and better in one; `beside` where its numbers are only shown.
        words: one text per comparison of the claim, with {number} in it, and {of} and {against} for what is compared.
            Joined by `and` they are a sentence, but for its capital and full stop.

    """

    claim: str
    counts: Literal["verdict", "if beaten", "beside"]
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse words without the number, or with a place for anything else than what is compared."""
        for text in self.words:
            fields = [field for _, field, _, _ in string.Formatter().parse(text) if field is not None]
            if fields.count(NUMBER) != 1 or set(fields) - _FIELDS:
                raise ValueError(f"words: found {text!r}, allowed {{number}} once, {{of}} and {{against}}")


@dataclass(frozen=True)
class Question:
    """A question, and what answers it.

    Attributes:
        question: as a reader asks it.
        figure: what is drawn beside the answer: the attack's accuracy against that of the network, the error of
            reconstructions against accuracy, or that error against the operations of the edge.
        clauses: in the order of the answer; the first that was run decides where the figure is from.

    """

    question: str
    figure: Literal["attack at accuracy", "error at accuracy", "error at edge"]
    clauses: tuple[Clause, ...]

    def __post_init__(self) -> None:
        """Refuse a question that nothing decides."""
        if all(clause.counts == "beside" for clause in self.clauses):
            raise ValueError("clauses: at least one has to count")
