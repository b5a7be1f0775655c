from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml
from locations import ROOT

import privprune
from privprune import command_line
from privprune.registry import Registry

# prints whether torch has been imported after each line that is given
PROBE = """
import sys
for line in sys.argv[1:]:
    exec(line)
    print("torch" in sys.modules)
"""


def test_importing_the_package_is_cheap() -> None:
    """`import privprune` and the command's own module import no torch; the first use of a name that needs it does."""
    lines = ("import privprune, privprune.command_line; privprune.UserError", "privprune.Ensemble")
    done = subprocess.run([sys.executable, "-c", PROBE, *lines], capture_output=True, text=True, check=True, cwd=ROOT)  # noqa: S603 (our own code)
    assert done.stdout.split() == ["False", "True"]


def test_every_public_name_is_there() -> None:
    """Each name in `__all__` can be imported, is listed by `dir`, and another one is an AttributeError."""
    assert all(getattr(privprune, name) is not None for name in privprune.__all__)
    assert {*privprune.__all__, "__version__"} <= set(dir(privprune))
    with pytest.raises(AttributeError, match="nothing_like_this"):
        _ = privprune.nothing_like_this


def test_one_version() -> None:
    """The package, pyproject.toml and CITATION.cff give the same version, authors and keywords."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert privprune.__version__ == project["version"] == citation["version"]
    assert (project["authors"], project["keywords"]) == (citation["authors"], citation["keywords"])


def test_version_option(capsys: pytest.CaptureFixture[str]) -> None:
    """`privprune --version` prints name and version and ends well."""
    with pytest.raises(SystemExit, match="0"):
        command_line.main(["--version"])
    assert capsys.readouterr().out == f"privprune {privprune.__version__}\n"


def test_methods_are_listed_with_their_first_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method's line is its name and the first line of the docstring of the module that declares it."""
    module: Any = ModuleType("example_methods", "First line.\n\nMore.")
    module.METHODS = (SimpleNamespace(name="one"), SimpleNamespace(name="three"))
    monkeypatch.setitem(sys.modules, "example_methods", module)
    registry: Registry[Any] = Registry("tests.no_such_folder", SimpleNamespace, "privprune.tests")
    registry._declared = {}
    registry.add(module)
    assert list(command_line.method_lines(registry)) == ["  one    First line.", "  three  First line."]


def test_all_kinds_of_methods_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`privprune methods` has a heading per kind, and a described method of each."""
    assert command_line.main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == [f"{kind.heading}:" for kind in command_line.KINDS]
    named = {line.split()[0]: line.split()[1:] for line in lines if line.startswith("  ")}
    for name in ("cem", "soft_mask", "lira", "decoder", "gaussian", "lenet5", "digits"):
        assert named[name], name


def test_plugins_that_are_no_list_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`privprune methods` refuses them as `check` does."""
    file = tmp_path / "mine.yaml"
    file.write_text("plugins: 3\n", encoding="utf-8")
    assert command_line.main(["methods", str(file)]) == 1
    assert (
        capsys.readouterr().err
        == f"error: {file}: plugins: found 3, allowed a list of modules, such as [package.module]\n"
    )


def test_a_reader_may_have_enough() -> None:
    """Where nobody reads on, as after `| head -1`, the command ends well and prints no traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "privprune.command_line", "methods"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT)  # noqa: S603 (our own code)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_valid_suite(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`privprune check` accepts the tests' suite and says what is in it; plugins may be in the working directory."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert command_line.main(["check", str(ROOT / "tests" / "suites" / "tiny.yaml")]) == 0
    assert "tiny.yaml: valid" in capsys.readouterr().out
    assert sys.path[0] == str(Path.cwd())


@pytest.mark.parametrize("mistake", ["missing file", "unknown section"])
def test_a_mistake_is_one_line(
    mistake: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite with a mistake gives one line that begins with `error:` and names the file, and exit status 1."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    file = tmp_path / "mine.yaml"
    if mistake == "unknown section":
        file.write_text("hardening: {}\n", encoding="utf-8")
    assert command_line.main(["check", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {file}: ")
    assert printed.err.count("\n") == 1
    assert not printed.out


PRINTING = """
import sys
from privprune import command_line
command_line.COMMANDS["methods"] = lambda _: print("\\U0001f332" * 100_000)
sys.exit(command_line.main(["methods"]))
"""


@pytest.mark.parametrize("code", [PRINTING, "import stages; print('\\U0001f332')"], ids=["command", "stage"])
def test_a_terminal_without_a_sign_gets_its_escape(code: str) -> None:
    """Where standard output cannot encode a name, the command and the stages print an escape and go on."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, cwd=ROOT)  # noqa: S603
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(rb"\U0001f332")
