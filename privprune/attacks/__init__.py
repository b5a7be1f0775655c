"""Attacks on privacy: what an attacker reads out of a model."""
