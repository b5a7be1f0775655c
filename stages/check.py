"""Check the whole suite before any training: `python -m stages.check`; a mistake ends it with one line."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from privprune.files import new_folder, write_json
from privprune.suite.check import check_suite
from privprune.suite.named_methods import modules_named, registries
from privprune.yaml_file import load_yaml
from stages.harness.code_fingerprint import ENTRIES, WHOLE, files_of, fingerprint
from stages.harness.records_stage import DATA, PARAMS, end, report_mistakes

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Read the whole suite, and list the code that each entry runs, so that only what a change touches runs again."""
    torch.set_num_threads(1)  # small networks, one image each
    suite = load_yaml(PARAMS)
    check_suite(suite, str(PARAMS))
    write_json(DATA / "checked.json", {"checked": True})
    lists = dict(_lists(suite))
    with new_folder(DATA / "code") as unfinished:
        for place, files in lists.items():
            write_json(unfinished / f"{place}.json", {name: fingerprint(path) for name, path in files.items()})
    _link_methods({name: path for files in lists.values() for name, path in files.items()})


def _lists(suite: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Path]]]:
    """Yield `<stage>/<entry>`, or `<stage>`, and the files that it runs."""
    for stage, section in ENTRIES.items():
        for name in suite[section]:
            yield f"{stage}/{name}", files_of(stage, ROOT, modules_named(suite, section, name))
    for stage in WHOLE:
        yield stage, files_of(stage, ROOT)


def _link_methods(files: Mapping[str, Path]) -> None:
    """Link the files in use of methods below `data/methods`, an output of this stage.

    DVC does not look into the folders of methods (`.dvcignore`), where a new file would make this stage run again. It
    looks through these links instead: where a method in use has changed, the output has, and this stage runs again.
    """
    folders = {"/".join(registry.package.split(".")[:2]) for registry in registries()}  # those in .dvcignore
    of_privprune = {name for name in files if name.startswith(("privprune/", "stages/"))}
    hidden = {name for name in of_privprune if "/".join(name.split("/")[:2]) in folders}
    used = {name: path for name, path in files.items() if name in hidden or name not in of_privprune}
    with new_folder(DATA / "methods") as unfinished:
        for name, path in used.items():
            link, final = unfinished / name, ROOT / DATA / "methods" / name
            link.parent.mkdir(parents=True, exist_ok=True)
            inside = path.is_relative_to(ROOT)
            link.symlink_to(os.path.relpath(path, final.parent) if inside else path)


if __name__ == "__main__":
    report_mistakes(main)
    end()
