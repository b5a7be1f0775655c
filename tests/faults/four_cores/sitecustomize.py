"""Lets every Python that finds this file believe that it may use four cores: `PYTHONPATH=tests/faults/four_cores`."""

import os

os.sched_getaffinity = lambda _: {0, 1, 2, 3}
