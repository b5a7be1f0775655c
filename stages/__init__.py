"""The stages of the workflow, one small script each; `dvc.yaml` says what each reads and writes."""

import gc
import io
import os
import sys

from stages.harness.compiled_modules import keep_compiled_modules
from stages.harness.out_of_space import report_exception
from stages.harness.records_stage import end_with_parent

keep_compiled_modules()  # before torch is imported

# Importing torch makes a million objects that live until the end: each search of them for garbage takes 0.1 s.
gc.set_threshold(50_000, 20, 100)

# NumPy's and SciPy's OpenBLAS, before it is loaded: it starts a thread for each core of the machine, however few this
# process may use, and those that share a core wait for each other in turns: 60 s for an entropy that takes 2.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

if isinstance(sys.stdout, io.TextIOWrapper):  # without UTF-8: escapes, not an error
    sys.stdout.reconfigure(errors="backslashreplace")

end_with_parent()  # before torch is imported, which takes seconds

sys.excepthook = report_exception  # memory can be missing for the import of torch already, before a stage begins
