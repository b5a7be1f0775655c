"""One file per format of the user's own data: the keys of its entries in a suite, and how its files are read."""
