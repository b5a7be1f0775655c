"""Checks of inversion attacks: a number may support a verdict only where its attack passes all of them.

An attack declares the first kind itself (`InversionAttack.checks`); the stage makes the others for every attack.
"""
