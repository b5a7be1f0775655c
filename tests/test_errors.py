"""The one line in which a mistake of the user is told."""

import pickle

import pytest

from privprune.errors import UserError, shown


@pytest.mark.parametrize(
    "message", ["a\nb", "a\r\x1b[2J", "\u2028", "\udce9", "\x00" * 1000, "x" * 10_000, "é" * 10_000, "\n" * 499]
)
def test_a_message_is_one_printable_line_of_at_most_500_characters(message: str) -> None:
    """Whatever was written, it ends no line, moves no cursor, and can be encoded; it survives the way from a worker."""
    error = UserError(message)
    assert str(error).isprintable()
    assert len(str(error)) <= 500
    str(error).encode()
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301 (made above)


def test_a_short_message_is_as_it_was_written() -> None:
    """Letters of all languages are left as they are."""
    assert str(UserError("params.yaml: train.é: found 1, allowed ≥ 2")) == "params.yaml: train.é: found 1, allowed ≥ 2"


def test_a_long_value_is_cut_off() -> None:
    """A value is shown as Python writes it, in at most 60 characters."""
    assert shown("a\nb") == r"'a\nb'"
    assert shown("x" * 100) == "'" + "x" * 56 + "..."


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    """What is wrong stands in front, and what to do at the end; paths between them give way."""
    told = str(UserError(f"no data in {'/folder' * 100}; put it into the other folder"))
    assert told.startswith("no data in /folder")
    assert told.endswith("; put it into the other folder")
    assert len(told) == 500
