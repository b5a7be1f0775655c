"""A stage for which memory does not suffice says so in one line, whoever noticed it: Python, torch or the loader."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

_WORDS = (  # of exceptions that have no class of their own
    "can't allocate memory",  # torch's allocator, on a CPU
    "failed to map segment from shared object",  # the loader of libraries
    "Cannot allocate memory",  # the system's ENOMEM, in an OSError or an ImportError
    "out of memory",  # CUDA
)


def report_exception(kind: type[BaseException], raised: BaseException, trace: TracebackType | None) -> None:
    """Print an exception that ends a program: in one line where memory is missing, else as Python does.

    Takes the arguments of `sys.excepthook`.
    """
    if is_out_of_memory(raised):
        print(
            "error: memory: not enough of it for this stage, allowed a higher limit (`ulimit -v`) or fewer stages at once",
            file=sys.stderr,
        )
    else:
        traceback.print_exception(kind, raised, trace)


def is_out_of_memory(raised: BaseException) -> bool:
    """Return whether an exception, or one that it came from, says that memory is missing."""
    below = raised.__cause__ or raised.__context__
    said = isinstance(raised, ImportError | OSError | RuntimeError) and any(word in str(raised) for word in _WORDS)
    return isinstance(raised, MemoryError) or said or (below is not None and is_out_of_memory(below))
