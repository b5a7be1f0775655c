"""The rule for names: what becomes a file, an argument, a row and a key of YAML stays what it is in all of them."""

import copy
from typing import Any

import pytest
from locations import TINY

from privprune.errors import UserError
from privprune.names import FILES, NAMES, PRINTED
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

GOOD = ("a", "A1", "tiles-baseline", "cifar10-vgg11-none", "_x", "a" * 64, "no-one", "e3", "1x", "condition", "y")
BAD = (
    *("", " ", "a b", "--help", "-rf", "a;touch x", "a\nb", "a\tb", "a" * 65, "a" * 300, "a/b", "../../x", "/etc/x"),
    *("a.b", ".", "..", "a+b", "é", "a\x00", "$HOME", "a=b", "*", "~", "a:b"),
    *("null", "Null", "None", "none", "true", "False", "yes", "No", "on", "OFF"),
    *("1", "-1", "1e3", "0x1f", "0o7", "0b1", "1_000", "12e03", "2024-01-01", "2024-13-45", "0x_"),
    *("CON", "nul", "com1", "LPT9"),
)


@pytest.mark.parametrize("name", GOOD)
def test_names_of_letters_digits_and_two_signs_are_allowed(name: str) -> None:
    """Words that only contain what YAML reads otherwise, or what a system keeps for itself, are names."""
    assert name in NAMES


@pytest.mark.parametrize("name", [*BAD, None, 1, 1.5, True, ["a"]], ids=repr)
def test_other_names_are_refused(name: object) -> None:
    """No name can be an option, leave its folder, end a line, or be read as a number, a date, true or null."""
    assert name not in NAMES


@pytest.mark.parametrize("name", ["../x", "/x", ".x", "-x", "a/b", "", "a b", "x" * 101])
def test_the_name_of_a_file_stays_in_its_folder(name: str) -> None:
    """A file of weights lies in the folder of weights."""
    assert name not in FILES
    assert "resnet18-f37072fd.pth" in FILES


@pytest.mark.parametrize("text", ["", " ", "a\nb", " a", "a\x1b[2J", "x" * 101])
def test_a_printed_row_is_one_line(text: str) -> None:
    """A row may be called what a paper calls it, in one line."""
    assert text not in PRINTED
    assert "PATROL as in CEM + 2" in PRINTED


def place_of(kind: str, name: Any, suite: dict[str, Any]) -> None:
    """Give a part of the miniature suite a name."""
    if kind == "suite":
        suite["suite"] = name
    elif kind == "dataset":
        suite["datasets"][name] = suite["datasets"]["digits"]
    elif kind == "label":
        suite["attack"]["pruned"]["methods"] = {name: {"attack": "gap"}}
    elif kind == "inversion":
        suite["attack"]["cut-inverted"]["inversions"][name] = {"attack": "mean_image", "attacker_data": "train"}
    elif kind == "paper":
        suite["train"]["base"]["paper"] = name
    else:
        suite[kind][name] = next(iter(suite[kind].values()))


SECTIONS = ("train", "prune", "harden", "attack", "recognise", "deploy")
PLACES = ("suite", "dataset", *SECTIONS, "label", "inversion", "paper")
WRONG = ("", "--help", "a;touch x", "a\nb", "null", "1e3", "../../x", "a" * 300, 5, None)


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("name", WRONG, ids=repr)
def test_each_name_in_a_suite_follows_the_rule(kind: str, name: Any) -> None:
    """One line of at most 500 characters says where the name stands and what is allowed."""
    suite = copy.deepcopy(load_yaml(TINY))
    place_of(kind, name, suite)
    with pytest.raises(UserError) as refused:
        check_suite(suite, "params.yaml")
    line = str(refused.value)
    assert line.isprintable()
    assert len(line) <= 500
    assert str(NAMES) in line or (not isinstance(name, str) and line.endswith("allowed a text"))


@pytest.mark.parametrize("section", SECTIONS)
def test_an_unknown_paper_is_refused(section: str) -> None:
    """A record of a paper that nobody evaluates would be lost."""
    suite = copy.deepcopy(load_yaml(TINY))
    name, entry = next(iter(suite[section].items()))
    suite[section] = {**suite[section], name: {**entry, "paper": "mia_prunign"}}
    with pytest.raises(UserError, match=rf"^params.yaml: {section}.{name}.paper: found 'mia_prunign', allowed cem, "):
        check_suite(suite, "params.yaml")
