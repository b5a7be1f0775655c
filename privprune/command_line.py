"""The command `privprune`: print the version, list the methods, check a suite, make it the one that runs.

It trains nothing; experiments are run by DVC, see README.md. Modules are imported by the subcommand that needs them.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import privprune
from privprune.errors import UserError
from privprune.files import write_text
from privprune.registry import Registry, use_plugins
from privprune.yaml_file import load_yaml

RUNNING = Path("params.yaml")  # the suite that DVC runs


class Kind(NamedTuple):
    """A kind of methods: its heading in the list, and where its registry is imported from."""

    heading: str
    module: str
    registry: str


KINDS = (
    Kind("defences", "privprune.defences", "DEFENCES"),
    Kind("pruning methods", "privprune.pruning", "PRUNING"),
    Kind("membership attacks", "privprune.attacks.membership", "MEMBERSHIP_ATTACKS"),
    Kind("inversion attacks", "privprune.attacks.inversion", "INVERSION_ATTACKS"),
    Kind("wires", "privprune.models.wire", "WIRES"),
    Kind("output layers", "privprune.models.output", "OUTPUTS"),
    Kind("models", "privprune.models", "MODELS"),
    Kind("datasets", "privprune.datasets.catalogue", "DATASETS"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 1 after a user's mistake.

    Args:
        arguments: of the command line; None for those of this process.

    """
    options = _parser().parse_args(arguments)
    try:
        if options.command == "methods":
            print_methods(options.suite)
        elif options.command == "use":
            use(options.suite)
        else:
            check(options.suite)
    except UserError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        return 1
    return 0


def print_methods(suite: Path | None) -> None:
    """Print the name and a one-line description of each method, by kind, plugins of installed packages included.

    Args:
        suite: a suite's file, whose plugins are listed too; None for no suite.

    Raises:
        UserError: the file cannot be read, or a plugin or a method's file cannot be imported.

    """
    if suite is not None:
        sys.path.insert(0, str(Path.cwd()))  # as for `python -m`
        use_plugins(load_yaml(suite).get("plugins", []), f"{suite}: plugins")
    for kind in KINDS:
        registry = getattr(importlib.import_module(kind.module), kind.registry)
        print("\n".join([f"{kind.heading}:", *method_lines(registry), ""]))


def method_lines(registry: Registry[Any]) -> Iterable[str]:
    """Return one line per method of a registry: its name, and the first line of the docstring of its module."""
    width = max((len(name) for name in registry), default=0)
    for name in registry:
        description = (importlib.import_module(registry.module_of(name)).__doc__ or "").strip().partition("\n")[0]
        yield f"  {name:<{width}}  {description}".rstrip()


def check(file: Path) -> None:
    """Check a suite and say that it is valid.

    Raises:
        UserError: one line about the first mistake in the suite.

    """
    from privprune.suite.check import check_suite  # noqa: PLC0415 (imports torch, which the other commands need not)
    from privprune.suite.evaluation import check_something_evaluated  # noqa: PLC0415 (as above)

    sys.path.insert(0, str(Path.cwd()))  # a suite's plugins may be in the working directory, as for `python -m`
    content = load_yaml(file)
    suite = check_suite(content, str(file))
    check_something_evaluated(content, str(file))
    print(f"{file}: valid, {len(suite.cells)} cells and {len(suite.attacks)} attack entries")


def use(file: Path) -> None:
    """Write params.yaml, the suite that runs, from a suite's file: with the same values, and without anchors.

    Raises:
        UserError: the suite has a mistake, or params.yaml cannot be written.

    """
    from privprune.suite.flat import flat  # noqa: PLC0415 (takes time that the other commands need not)

    check(file)
    write_text(RUNNING, flat(file))
    print(f"{RUNNING}: written from {file}; now `uv run dvc repro`")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="privprune", description="Look up methods and check suites of privprune.")
    parser.add_argument("--version", action="version", version=f"privprune {privprune.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("methods", help="list defences, pruning methods, attacks, wires, models and datasets")
    listing.add_argument(
        "suite", type=Path, nargs="?", metavar="SUITE.yaml", help="also list the plugins of this suite"
    )
    checking = commands.add_parser("check", help="report the first mistake in a suite, before anything is trained")
    checking.add_argument("suite", type=Path, metavar="SUITE.yaml")
    using = commands.add_parser("use", help="check a suite and write params.yaml from it, without anchors")
    using.add_argument("suite", type=Path, metavar="SUITE.yaml")
    return parser


if __name__ == "__main__":
    sys.exit(main())
