"""List the code that an entry of the suite runs, with a fingerprint of each file that ignores comments and docstrings.

DVC tracks files, not imports. So `check`, which runs first, follows the imports and writes a list of files for each
entry, `data/code/<stage>/<entry>.json`, on which the stage of the entry depends. Listed are the stage's script, the
training loop, the methods that the entry names, and all that these import. A change of a listed file reruns the entry;
methods that the entry does not name are not in its list. Stages that read records have one list for all entries.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Collection, Iterator
from pathlib import Path

ENTRIES = {  # stage -> section of the suite whose entries have a list each
    "fetch": "datasets",
    "train": "train",
    "prune": "prune",
    "harden": "harden",
    "attack": "attack",
    "recognise": "recognise",
    "deploy": "deploy",
}
WHOLE = ("evaluate", "plot", "report", "track")  # stages with one list
PACKAGES = ("privprune", "stages")
# Long stages send their curves to an MLflow server, if one is configured; this code cannot change their outputs.
TRACKING = "privprune.tracking"

_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # attributes of statements that contain statements
_COMPILED = "__pycache__"


def files_of(stage: str, root: Path, methods: Collection[str] = ()) -> dict[str, Path]:
    """Return the files that a stage runs.

    Args:
        stage: name of a script in `stages`.
        root: of the checkout.
        methods: modules of the methods that an entry names, in the checkout or installed elsewhere.

    Returns:
        name -> file, sorted: the modules that are imported directly or indirectly, also inside functions, and the other
        files in their folders (printed numbers, templates). A file's name is its path below `root`, or below the folder
        that its package was imported from. `privprune.tracking` is left out, except for the stage `track`.

    """
    packages = {*PACKAGES, *(name.partition(".")[0] for name in methods)}
    left_out = "" if stage == "track" else TRACKING
    modules = _imported_through({f"stages.{stage}", *methods}, root, packages, left_out)
    beside = {
        f"{name.rpartition('/')[0]}/{file.relative_to(path.parent).as_posix()}": file
        for name, path in modules.items()
        for file in _data_beside(path.parent, root)
    }
    return dict(sorted({**modules, **beside}.items()))


def _imported_through(
    modules: Collection[str], root: Path, packages: Collection[str], left_out: str
) -> dict[str, Path]:
    """Return the files of modules, of all modules that these import, and of the packages that contain them."""
    waiting, seen, files = set(modules), set[str](), dict[str, Path]()
    while waiting:
        module = waiting.pop()
        if not module or module in seen or (left_out and f"{module}.".startswith(f"{left_out}.")):
            continue
        seen.add(module)
        path = _file_of(module, root)
        if path is not None:
            name = module.replace(".", "/") + ("/__init__.py" if path.name == "__init__.py" else ".py")
            files[name] = path
            waiting |= {name for name in _imports(path) if name.partition(".")[0] in packages}
        waiting.add(module.rpartition(".")[0])
    return files


@functools.cache
def _file_of(module: str, root: Path) -> Path | None:
    """Return the file of a module, or None for a name that is not a module."""
    base = root / module.replace(".", "/")
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    if module.partition(".")[0] in PACKAGES:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None


@functools.cache
def _imports(path: Path) -> frozenset[str]:
    """Return the dotted names that a file imports anywhere, with `from a import b` as a and a.b."""
    names: set[str] = set()
    for node in _statements(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.ImportFrom):
            names |= set(_relative(node, path))
    return frozenset(names)


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Return the module and all statements in it, at any depth; expressions contain neither imports nor docstrings."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for field in _BLOCKS:
            waiting += getattr(node, field, ())


def _relative(node: ast.ImportFrom, path: Path) -> Iterator[str]:
    """Return the dotted names of a relative import, which plugins may have; the linter forbids them here."""
    folders = [path.parent]
    while (folders[-1] / "__init__.py").exists():
        folders.append(folders[-1].parent)
    package = [folder.name for folder in reversed(folders[:-1])]
    base = ".".join([*package[: len(package) - node.level + 1], *([node.module] if node.module else [])])
    yield base
    yield from (f"{base}.{alias.name}" for alias in node.names)


@functools.cache
def _data_beside(folder: Path, root: Path) -> frozenset[Path]:
    """Return the files of a package that are not code, also in folders below unless these are packages themselves."""
    if folder == root or not (folder / "__init__.py").exists():
        return frozenset()
    return frozenset(_data_in(folder))


def _data_in(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name != _COMPILED and not (path / "__init__.py").exists():
            yield from _data_in(path)
        elif path.is_file() and path.suffix not in (".py", ".pyc"):
            yield path


@functools.cache
def fingerprint(path: Path) -> str:
    """Return the sha256 of a file; for Python code, that of its syntax tree without docstrings, unparsed."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    tree = _tree(path)
    for node in list(_statements(tree)):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
