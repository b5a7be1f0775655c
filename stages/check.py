"""Validate the whole suite before any training: `python -m stages.check`."""

from __future__ import annotations

import torch

from privprune.files import write_json
from privprune.suite.check import NO_CELL, check_suite
from privprune.suite.emulated import note_on_bfloat16
from privprune.suite.evaluation import check_something_evaluated
from privprune.yaml_file import load_yaml
from stages.harness.code_lists import write_code_lists
from stages.harness.own_data import link_own_data
from stages.harness.records_stage import DATA, PARAMS, end, report_mistakes


def main() -> None:
    """Validate the suite, and list each entry's code and own data, so that a change reruns only what it affects."""
    torch.set_num_threads(1)  # networks are small, and run on one image each
    suite = load_yaml(PARAMS)
    checked = check_suite(suite, str(PARAMS))
    check_something_evaluated(suite, str(PARAMS))
    if note := note_on_bfloat16(suite):
        print(note)
    write_json(DATA / "checked.json", {"checked": True})
    write_json(DATA / "models" / NO_CELL, {})
    link_own_data(checked.datasets)
    write_code_lists(suite)


if __name__ == "__main__":
    report_mistakes(main)
    end()
