"""Runs stages side by side, on this machine or on the workers of a cluster; `stages.parallel` is its command."""
