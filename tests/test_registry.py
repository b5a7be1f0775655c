"""Registries: methods are found in their folder and in plugins, and what cannot be imported is one line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from privprune.attacks.membership.method import MembershipAttack
from privprune.errors import UserError
from privprune.registry import Registry, use_plugins

DECLARES = """
from privprune.attacks.membership.method import MembershipAttack
METHOD = MembershipAttack(name="{name}", settings=dict, attack=print)
"""
Make = Callable[..., Registry[MembershipAttack]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Make:
    """Return a function of file names and contents that makes a folder of methods, and its registry."""
    package = "methods_of_" + re.sub(r"\W", "_", request.node.name)
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(**files: str) -> Registry[MembershipAttack]:
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for name, content in files.items():
            (tmp_path / package / f"{name}.py").write_text(content)
        return Registry(package, MembershipAttack, "privprune.tests-have-none")

    return make


def test_a_folder_is_its_registry(folder: Make) -> None:
    """Each file that declares a method is found, in alphabetical order; files without a declaration are helpers."""
    registry = folder(zebra=DECLARES.format(name="a"), apple=DECLARES.format(name="b"), helper="VALUE = 1")
    assert list(registry) == ["a", "b"]
    assert registry.module_of("a").endswith(".zebra")
    assert registry["b"].name == "b"
    assert "helper" not in registry


@pytest.mark.parametrize(
    ("content", "reason"), [("METHOD = (", "SyntaxError"), ("import nothing_here", "ModuleNotFoundError")]
)
def test_a_broken_file_is_one_line(folder: Make, content: str, reason: str) -> None:
    """The line names the module and the reason, whatever is looked up."""
    registry = folder(good=DECLARES.format(name="a"), new=content)
    for _ in range(2):
        with pytest.raises(UserError, match=rf"\.new: could not be imported \({reason}: ") as refused:
            list(registry)
        assert "\n" not in str(refused.value)


def test_a_plugin_joins_every_registry_of_its_kind(folder: Make, tmp_path: Path) -> None:
    """Its method is found from the moment that it is used, also where the registry has been read before."""
    registry = folder(one=DECLARES.format(name="a"))
    assert list(registry) == ["a"]
    (tmp_path / "plugin_of_the_tests.py").write_text(DECLARES.format(name="from_outside"))
    try:
        use_plugins(["plugin_of_the_tests"], "params.yaml: plugins")
        assert list(registry) == ["a", "from_outside"]
    finally:
        from privprune import registry as module  # noqa: PLC0415 (its plugins are those of this process)

        module._plugins.pop("plugin_of_the_tests")
        sys.modules.pop("plugin_of_the_tests")


def test_an_installed_package_adds_methods_by_entry_points(folder: Make, tmp_path: Path) -> None:
    """The modules that the entry points of the registry's group name are read with the folder."""
    (tmp_path / "installed_methods.py").write_text(DECLARES.format(name="installed"))
    about = tmp_path / "installed_methods-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: installed-methods\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[privprune.tests-have-none]\nany = installed_methods\n")
    registry = folder(one=DECLARES.format(name="a"))
    assert list(registry) == ["a", "installed"]
    assert registry.module_of("installed") == "installed_methods"


def test_a_plugin_that_is_not_there_is_one_line() -> None:
    """The line names the place in the suite and the module."""
    with pytest.raises(UserError, match=r"^params\.yaml: plugins: not_there: could not be imported \(ModuleNotFound"):
        use_plugins(["not_there"], "params.yaml: plugins")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("METHOD = dict(name='a')", r"\.new: found a declaration of type dict, allowed those with a name"),
        (
            "import types\nMETHOD = types.SimpleNamespace(name='a')",
            r"\.new: found .* SimpleNamespace, allowed Membership",
        ),
    ],
)
def test_a_declaration_of_another_kind_is_refused(folder: Make, content: str, line: str) -> None:
    """What stands in a registry's folder is for that registry: it is not left out in silence."""
    with pytest.raises(UserError, match=line):
        list(folder(good=DECLARES.format(name="a"), new=content))
