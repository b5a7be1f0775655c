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
from locations import ROOT, TINY

from privprune.suite.named_methods import modules_named
from privprune.yaml_file import load_yaml
from stages.harness import code_fingerprint

STAGES: dict[str, dict[str, Any]] = {
    name: stage.get("do", stage) for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}
SUITE = load_yaml(TINY)
ALL_STAGES = (*code_fingerprint.ENTRIES, *code_fingerprint.WHOLE)
# loads our modules anew for each stage and the methods that an entry names; what others provide is loaded once
LOADED = """
import importlib, json, sys, types
loaded = []
for stage, methods in json.load(sys.stdin):
    for name in [name for name in sys.modules if name.split(".")[0] in ("privprune", "stages")]:
        del sys.modules[name]
    if stage != "track":
        sys.modules["privprune.tracking"] = types.SimpleNamespace(live=None, __file__=None)
    for module in ("stages." + stage, *methods):
        importlib.import_module(module)
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] in ("privprune", "stages")]
    loaded.append([module.__file__ for module in ours if module.__file__])
print(json.dumps(loaded))
"""


def entries() -> dict[str, tuple[str, list[str]]]:
    """Return `<stage>/<entry>`, or `<stage>`, of the miniature suite -> the stage and the methods that are named."""
    found: dict[str, tuple[str, list[str]]] = {stage: (stage, []) for stage in code_fingerprint.WHOLE}
    for stage, section in code_fingerprint.ENTRIES.items():
        for name in SUITE[section]:
            found[f"{stage}/{name}"] = stage, modules_named(SUITE, section, name)
    return found


ENTRIES = entries()


def listed(place: str) -> dict[str, Path]:
    """Return the files in the list of an entry's code."""
    stage, methods = ENTRIES[place]
    return code_fingerprint.files_of(stage, ROOT, methods)


@functools.cache
def loaded() -> dict[str, set[str]]:
    """Return entry -> the files of ours that Python loads with its script and its methods."""
    cases = [*dict.fromkeys((stage, *methods) for stage, methods in ENTRIES.values())]  # many entries name the same
    given = json.dumps([(stage, methods) for stage, *methods in cases])
    command = [sys.executable, "-c", LOADED]
    ended = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True, check=True)  # noqa: S603 (ours)
    files = [{str(Path(file).relative_to(ROOT)) for file in found} for found in json.loads(ended.stdout)]
    of_case = dict(zip(cases, files, strict=True))
    return {place: of_case[stage, *methods] for place, (stage, methods) in ENTRIES.items()}


@functools.cache
def imports(path: Path) -> set[str]:
    """Return the modules that a file names in `from MODULE import`, at its top or inside a function."""
    return {node.module or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)}


@functools.cache
def users_of(package: str) -> set[Path]:
    """Return the files outside a package of ours that import it."""
    paths = (*(ROOT / "stages").rglob("*.py"), *(ROOT / "privprune").rglob("*.py"))
    found = {
        path.relative_to(ROOT) for path in paths if any(f"{name}.".startswith(f"{package}.") for name in imports(path))
    }
    return {path for path in found if not f"{'.'.join(path.parts)}.".startswith(f"{package}.")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_list_of_its_code(stage: str) -> None:
    """Each stage but `check`, which makes the lists from all code, depends on its own list and on no code besides."""
    code = {path for path in STAGES[stage]["deps"] if path.startswith(("data/code", "privprune", "stages"))}
    own = f"data/code/{stage}/${{key}}.json" if stage in code_fingerprint.ENTRIES else f"data/code/{stage}.json"
    assert code == ({"privprune", "stages"} if stage == "check" else {own})
    assert {"check", *ALL_STAGES} == set(STAGES)


@pytest.mark.parametrize("place", ENTRIES)
def test_code_that_is_loaded_is_listed(place: str) -> None:
    """All modules of ours that Python loads with an entry's script and methods stand in its list."""
    files = loaded()[place]
    assert len(files) > 3
    assert files <= set(listed(place))


@pytest.mark.parametrize("place", ENTRIES)
def test_a_list_follows_imports_inside_functions_and_nothing_else(place: str) -> None:
    """What a list names is a method, imported by another file of the list, the script, a package or data beside."""
    stage, methods = ENTRIES[place]
    files = [Path(file) for file in listed(place)]
    text = "\n".join((ROOT / file).read_text() for file in files if file.suffix == ".py")
    for file in files:
        beside = file.suffix != ".py" or file.name == "__init__.py" or file == Path(f"stages/{stage}.py")
        parent, name = ".".join(file.parts[:-1]), file.stem
        named = rf"(from {parent}\.{name} import|from {parent} import [^\n]*\b{name}\b|import {parent}\.{name}\b)"
        method = f"{parent}.{name}" in methods
        imported = re.search(named, text) or re.search(rf"from {parent} import \([^)]*\b{name}\b", text)
        assert beside or method or imported, file


def test_an_entry_lists_the_methods_that_it_names_and_no_others() -> None:
    """A cell hardened with CEM as written lists that form and its base, not the released form or another defence."""
    files = set(listed("harden/cut-cem"))
    assert {"privprune/defences/cem/as_written.py", "privprune/defences/resfl.py"} <= files
    others = {"cem/as_released.py", "dp_sgd.py", "min_max.py", "confidence_penalty.py"}
    assert not files & {f"privprune/defences/{name}" for name in others}
    assert "privprune/training/loop.py" in files
    assert "privprune/defences/min_max.py" not in set(listed("train/base"))


def test_printed_numbers_and_templates_are_listed() -> None:
    """Files that a stage reads without importing them are among its code too."""
    files = set(listed("report"))
    assert {"privprune/published/cem.yaml", "privprune/report/templates/page.html.jinja"} <= files
    assert "privprune/published/cem.yaml" not in listed("train/base")


def test_only_streaming_reaches_the_tracking() -> None:
    """What is left out of the lists is reached from the module that all training stages share, and from no other stage.

    Audits, which no stage runs, use it too.
    """
    shared, audits = Path("stages/harness/compute_stage.py"), Path("privprune/auditing/report.py")
    assert users_of(code_fingerprint.TRACKING) == {shared, Path("stages/track.py"), audits}


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
        file = tmp_path / f"{number}.py"
        file.write_text(text)
        prints.append(code_fingerprint.fingerprint(file))
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
    assert set(code_fingerprint.files_of("one", tmp_path)) == {"stages/one.py", "privprune/used.py"}


def test_every_stage_is_one_script_of_its_name() -> None:
    """Stage, script and section have one name, and the map stays short however many rows a table has."""
    for name, stage in STAGES.items():
        assert stage["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 250
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
    keepers = {path.stem for path in (ROOT / "stages").glob("*.py") if "stages.harness.checkpointing" in imports(path)}
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
    readers = {path.stem for path in (ROOT / "stages").rglob("*.py") if "privprune.yaml_file" in imports(path)}
    assert readers <= {
        "check",
        "evaluate",
        "plot",
        "report",
        "compute_stage",
        "parallel",
        "estimate",
        "select",
        "so_far",
    }
