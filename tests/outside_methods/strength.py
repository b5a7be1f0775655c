"""A helper of a plugin, which is listed among the code of the entries that use it."""

STRENGTH = 0.5
