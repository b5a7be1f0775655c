"""The papers' networks as sequences of named blocks."""

from privprune.models.block_net import BlockNet, prunable, split
from privprune.models.catalogue import MODELS, ModelSpec, build, count_parameters, count_weights, small_dense
from privprune.models.counts import KNOWN_COUNTS, PRINTED_COUNTS
from privprune.models.nasr import NasrNetwork, NasrVariant
from privprune.models.pretrained import PRETRAINED, load_pretrained

__all__ = [
    "KNOWN_COUNTS",
    "MODELS",
    "PRETRAINED",
    "PRINTED_COUNTS",
    "BlockNet",
    "ModelSpec",
    "NasrNetwork",
    "NasrVariant",
    "build",
    "count_parameters",
    "count_weights",
    "load_pretrained",
    "prunable",
    "small_dense",
    "split",
]
