"""The lists of code on which stages depend, and links to the files of the methods in use; `check` writes both."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from privprune.files import new_folder, write_json
from privprune.suite.named_methods import modules_named, registries
from stages.harness.code_fingerprint import ENTRIES, PACKAGES, WHOLE, files_of, fingerprint
from stages.harness.records_stage import DATA

ROOT = Path(__file__).resolve().parents[2]


def write_code_lists(suite: Mapping[str, Any]) -> None:
    """Write `data/code/<stage>/<entry>.json` for each entry, `data/code/<stage>.json` for other stages, and the links.

    Args:
        suite: content of the suite's file, which has been validated.

    """
    lists = dict(_lists(suite))
    with new_folder(DATA / "code") as unfinished:
        for place, files in lists.items():
            write_json(unfinished / f"{place}.json", {name: fingerprint(path) for name, path in files.items()})
    _link_methods({name: path for files in lists.values() for name, path in files.items()})


def _lists(suite: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Path]]]:
    """Yield `<stage>/<entry>`, or `<stage>` where all entries have one list, and the files that it runs."""
    for stage, section in ENTRIES.items():
        for name in suite[section]:
            yield f"{stage}/{name}", files_of(stage, ROOT, modules_named(suite, section, name))
    for stage in WHOLE:
        yield stage, files_of(stage, ROOT)


def _link_methods(files: Mapping[str, Path]) -> None:
    """Link the files of the methods that the suite uses below `data/methods`, an output of `check`.

    `.dvcignore` hides the folders of methods from DVC, so that a new method does not make `check` stale. DVC follows
    these links instead: a change of a used method changes the output, and `check` runs again.
    """
    folders = {"/".join(registry.package.split(".")[:2]) for registry in registries()}  # those in .dvcignore
    of_plugins = {name for name in files if name.partition("/")[0] not in PACKAGES}
    with new_folder(DATA / "methods") as unfinished:
        for name in (name for name in files if name in of_plugins or "/".join(name.split("/")[:2]) in folders):
            path, link, final = files[name], unfinished / name, ROOT / DATA / "methods" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(path, final.parent) if path.is_relative_to(ROOT) else path)
