"""The command `privprune`: methods, suites, audits, and a deployed network that serves and is queried.

It trains nothing; experiments are run by DVC, see README.md. Modules are imported by the subcommand that needs them.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import privprune
from privprune.errors import UserError
from privprune.files import write_text
from privprune.registry import Registry
from privprune.yaml_file import load_yaml

_PORT = 8741  # of `serve` and `send`
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
    Kind("formats of your own data", "privprune.datasets.own_format", "OWN_FORMATS"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 1 after a user's mistake.

    Args:
        arguments: of the command line; None for those of this process.

    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # without UTF-8: escapes, not an error
        sys.stdout.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        COMMANDS[options.command](options)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads, such as `head`, has enough; nothing is left to write at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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
        from privprune.suite.check import load_plugins  # noqa: PLC0415 (takes time that a list without them need not)

        sys.path.insert(0, str(Path.cwd()))  # as for `python -m`
        load_plugins(load_yaml(suite).get("plugins", []), f"{suite}: plugins")
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
    from privprune.suite.emulated import note_on_bfloat16  # noqa: PLC0415 (as above)
    from privprune.suite.evaluation import check_something_evaluated  # noqa: PLC0415 (as above)

    sys.path.insert(0, str(Path.cwd()))  # a suite's plugins may be in the working directory, as for `python -m`
    content = load_yaml(file)
    suite = check_suite(content, str(file))
    check_something_evaluated(content, str(file))
    print(f"{file}: valid, {len(suite.cells)} cells and {len(suite.attacks)} attack entries")
    if note := note_on_bfloat16(content):
        print(note)


def use(file: Path) -> None:
    """Write params.yaml, the suite that runs, from a suite's file: with the same values, and without anchors.

    Raises:
        UserError: the suite has a mistake, or params.yaml cannot be written.

    """
    from privprune.suite.flat import flat  # noqa: PLC0415 (takes time that the other commands need not)

    check(file)
    write_text(RUNNING, flat(file))
    print(f"{RUNNING}: written from {file}; now `uv run dvc repro`")


def audit(scores: Path, out: Path, seed: int, name: str | None, mlflow: str | None) -> None:
    """Attack a model for membership by its answers in a file; print the results, and write a page and a record.

    Args:
        scores: `.npz` or `.csv`, see docs/audit.md.
        out: folder for `audit.html` and `audit.json`.
        seed: of all random numbers.
        name: of the model; None for the name of the file.
        mlflow: name of an experiment; None for no run of MLflow.

    Raises:
        UserError: something in the file is missing or odd, or the folder cannot be written.

    """
    from privprune.auditing import audit_scores  # noqa: PLC0415 (imports torch, which other commands need not)

    report = audit_scores(scores, seed=seed, name=name, mlflow=mlflow)
    path = report.write(out)
    print(report)
    print(f"\n{path}: written")


def serve(folder: Path, host: str, port: int) -> None:
    """Answer features that `send` or another client sends, until it is interrupted.

    Args:
        folder: `data/deployed/NAME`.
        host: address to listen to; whoever reaches it may ask.
        port: 0 for any that is free.

    Raises:
        UserError: the folder has no deployed network, or the address cannot be listened to.

    """
    from privprune.split_service.server import serve_folder  # noqa: PLC0415 (ONNX Runtime, which is an extra)

    with serve_folder(folder, (host, port)) as server:
        print(f"{folder}: listening on http://{server.server_address[0]!s}:{server.server_address[1]}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def send(folder: Path, image: Path, server: str, edge: str, dtype: str) -> None:
    """Compute the features of an image, send them, and print the answer with what it cost.

    Args:
        folder: `data/deployed/NAME`.
        image: file of a photograph.
        server: `http://HOST:PORT`.
        edge: `float32` or `int8`, the precision of the device's half.
        dtype: `float32`, `float16`, `uint8` or `uint4`, as which features are sent.

    Raises:
        UserError: a file cannot be read, or the server cannot be reached or refuses.

    """
    from privprune.split_service.client import client_of, read_image  # noqa: PLC0415 (ONNX Runtime, which is an extra)

    client = client_of(folder, server, int8=edge == "int8")
    try:
        reply = client.ask(read_image(image, client.pair.images), dtype)
    finally:
        client.close()
    for name, value in reply.answer.items():
        print(f"{name}: {value}")
    print(
        f"{reply.sent} bytes sent; {1000 * reply.edge_seconds:.2f} ms on the device, "
        f"{1000 * reply.seconds:.2f} ms until the answer"
    )


def _split_service(run: Callable[..., None], *arguments: Any) -> None:
    """Run a command that needs ONNX Runtime; say so in one line where it is missing."""
    try:
        run(*arguments)
    except ModuleNotFoundError as missing:
        if missing.name != "onnxruntime":
            raise
        raise UserError("onnxruntime: not installed, it is part of the extra onnx: privprune[onnx]") from None


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "methods": lambda given: print_methods(given.suite),
    "check": lambda given: check(given.suite),
    "use": lambda given: use(given.suite),
    "audit": lambda given: audit(given.scores, given.out, given.seed, given.name, given.mlflow),
    "serve": lambda given: _split_service(serve, given.folder, given.host, given.port),
    "send": lambda given: _split_service(send, given.folder, given.image, given.server, given.edge, given.dtype),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="privprune",
        description="Look up methods, check suites, audit models, and use deployed networks.",
    )
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
    auditing = commands.add_parser("audit", help="attack a model for membership by its answers in a file")
    auditing.add_argument("scores", type=Path, metavar="SCORES.npz|csv")
    auditing.add_argument("--out", type=Path, default=Path("audit"), help="folder of the page; by default %(default)s")
    auditing.add_argument("--seed", type=int, default=0, help="of all random numbers; by default %(default)s")
    auditing.add_argument("--name", help="of the model; by default that of the file")
    auditing.add_argument("--mlflow", metavar="EXPERIMENT", help="make the audit a run of this experiment")
    serving = commands.add_parser("serve", help="answer features with the cloud's half of a deployed network")
    serving.add_argument("folder", type=Path, metavar="data/deployed/NAME")
    serving.add_argument("--host", default="127.0.0.1", help="address to listen to; by default this machine's alone")
    serving.add_argument("--port", type=int, default=_PORT, help="0 for any that is free; by default %(default)s")
    sending = commands.add_parser("send", help="send the features of an image to `privprune serve`")
    sending.add_argument("folder", type=Path, metavar="data/deployed/NAME")
    sending.add_argument("image", type=Path, metavar="IMAGE")
    sending.add_argument("--server", default=f"http://127.0.0.1:{_PORT}", help="by default %(default)s")
    sending.add_argument(
        "--edge", choices=("float32", "int8"), default="float32", help="precision of the device's half"
    )
    sending.add_argument(
        "--dtype", choices=("float32", "float16", "uint8", "uint4"), default="uint8", help="as which features are sent"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
