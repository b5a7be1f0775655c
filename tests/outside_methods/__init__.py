"""A package from outside the repository that brings methods of its own; the tests use it as a plugin."""
