"""Checkpoints: the state of a training (`state`), and the files in which it outlives a killed process (`store`)."""
