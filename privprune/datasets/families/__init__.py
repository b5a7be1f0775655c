"""One file per family of datasets: how they are read, and `METHOD` or `METHODS`, which describe them.

The catalogue imports every file of this folder, so a new dataset is a new file and no other edit. Files read into NumPy
arrays and import what is slow to import (torchvision, scikit-learn) inside the functions that need it.
"""
