"""Defences against membership inference, one file each: terms of the loss, gradient transforms, stopping rules.

A new defence is a settings class with a literal `name`, a class that the training loop can be handed, and one line in
`DEFENCES`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from privprune.defences.dense import DenseSettings, nothing_more
from privprune.defences.dp_sgd import DpSgdSettings, differentially_private
from privprune.defences.matched_accuracy import MatchedAccuracySettings, matched_accuracy
from privprune.defences.min_max import MinMaxSettings, min_max
