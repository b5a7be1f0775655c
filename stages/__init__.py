"""The verbs of the workflow, one small script each; `dvc.yaml` says what each reads and writes."""

import gc

gc.set_threshold(50_000, 20, 100)  # torch brings a million objects that stay: looking for garbage there is 0.1 s each
