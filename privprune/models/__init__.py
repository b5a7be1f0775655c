"""The papers' networks as sequences of named blocks."""

from privprune.models.block_net import BlockNet, prunable, split
from privprune.models.catalogue import MODELS, ModelSpec, blank, build, count_parameters, count_weights, small_dense
from privprune.models.counts import KNOWN_COUNTS, PRINTED_COUNTS
from privprune.models.critic import build_critic
from privprune.models.cut import WIRE, CutSettings, edge_of, edge_parts
from privprune.models.decoder import build_decoder, check_decoder
from privprune.models.halves import Halves, cut_in_two
from privprune.models.nasr import NasrNetwork, NasrVariant
from privprune.models.pretrained import PRETRAINED, load_pretrained
from privprune.models.random_layers import repeatable, reseed
from privprune.models.reidentification import ReidentificationSettings, embedder, has_neck
from privprune.models.structure import Structure, shrunk, structure_of

__all__ = [
    "KNOWN_COUNTS",
    "MODELS",
    "PRETRAINED",
    "PRINTED_COUNTS",
    "WIRE",
    "BlockNet",
    "CutSettings",
    "Halves",
    "ModelSpec",
    "NasrNetwork",
    "NasrVariant",
    "ReidentificationSettings",
    "Structure",
    "blank",
    "build",
    "build_critic",
    "build_decoder",
    "check_decoder",
    "count_parameters",
    "count_weights",
    "cut_in_two",
    "edge_of",
    "edge_parts",
    "embedder",
    "has_neck",
    "load_pretrained",
    "prunable",
    "repeatable",
    "reseed",
    "shrunk",
    "small_dense",
    "split",
    "structure_of",
]
