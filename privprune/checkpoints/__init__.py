"""Checkpoints: the state of a training (`state`), and the files from which a killed stage resumes (`store`)."""
