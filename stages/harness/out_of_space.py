"""A stage that has too little memory or disk says so in one line, whoever noticed it: Python, torch or the loader.

Where a stage writes its results, `privprune.files` names the file. This is for everything else: the import of torch, an
array, a temporary file.
"""

from __future__ import annotations

import errno
import sys
import traceback
from types import TracebackType

_NO_MEMORY = (  # in the words of exceptions that have no class of their own
    "can't allocate memory",  # torch's allocator, on a CPU
    "failed to map segment from shared object",  # the loader of libraries
    "Cannot allocate memory",  # the system's ENOMEM, in an OSError or an ImportError
    "out of memory",  # CUDA
)
_NO_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_TEMPORARY_FOLDER = "No usable temporary directory"  # Python's words where each folder is full or missing


def report_exception(kind: type[BaseException], raised: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that ends a program: in one line where space is missing, else as Python does.

    Takes the arguments of `sys.excepthook`.
    """
    line = missing_space(raised) or damaged_module(raised)
    if line:
        print(f"error: {line}", file=sys.stderr)
    else:
        traceback.print_exception(kind, raised, trace)


def missing_space(raised: BaseException) -> str:
    """Say in one line what is missing, if an exception, or one that it came from, means memory or disk."""
    words = str(raised)
    if isinstance(raised, MemoryError) or (
        isinstance(raised, ImportError | OSError | RuntimeError) and any(each in words for each in _NO_MEMORY)
    ):
        return "memory: too little for this stage, allowed a higher limit (`ulimit -v`) or fewer stages at once"
    if isinstance(raised, OSError) and (raised.errno in _NO_DISK or _NO_TEMPORARY_FOLDER in words):
        where = raised.filename or "data/, reports/ or the temporary folder (TMPDIR)"  # the system does not say which
        return f"disk: {where}: {raised.strerror or _NO_TEMPORARY_FOLDER}, allowed one with free space"
    below = raised.__cause__ or raised.__context__
    return missing_space(below) if below is not None else ""


def damaged_module(raised: BaseException) -> str:
    """Say in one line which compiled module is damaged, if that is why an import failed.

    Python up to 3.13 leaves half a file where a disk is full as it compiles a module, and can never import that again.
    """
    trace = raised.__traceback__ if isinstance(raised, EOFError) else None
    file = ""
    while trace is not None:
        file = trace.tb_frame.f_locals.get("bytecode_path") or file  # of importlib, which does not name it otherwise
        trace = trace.tb_next
    return f"{file}: damaged, as a full disk leaves it; remove it and run again" if file else ""
