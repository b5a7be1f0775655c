"""The papers' networks as sequences of named blocks, which can be cut into edge and cloud.

A new network is one file here whose `METHOD` is a `ModelSpec`.
"""

from privprune.models.block_net import BlockNet, prunable, split
from privprune.models.catalogue import MODELS, blank, build, count_parameters, count_weights, small_dense
from privprune.models.critic import build_critic
from privprune.models.cut import WIRE, CutSettings, edge_of, edge_parts
from privprune.models.decoder import build_decoder, check_decoder
from privprune.models.halves import Halves, cut_in_two
from privprune.models.model_spec import KnownCount, ModelSpec
from privprune.models.nasr import NasrNetwork, NasrVariant
from privprune.models.pretrained import load_pretrained, pretrained_models
from privprune.models.random_layers import repeatable, reseed
from privprune.models.reidentification import ReidentificationSettings, embedder, has_neck
from privprune.models.structure import Structure, shrunk, structure_of

__all__ = [
    "MODELS",
    "WIRE",
    "BlockNet",
    "CutSettings",
    "Halves",
    "KnownCount",
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
    "pretrained_models",
    "prunable",
    "repeatable",
    "reseed",
    "shrunk",
    "small_dense",
    "split",
    "structure_of",
]
