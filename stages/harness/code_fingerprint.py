"""Which code a stage runs, and a fingerprint of it that comments and docstrings do not change.

DVC ignores imports. So `check`, which runs first, follows them and writes for each stage a list of the files that it
runs, `data/code/<stage>.json`, on which the stage depends: a change of any of them reruns the stage, and no other
change does. Listed one by one in dvc.yaml, they would be read and written again with every stage of a run.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import tokenize
from pathlib import Path

STAGES = ("fetch", "train", "prune", "harden", "attack", "recognise", "deploy", "evaluate", "plot", "report", "track")
PACKAGES = ("privprune", "stages")
# A stage that trains streams its curves, if a server is named; nothing in the tracking can change what it writes.
STREAMED = "privprune.tracking"

_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
_COMPILED = "__pycache__"


def code_of(stage: str, root: Path) -> dict[str, str]:
    """List what a stage runs.

    Args:
        stage: name of a script in `stages`.
        root: of the checkout.

    Returns:
        file -> fingerprint (sha256, hexadecimal), sorted: the modules that it imports directly or through others,
        inside functions too, and the files that are no code beside them (printed numbers, templates). Without the
        tracking, unless the stage is the tracking's own.

    """
    left_out = "" if stage == "track" else STREAMED
    modules = _closure(f"stages.{stage}", root, left_out)
    beside = {file for path in modules for file in _data_beside(path.parent, root)}
    return {str(path.relative_to(root)): _fingerprint(path) for path in sorted(modules | beside)}


def _closure(module: str, root: Path, left_out: str) -> set[Path]:
    """Return the files that importing a module reads: its own, those it imports, and the packages around them."""
    waiting, seen, files = {module}, set[str](), set[Path]()
    while waiting:
        name = waiting.pop()
        if not name or name in seen or (left_out and f"{name}.".startswith(f"{left_out}.")):
            continue
        seen.add(name)
        path = _file_of(name, root)
        if path is not None:
            files.add(path)
            waiting |= _imported(path)
        waiting.add(name.rpartition(".")[0])
    return files


def _file_of(module: str, root: Path) -> Path | None:
    """Return the file of a module of ours, or None for a name inside one."""
    base = root / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@functools.cache
def _imported(path: Path) -> frozenset[str]:
    """Return the dotted names of ours that a file imports anywhere, with `from a import b` as a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:  # relative imports are refused by the linter
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in names if name.split(".")[0] in PACKAGES)


@functools.cache
def _data_beside(folder: Path, root: Path) -> frozenset[Path]:
    """Return the files of a package that are no code, in folders below too unless these are packages themselves."""
    if folder == root:
        return frozenset()
    found: set[Path] = set()
    for path in folder.iterdir():
        if path.is_dir() and path.name != _COMPILED and not (path / "__init__.py").exists():
            found |= _data_beside(path, root)
        elif path.is_file() and path.suffix not in (".py", ".pyc"):
            found.add(path)
    return frozenset(found)


@functools.cache
def _fingerprint(path: Path) -> str:
    content = path.read_bytes()
    return hashlib.sha256(_bare(content) if path.suffix == ".py" else content).hexdigest()


def _bare(source: bytes) -> bytes:
    """Return a module's code without comments, docstrings, empty lines and spaces at the ends of lines.

    What is left is taken from the file as it stands: a syntax tree written out again would differ between versions of
    Python.
    """
    text = source.decode()
    lines = [[*line] for line in text.splitlines()]
    for first, last in [*_comments(text), *_docstrings(text)]:
        for number in range(first[0], last[0] + 1):
            start = first[1] if number == first[0] else 0
            end = last[1] if number == last[0] else len(lines[number])
            lines[number][start:end] = " " * (end - start)
    kept = ["".join(line).rstrip() for line in lines]
    return "\n".join(line for line in kept if line).encode()


def _comments(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where comments begin and end: (line, column), counted from 0 in characters."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [
        ((token.start[0] - 1, token.start[1]), (token.end[0] - 1, token.end[1]))
        for token in tokens
        if token.type == tokenize.COMMENT
    ]


def _docstrings(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return where docstrings begin and end; their columns count bytes, but only indentation stands before them."""
    found = []
    for node in ast.walk(ast.parse(text)):
        first = node.body[0] if isinstance(node, _DOCUMENTED) and node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            lines = text.splitlines()
            end = first.end_lineno or first.lineno
            column = len(lines[end - 1].encode()[: first.end_col_offset].decode())
            found.append(((first.lineno - 1, first.col_offset), (end - 1, column)))
    return found
