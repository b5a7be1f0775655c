"""The report of a suite: one page that explains itself and works offline."""

from privprune.report.for_dvc import write_for_dvc
from privprune.report.matrices import Matrix
from privprune.report.own import Own
from privprune.report.page import Section, render, write
from privprune.report.timings import Timings, read_timings

__all__ = ["Matrix", "Own", "Section", "Timings", "read_timings", "render", "write", "write_for_dvc"]
