"""The pipeline itself: what dvc.yaml declares is what the stages read."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from locations import ROOT

from stages.harness import code_fingerprint

STAGES: dict[str, dict[str, Any]] = {
    name: stage.get("do", stage) for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}
# ours is loaded anew for each stage; what it uses of others, which knows nothing of ours, is loaded once
LOADED = """
import importlib, json, sys, types
loaded = {}
for stage in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] in ("privprune", "stages")]:
        del sys.modules[name]
    if stage != "track":
        sys.modules["privprune.tracking"] = types.SimpleNamespace(live=None, __file__=None)
    importlib.import_module("stages." + stage)
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] in ("privprune", "stages")]
    loaded[stage] = [module.__file__ for module in ours if module.__file__]
print(json.dumps(loaded))
"""


@functools.cache
def loaded() -> dict[str, set[str]]:
    """Return stage -> the files of ours that Python loads with its script."""
    command = [sys.executable, "-c", LOADED, *closure.STAGES]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 (our own program)
    return {
        stage: {str(Path(file).relative_to(ROOT)) for file in files} for stage, files in json.loads(told.stdout).items()
    }


@functools.cache
def users_of(package: str) -> set[Path]:
    """Return the files outside a package of ours that import it."""
    found = set()
    for path in (*(ROOT / "stages").rglob("*.py"), *(ROOT / "privprune").rglob("*.py")):
        names = {
            node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)
        }
        if any(f"{name}.".startswith(f"{package}.") for name in names):
            found.add(path.relative_to(ROOT))
    return {path for path in found if not f"{'.'.join(path.parts)}.".startswith(f"{package}.")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_list_of_its_code(stage: str) -> None:
    """Each stage but `check`, which makes the lists from all code, depends on its own list and on no code besides."""
    code = {path for path in STAGES[stage]["deps"] if path.startswith(("data/code", "privprune", "stages"))}
    assert code == ({"privprune", "stages"} if stage == "check" else {f"data/code/{stage}.json"})
    assert {"check", *closure.STAGES} == set(STAGES)


@pytest.mark.parametrize("stage", closure.STAGES)
def test_code_that_is_loaded_is_listed(stage: str) -> None:
    """All modules of ours that Python loads with a stage's script stand in its list, but for what streams curves."""
    files = loaded()[stage]
    assert len(files) > 3
    assert files <= set(closure.code_of(stage, ROOT))


@pytest.mark.parametrize("stage", closure.STAGES)
def test_a_list_follows_imports_inside_functions_and_nothing_else(stage: str) -> None:
    """What a list names is imported by another file of the list, or is the script, a package around or data beside."""
    listed = [Path(file) for file in closure.code_of(stage, ROOT)]
    text = "\n".join((ROOT / file).read_text() for file in listed if file.suffix == ".py")
    for file in listed:
        beside = file.suffix != ".py" or file.name == "__init__.py" or file == Path(f"stages/{stage}.py")
        parent, name = ".".join(file.parts[:-1]), file.stem
        named = rf"(from {parent}\.{name} import|from {parent} import [^\n]*\b{name}\b|import {parent}\.{name}\b)"
        assert beside or re.search(named, text) or re.search(rf"from {parent} import \([^)]*\b{name}\b", text), file


def test_printed_numbers_and_templates_are_listed() -> None:
    """Files that a stage reads without importing them are among its code too."""
    listed = set(closure.code_of("report", ROOT))
    assert {"privprune/published/cem.yaml", "privprune/report/templates/page.html.jinja"} <= listed
    assert "privprune/published/cem.yaml" not in closure.code_of("train", ROOT)


def test_only_streaming_reaches_the_tracking() -> None:
    """What is left out of the lists is reached from the module that all training stages share, and nowhere else."""
    assert users_of(closure.STREAMED) == {Path("stages/harness/compute_stage.py"), Path("stages/track.py")}


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ("x = 1  # why", True),
        ("\n\nx = 1\n", True),
        ('"""About it."""\nx = 1', True),
        ('x = 1\ndef f():\n    """Return \u00e9."""\n    return x\n', None),
        ("x = 2", False),
        ("x = '1'", False),
        ('x = 1\n"""No docstring."""', False),
        ("x = 1\ny = '# no comment'", False),
    ],
)
def test_comments_and_docstrings_do_not_count(tmp_path: Path, changed: str, same: bool | None) -> None:
    """A fingerprint is of the code alone: comments, docstrings and empty lines leave it, all else changes it."""
    prints = []
    for number, text in enumerate(("x = 1\n", changed, "x = 1\ndef f():\n    return x  # one\n")):
        root = tmp_path / str(number)
        (root / "stages").mkdir(parents=True)
        (root / "stages" / "one.py").write_text(text)
        prints.append(closure.code_of("one", root)["stages/one.py"])
    assert (prints[1] == prints[0]) is bool(same)
    assert (prints[1] == prints[2]) is (same is None)


def test_a_change_is_seen_through_imports(tmp_path: Path) -> None:
    """A stage's list changes with a module that it imports inside a function, and not with one that it does not."""
    files = {
        "stages/one.py": "def run():\n    from privprune import used\n",
        "privprune/used.py": "",
        "privprune/idle.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert set(closure.code_of("one", tmp_path)) == {"stages/one.py", "privprune/used.py"}


def test_every_stage_is_one_script_of_its_name() -> None:
    """Stage, script and section have one name, and the map stays short however many rows a table has."""
    for name, stage in STAGES.items():
        assert stage["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 200
    assert "__pycache__/" in (ROOT / ".dvcignore").read_text().splitlines()


def test_no_stage_writes_where_another_does() -> None:
    """No two stages declare the same output or one inside another's."""
    outs = [
        (name, next(iter(out)) if isinstance(out, dict) else out)
        for name, stage in STAGES.items()
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]
    ]
    for name, out in outs:
        for other, elsewhere in outs:
            assert out == elsewhere or not f"{elsewhere}/".startswith(f"{out}/"), (name, other)
            assert out != elsewhere or name == other or out == "data/models/${key}"


def test_what_is_kept_on_the_way_is_nobodys_business() -> None:
    """The folder of unfinished work is no stage's output or dependency, nor in or around one, for git nor for DVC."""
    own = Path("data/checkpoints")
    for stage in STAGES.values():
        named = [*stage.get("deps", []), *stage.get("outs", []), *stage.get("metrics", [])]
        for place in (Path(next(iter(one)) if isinstance(one, dict) else one) for one in named):
            assert not place.is_relative_to(own)
            assert not own.is_relative_to(place)
    assert "/checkpoints" in (ROOT / "data" / ".gitignore").read_text().splitlines()
    assert "/data/checkpoints" in (ROOT / ".dvcignore").read_text().splitlines()
    script = (ROOT / "stages" / "keeping.py").read_text()
    assert '"checkpoints"' in script
    keepers = {
        path.stem for path in (ROOT / "stages").glob("*.py") if "stages.harness.checkpointing" in path.read_text()
    }
    assert keepers == {"train", "prune", "harden", "attack"}


def read_keys(stage: str) -> set[str]:
    """Return the keys of the suite that a stage's script looks up, through `entry`, `at` and `device`."""
    keys: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "stages" / f"{stage}.py").read_text())):
        if not isinstance(node, ast.Assign | ast.Expr | ast.Return) or node.value is None:
            continue
        for call in (part for part in ast.walk(node.value) if isinstance(part, ast.Call)):
            called = call.func.id if isinstance(call.func, ast.Name) else ""
            path = [part.value if isinstance(part, ast.Constant) else "${key}" for part in call.args[1:]]
            if called == "device":
                keys.add("device")
            if called in ("entry", "at"):
                keys.add(".".join(str(part) for part in path))
            if called == "entry":  # gives the suite's name first, which a stage may leave alone
                first = node.targets[0].elts[0] if isinstance(node, ast.Assign) else None  # type: ignore[attr-defined]
                keys |= {"suite"} - ({"suite"} if isinstance(first, ast.Name) and first.id == "_" else set())
    return keys


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "check"])
def test_the_keys_that_are_read_are_declared(stage: str) -> None:
    """A stage's `params` are the keys of the suite that its script looks up, and nothing else reads the suite."""
    assert read_keys(stage) == set(STAGES[stage].get("params", []))
    readers = {path.stem for path in (ROOT / "stages").glob("*.py") if "load_yaml" in path.read_text()}
    assert readers <= {"check", "evaluate", "plot", "report", "stage", "parallel", "cost", "select"}
