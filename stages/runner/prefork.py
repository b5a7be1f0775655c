"""A fork server for stages: what runs a stage is forked from a process that has imported torch already.

Where stages run side by side, each worker has such a fork server beside it. It has imported what stages import and
does nothing else, so that a process forked from it is as `python -m stages.NAME` after its imports. DVC decides which
stages run; only their commands are run in another way.

What it saves: the 2 s for which a stage imports torch and what needs it (5 s of processor time on a busy machine); many
stages run for less.

The plain way is DVC's: a shell that starts a new interpreter. That is how a command of another form runs, every command
on systems other than Linux, and every command where this DVC differs from the expected one (see `dvc_adapter`).
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import re
import runpy
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import NoReturn

from privprune.parent_process import end_with_parent
from stages.harness.out_of_space import report_exception
from stages.runner import dvc_adapter

_COMMAND = re.compile(r"python -m (?P<module>stages\.\w+)(?P<arguments>( [\w.:/-]+)*)")
_IMPORTED = (
    "privprune.suite.check",
    "privprune.workflow.record",
    "privprune.workflow.attack_outputs",
    "privprune.tables",
)


def install() -> bool:
    """Start a fork server beside this process, and let it run the commands of stages.

    Returns:
        False where DVC goes on running commands in its own way: on systems without fork, and where this DVC differs
        from the expected one.

    """
    if sys.platform != "linux" or dvc_adapter.differences():
        return False
    client, server = multiprocessing.Pipe()
    if os.fork() == 0:
        client.close()
        _serve_requests(server)
    server.close()

    def run(command: str, folder: str, environment: Mapping[str, str]) -> int | None:
        stage = _COMMAND.fullmatch(command)
        if stage is None:
            return None
        client.send((stage["module"], stage["arguments"].split(), folder, dict(environment)))
        return int(client.recv())

    return dvc_adapter.replace_command_runner(run)


def _serve_requests(connection: Connection) -> NoReturn:
    """Be the fork server: fork for each request and answer with the exit status, until the client has ended."""
    end_with_parent()
    try:
        while True:
            request = connection.recv()
            for module in _IMPORTED:  # when the first request comes; afterwards this does nothing
                importlib.import_module(module)
            process = os.fork()
            if process == 0:
                connection.close()
                _run_stage(*request)
            connection.send(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
    except EOFError:
        os._exit(0)


def _run_stage(module: str, arguments: list[str], folder: str, environment: Mapping[str, str]) -> NoReturn:
    """Run a stage in this process and end it, as `python -m MODULE ARGUMENTS` would."""
    status: object = 1
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [module, *arguments]
        sys.modules.pop(module, None)  # otherwise runpy warns that the module is imported already
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
    except BaseException as raised:  # noqa: BLE001 (Python too prints any exception that reaches the end of a program)
        report_exception(type(raised), raised, raised.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else int(status is not None))
