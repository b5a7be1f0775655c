"""The stages of the workflow, one small script each; `dvc.yaml` says what each reads and writes."""

import gc

# Importing torch makes a million objects that live until the end: each search of them for garbage takes 0.1 s.
gc.set_threshold(50_000, 20, 100)
