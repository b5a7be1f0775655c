"""The pipeline itself: what dvc.yaml declares is what the stages read."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
STAGES: dict[str, dict[str, Any]] = {
    name: stage.get("do", stage) for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items()
}
# A stage that trains streams its curves, if a server is named; nothing in the tracking can change what it writes.
STREAMED = "privprune.tracking"


@functools.cache
def file_of(module: str) -> Path | None:
    """Return the file of a module of ours, or None."""
    base = ROOT / module.replace(".", "/")
    found = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
    return found[0] if found else None


@functools.cache
def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere, inside functions too, with `from a import b` as a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.split(".")[0] in ("privprune", "stages")}


def closure(module: str, left_out: str | None = None) -> set[Path]:
    """Return the files that importing a module reads: its own, those it imports, and the packages around them."""
    waiting, seen, files = {module}, set[str](), set[Path]()
    while waiting:
        name = waiting.pop()
        if name in seen or (left_out and f"{name}.".startswith(f"{left_out}.")):
            continue
        seen.add(name)
        path = file_of(name)
        if path is not None:
            files.add(path.relative_to(ROOT))
            waiting |= imported(path)
        waiting |= {name.rpartition(".")[0]} - {""}
    return files


def declared(stage: str) -> set[Path]:
    """Return the code that a stage declares: files and folders."""
    return {Path(path) for path in STAGES[stage]["deps"] if path.split("/")[0] in ("privprune", "stages")}


def covers(path: Path, file: Path) -> bool:
    """Whether a declared path is the file or a folder above it."""
    return path == file or path in file.parents


@functools.cache
def is_empty(path: Path) -> bool:
    """Whether a file holds no code, only its docstring."""
    return len(ast.parse((ROOT / path).read_text()).body) <= 1


@functools.cache
def code_of(stage: str) -> set[Path]:
    """Return the files with code that a stage imports."""
    left_out = None if stage in ("check", "track") else STREAMED
    return {path for path in closure(f"stages.{stage}", left_out) if not is_empty(path)}


@pytest.mark.parametrize("stage", STAGES)
def test_code_that_is_imported_is_declared(stage: str) -> None:
    """A change of any module that a stage imports reruns the stage."""
    missing = [str(file) for file in sorted(code_of(stage)) if not any(covers(path, file) for path in declared(stage))]
    assert not missing, f"dvc.yaml: {stage}.deps lack {', '.join(missing)}"


@pytest.mark.parametrize("stage", STAGES)
def test_code_that_is_declared_is_imported(stage: str) -> None:
    """A change of code that a stage does not import does not rerun it."""
    idle = [str(path) for path in sorted(declared(stage)) if not any(covers(path, file) for file in code_of(stage))]
    assert not idle, f"dvc.yaml: {stage}.deps name {', '.join(idle)} for nothing"


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "check"])
def test_a_declared_folder_is_imported_whole(stage: str) -> None:
    """A folder stands among the dependencies only where all of its modules are read."""
    for folder in (path for path in declared(stage) if (ROOT / path).is_dir()):
        modules = {file.relative_to(ROOT) for file in (ROOT / folder).rglob("*.py")}
        idle = {file for file in modules - code_of(stage) if not is_empty(file)}
        assert not idle, f"dvc.yaml: {stage}.deps name {folder}, but not {', '.join(map(str, idle))}"


def test_only_streaming_reaches_the_tracking() -> None:
    """What is left out above is reached from the module that all training stages share, and from nowhere else."""
    users = {
        path.relative_to(ROOT)
        for folder in ("stages", "privprune")
        for path in (ROOT / folder).rglob("*.py")
        if any(name.startswith(STREAMED) for name in imported(path)) and "tracking" not in path.parts
    }
    assert users == {Path("stages/stage.py"), Path("stages/track.py")}


def test_a_mistake_in_the_map_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above tells a dependency that is missing, and one that is superfluous."""
    less = [path for path in STAGES["train"]["deps"] if path != "privprune/training.py"]
    monkeypatch.setitem(STAGES["train"], "deps", [*less, "privprune/tables"])
    with pytest.raises(AssertionError, match=r"train.deps lack privprune/training.py"):
        test_code_that_is_imported_is_declared("train")
    with pytest.raises(AssertionError, match=r"train.deps name privprune/tables for nothing"):
        test_code_that_is_declared_is_imported("train")


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


def read_keys(stage: str) -> set[str]:
    """Return the keys of the suite that a stage's script looks up, through `entry` and `at`."""
    keys: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / "stages" / f"{stage}.py").read_text())):
        if not isinstance(node, ast.Assign | ast.Expr | ast.Return) or node.value is None:
            continue
        for call in (part for part in ast.walk(node.value) if isinstance(part, ast.Call)):
            called = call.func.id if isinstance(call.func, ast.Name) else ""
            path = [part.value if isinstance(part, ast.Constant) else "${key}" for part in call.args[1:]]
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
    assert readers <= {"check", "evaluate", "plot", "report", "stage", "parallel"}
