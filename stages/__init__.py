"""The verbs of the workflow, one small script each; `dvc.yaml` says what each reads and writes."""
