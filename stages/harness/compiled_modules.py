"""Where Python keeps modules that it has compiled, where it may not keep them beside the sources."""

from __future__ import annotations

import sys
from pathlib import Path

COMPILED = Path(__file__).resolve().parents[2] / "data" / ".compiled"


def keep_compiled_modules() -> None:
    """Keep compiled modules in `data/.compiled`, where PYTHONDONTWRITEBYTECODE is set, as in many containers.

    What it saves: 6 s of processor time of each stage that imports torch, which takes 2.8 s in place of 8.5 s.
    The plain way is to compile all modules again in each stage. Who set another place for them keeps it.
    """
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        sys.dont_write_bytecode, sys.pycache_prefix = False, str(COMPILED)
