"""A helper of a plugin: it is listed among the code of what uses it."""

STRENGTH = 0.5
