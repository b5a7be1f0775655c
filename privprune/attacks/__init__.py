"""Attacks on privacy: what an attacker can infer about training records or inputs from a model and its outputs."""
