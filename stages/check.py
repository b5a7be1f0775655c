"""Refuse a suite with a mistake anywhere in it, before any training: `python -m stages.check`."""

from __future__ import annotations

from pathlib import Path

import torch

from privprune.files import new_folder, write_json
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml
from stages.harness.code_fingerprint import STAGES, code_of
from stages.harness.records_stage import DATA, PARAMS, end, report_mistakes

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Read the whole suite, and list the code of each stage, so that only what a change touches runs again."""
    torch.set_num_threads(1)  # small networks, one image each
    check_suite(load_yaml(PARAMS), str(PARAMS))
    write_json(DATA / "checked.json", {"checked": True})
    with new_folder(DATA / "code") as unfinished:
        for stage in STAGES:
            write_json(unfinished / f"{stage}.json", code_of(stage, ROOT))


if __name__ == "__main__":
    report_mistakes(main)
    end()
