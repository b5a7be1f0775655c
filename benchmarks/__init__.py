"""Measured comparisons of speed and memory: `python -m benchmarks [NAME ...] [--quick]`."""

import os

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # PyTorch's profiler reads it on import, and talks a lot without
