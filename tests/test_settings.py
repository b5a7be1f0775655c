"""Reading settings: valid values, and the line in which each mistake is reported."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from privprune.annotations import Key, name_of
from privprune.errors import UserError
from privprune.settings import AtLeastOne, Count, Fraction, NonNegative, Positive, Range, at, read


@dataclass(frozen=True)
class Circle:
    name: Literal["circle"]
    radius: Positive


@dataclass(frozen=True)
class Square:
    name: Literal["square", "tile"]
    side: NonNegative


@dataclass(frozen=True)
class Everything:
    """Settings with a field of each supported kind."""

    origin: Annotated[str, Key("from")]
    epochs: Count
    batch: AtLeastOne
    rate: Positive
    share: Fraction
    open: Annotated[float, Range(0, 1, open_low=True, open_high=True)]
    fast: bool
    mode: Literal["paper", "clean", 3]
    steps: tuple[Count, ...]
    layers: dict[str, Fraction]
    limit: AtLeastOne | None
    shape: Circle | Square
    extra: Circle | None

    def __post_init__(self) -> None:
        if self.epochs > 9 and self.fast:
            raise ValueError("epochs: found 10 or more with fast, allowed up to 9")


GOOD: dict[str, Any] = {
    "from": "models/x",
    "epochs": 0,
    "batch": 1,
    "rate": 0.5,
    "share": 1,
    "open": 0.5,
    "fast": True,
    "mode": "clean",
    "steps": [1, 2],
    "layers": {"conv1": 0.5},
    "limit": None,
    "shape": {"name": "tile", "side": 2},
    "extra": None,
}
KEYS = ", ".join(GOOD)
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"epochs": -1}, ".epochs: found -1, allowed at least 0 and at most 1,000,000"),
    ({"epochs": 1.0}, ".epochs: found 1.0, allowed an integer"),
    ({"epochs": True}, ".epochs: found True, allowed an integer"),
    ({"epochs": None}, ".epochs: found None, allowed an integer"),
    ({"epochs": 10}, ".epochs: found 10 or more with fast, allowed up to 9"),
    ({"batch": 0}, ".batch: found 0, allowed at least 1 and at most 1,000,000"),
    ({"rate": "5e-4"}, ".rate: found '5e-4', allowed a number"),
    ({"rate": float("nan")}, ".rate: found nan, allowed a number"),
    ({"rate": float("inf")}, ".rate: found inf, allowed a number"),
    ({"rate": 10**400}, f".rate: found 1{'0' * 56}..., allowed a number"),
    ({"rate": -(10**400)}, f".rate: found -1{'0' * 55}..., allowed a number"),
    ({"rate": False}, ".rate: found False, allowed a number"),
    ({"rate": 0}, ".rate: found 0, allowed at least 1e-12 and at most 1,000,000"),
    ({"share": 1.01}, ".share: found 1.01, allowed at least 0 and at most 1"),
    ({"open": 1}, ".open: found 1, allowed above 0 and below 1"),
    ({"fast": 1}, ".fast: found 1, allowed true or false"),
    ({"from": 3}, ".from: found 3, allowed a text"),
    ({"mode": "Clean"}, ".mode: found 'Clean', allowed paper, clean, 3"),
    ({"mode": 3.0}, ".mode: found 3.0, allowed paper, clean, 3"),
    ({"steps": 3}, ".steps: found 3, allowed a list"),
    ({"steps": "12"}, ".steps: found '12', allowed a list"),
    ({"steps": [1, -2]}, ".steps[1]: found -2, allowed at least 0 and at most 1,000,000"),
    ({"layers": [0.5]}, ".layers: found [0.5], allowed a mapping"),
    ({"layers": {"conv1": 2}}, ".layers.conv1: found 2, allowed at least 0 and at most 1"),
    ({"limit": 0}, ".limit: found 0, allowed at least 1 and at most 1,000,000"),
    ({"limit": {}}, ".limit: found {}, allowed an integer"),
    ({"shape": {"name": "cube", "side": 1}}, ".shape.name: found 'cube', allowed circle, square, tile"),
    ({"shape": {"side": 1}}, ".shape.name: missing, allowed circle, square, tile"),
    ({"shape": "circle"}, ".shape: found 'circle', allowed a mapping with name: circle, square, tile"),
    ({"shape": {"name": "circle", "side": 1}}, ".shape.side: unknown key, allowed name, radius"),
    ({"shape": {"name": "circle"}}, ".shape.radius: missing, the keys are name, radius"),
    ({"extra": [1]}, ".extra: found [1], allowed a mapping with the keys name, radius"),
    ({"epoch": 3}, f".epoch: unknown key, allowed {KEYS}"),
    ({"origin": "models/x"}, f".origin: unknown key, allowed {KEYS}"),
]


def mistake(kind: type, found: object) -> str:
    """Return the error message."""
    with pytest.raises(UserError) as refused:
        read(kind, found, "suite.yaml: prune.x")
    return str(refused.value)


def test_every_kind_of_field_is_read() -> None:
    """Valid settings become an instance, in which integers for fields of numbers are floats."""
    found = read(Everything, GOOD, "suite.yaml: prune.x")
    assert (found.origin, found.epochs, found.mode, found.steps) == ("models/x", 0, "clean", (1, 2))
    assert found.shape == Square("tile", 2.0)
    assert type(found.share) is float
    assert read(Everything, {**GOOD, "limit": 4, "extra": {"name": "circle", "radius": 1}}, "").extra is not None


@pytest.mark.parametrize(("changed", "line"), MISTAKES, ids=[line for _, line in MISTAKES])
def test_a_mistake_gets_one_line(changed: dict[str, Any], line: str) -> None:
    """The message of a value that is not allowed says file, key, what was found and what is allowed."""
    assert mistake(Everything, {**GOOD, **changed}) == "suite.yaml: prune.x" + line


@pytest.mark.parametrize("key", GOOD)
def test_every_key_is_required(key: str) -> None:
    """There are no defaults: each missing key is reported."""
    less = {name: value for name, value in GOOD.items() if name != key}
    assert mistake(Everything, less) == f"suite.yaml: prune.x.{key}: missing, the keys are {KEYS}"


@dataclass(frozen=True)
class Mostly:
    """Settings with a key that is null for most."""

    epochs: int
    rate: float
    limit: int | None = None


def test_what_is_null_for_most_may_be_left_out() -> None:
    """A key whose default is null may be missing, and no other; all missing keys are reported at once."""
    assert read(Mostly, {"epochs": 1, "rate": 0.5}, "") == Mostly(1, 0.5, None)
    assert mistake(Mostly, {"epochs": 1}) == "suite.yaml: prune.x.rate: missing, the keys are epochs, rate, limit"
    assert mistake(Mostly, {}) == "suite.yaml: prune.x: epochs, rate are missing, the keys are epochs, rate, limit"


def test_a_long_value_is_cut_in_the_message() -> None:
    """The message is one line for any value."""
    line = mistake(Everything, {**GOOD, "from": ["a\nb"] * 1000})
    assert len(line) < 150
    assert "\n" not in line


def test_a_missing_entry_is_reported_with_those_that_exist() -> None:
    """The error names the first key that does not exist, and those that exist next to it."""
    suite = {"train": {"a": {}, "b": {}}, "suite": "x"}
    assert at(suite, "train", "a", file="f") == {}
    for keys, line in (
        (("train", "c"), "f: train.c does not exist, allowed a, b"),
        (("prune", "c"), "f: prune does not exist, allowed train, suite"),
        (("suite", "c"), "f: suite.c does not exist, allowed none"),
    ):
        with pytest.raises(UserError) as refused:
            at(suite, *keys, file="f")
        assert str(refused.value) == line


@dataclass(frozen=True)
class Untyped:
    """Settings with a list, which is not among the types of settings."""

    rates: tuple[list[float], ...]


@dataclass(frozen=True)
class Misspelt:
    """Settings with a type that does not exist."""

    rate: "Postive"  # type: ignore[name-defined]  # noqa: F821


@dataclass(frozen=True)
class Nameless:
    """Settings without the literal by which a suite chooses them."""

    rate: float


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Untyped, r"\.Untyped\.rates: found the type tuple.*, allowed int, float, str, bool, Literal, "),
        (Misspelt, r"\.Misspelt: its annotations could not be read \(name 'Postive' is not defined\)"),
    ],
)
def test_a_settings_class_of_unknown_types_is_one_line(kind: type, line: str) -> None:
    """The mistake is that of the class, whatever the suite says: the line names the class and the field."""
    with pytest.raises(UserError, match=line):
        read(kind, {}, "suite")


def test_a_settings_class_that_is_chosen_by_name_has_one() -> None:
    """Without a literal `name` the line says what is missing."""
    with pytest.raises(UserError, match=r"\.Nameless\.name: missing, allowed Literal"):
        name_of(Nameless)
