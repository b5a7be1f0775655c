"""Validation of entries with a soft mask: each mistake is reported in the expected line, before any training."""

import copy
from collections.abc import Callable

import pytest
from locations import TINY
from suite_changes import Suite, put

from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml


def softly(suite: Suite) -> None:
    """Prune the networks with a cut by a soft mask, on a model with batch normalisation."""
    suite["train"]["cut"]["network"].update(model="photos_cnn")
    suite["train"]["cut"]["network"]["cut"]["after"] = 4
    entry = copy.deepcopy(suite["prune"]["pruned"])
    method = {
        "name": "soft_mask",
        "sparsity": 2.0,
        "learning_rate": 0.1,
        "momentum": 0.9,
        "structures": "both",
        "weigh": "equal",
        "widths": {"multiple": 1, "least": 1},
        "wire_removed": None,
        "distillation": None,
        "threshold": {"name": "share", "removed": 0.5, "of": "parameters"},
        "plan": copy.deepcopy(entry["retrain"]),
    }
    entry.update({"from": "models/cut", "method": method, "budget": None, "paper": "cem"})
    suite["prune"]["soft"] = entry


def at_random(suite: Suite) -> None:
    """Draw as many channels at random as a mask leaves that cannot fall far enough."""
    masks = {**suite["prune"]["soft"]["method"], "sparsity": 0.5}
    suite["prune"]["soft"]["method"] = {"name": "random_channels", "widths_of": masks, "seed": 0}


def whole(suite: Suite) -> None:
    """Prune networks without a cut."""
    suite["prune"]["soft"]["from"] = "models/base"


def without_normalisation(suite: Suite) -> None:
    """Prune an edge whose convolutions are not followed by batch normalisation."""
    suite["train"]["cut"]["network"].update(model="digits_cnn")
    suite["train"]["cut"]["network"]["cut"]["after"] = 1


def weighted(suite: Suite) -> None:
    """Weight the sparsity by operations, with a lambda that suffices for equal weights, where much is to go."""
    suite["prune"]["soft"]["method"].update(weigh="operations", sparsity=1.8)
    suite["prune"]["soft"]["method"]["threshold"]["removed"] = 0.9


def patrol(suite: Suite) -> None:
    """Combine the soft mask with a defence that prunes by itself."""
    game = suite["harden"]["cut-cem"]["defence"]["base"]
    own = {"epochs_before_pruning": 0, "ratio": 0.5, "more_outputs_than": 8, "importance": "data"}
    suite["train"]["cut"]["network"]["cut"]["extra_convolution"] = True
    suite["prune"]["soft"]["defence"] = {**game, **own, "name": "patrol_as_in_cem"}


BUDGET = {"keep": None, "ratio": 4, "dense_layers": []}
MISTAKES: dict[str, tuple[Callable[[Suite], None], str]] = {
    "budget": (
        put("prune/soft/budget", BUDGET),
        ".budget: found one with soft_mask, allowed null exactly for random_channels, soft_mask",
    ),
    "no budget": (
        put("prune/pruned/budget", None),
        "pruned.budget: found null with admm, allowed null exactly for random_channels, soft_mask",
    ),
    "stack": (
        put("prune/soft/stack", 2),
        ".search and stack: allowed null and 1 with soft_mask, whose networks differ in shape",
    ),
    "tau of zero": (
        put("prune/soft/method/threshold", {"name": "fixed", "value": 0}),
        ".method.threshold.value: found 0, allowed above 0 and below 1",
    ),
    "tau of one": (
        put("prune/soft/method/threshold", {"name": "fixed", "value": 1.0}),
        ".method.threshold.value: found 1.0, allowed above 0 and below 1",
    ),
    "share that cannot be reached": (
        put("prune/soft/method/threshold/removed", 0.999),
        (
            ".method.threshold.removed: found 0.999, allowed up to 0.992 of the parameters, "
            "where every group has its fewest channels"
        ),
    ),
    "masks that cannot reach zero": (
        put("prune/soft/method/sparsity", 1.5),
        (
            ".method.sparsity: found 1.5, by which a mask falls 0.9 in 6 steps, "
            "allowed above 1.67 or more epochs (masks start at 1)"
        ),
    ),
    "masks of random channels that cannot reach zero": (
        at_random,
        (
            ".method.widths_of.sparsity: found 0.5, by which a mask falls 0.3 in 6 steps, "
            "allowed above 1.67 or more epochs (masks start at 1)"
        ),
    ),
    "masks whose weight keeps them from zero": (
        weighted,
        (
            ".method.sparsity: found 1.8, by which a mask of weight 0.72, which the share needs, falls 0.77 in 6 "
            "steps, allowed above 2.32 or more epochs (masks start at 1)"
        ),
    ),
    "share that the widths leave out of reach": (
        put("prune/soft/method/widths", {"multiple": 8, "least": 32}),
        (
            ".method.threshold.removed: found 0.5, allowed up to 0 of the parameters, "
            "where every group has its fewest channels"
        ),
    ),
    "share of a wire that cannot lose any": (
        put("prune/soft/method/wire_removed", 0.5),
        (".method.wire_removed: found 0.5, allowed null (what this edge sends has no channels that can be removed)"),
    ),
    "unknown quantity": (
        put("prune/soft/method/threshold/of", "bytes"),
        ".method.threshold.of: found 'bytes', allowed parameters, operations",
    ),
    "distillation of no weight": (
        put("prune/soft/method/distillation", {"loss": "squared", "weight": 0.0, "temperature": 1.0}),
        ".method.distillation.weight: found 0.0, allowed at least 1e-12 and at most 1,000,000",
    ),
    "blocks of a network without": (
        put("prune/soft/method/structures", "blocks"),
        ".method.structures: the edge has none to remove, allowed another kind or a later cut",
    ),
    "no normalisation": (
        without_normalisation,
        ".method.structures: the edge has none to remove, allowed another kind or a later cut",
    ),
    "whole networks": (whole, ".method: soft_mask needs networks with a cut, found network.cut: null"),
    "a defence that prunes": (
        patrol,
        ".defence: found patrol_as_in_cem, which prunes, allowed others with soft_mask",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_each_mistake_is_reported_in_one_line(kind: str) -> None:
    """The error names the file, the key, what was found and what is allowed."""
    suite = load_yaml(TINY)
    softly(suite)
    change, line = MISTAKES[kind]
    change(suite)
    with pytest.raises(UserError) as told:
        check_suite(suite, "params.yaml")
    assert str(told.value) == f"params.yaml: prune.{line if line[0] == 'p' else f'soft{line}'}"


def test_the_suite_without_mistakes_is_valid() -> None:
    """The suite that the tests above change is valid itself."""
    suite = load_yaml(TINY)
    softly(suite)
    assert "soft" in check_suite(suite, "params.yaml").cells
