"""How many cores this process may use; no torch, so that what only starts other processes can ask too."""

from __future__ import annotations

import os
import sys


def cores() -> int:
    """Count the cores that this process may use, at least one."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
