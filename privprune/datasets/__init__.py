"""Datasets: what each one is, where it is obtained, how it is prepared for a suite, and how its records are split.

`catalogue` lists the datasets, `families` has one file per family of datasets that are read alike, `sources` says
where files are looked for, `prepare` writes and reads what the stages use, `splits` draws who is a member. Importing
this package, `catalogue`, `sources` or a file of `families` does not import PyTorch.
"""
