"""Refuse a suite with a mistake anywhere in it, before any training: `python -m stages.check`."""

from __future__ import annotations

from privprune.files import write_json
from privprune.settings import load_yaml
from privprune.suite import check_suite
from stages.reading import DATA, PARAMS, mistakes_told


def main() -> None:
    """Read the whole suite; what is written never changes, so that only what a change touches runs again."""
    check_suite(load_yaml(PARAMS), str(PARAMS))
    write_json(DATA / "checked.json", {"checked": True})


if __name__ == "__main__":
    mistakes_told(main)
