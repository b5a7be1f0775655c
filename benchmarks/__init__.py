"""Measured comparisons of speed and memory: `python -m benchmarks [NAME ...] [--quick]`."""

import os

os.environ.setdefault(
    "KINETO_LOG_LEVEL", "99"
)  # read by PyTorch's profiler when it is imported; without it the profiler logs a lot
