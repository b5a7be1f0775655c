"""Numbers that no run can use are refused before anything is fetched: their ranges, and sizes against the data."""

import copy
import time
from dataclasses import replace
from typing import Any

import pytest
from locations import PAPER, ROOT
from suite_changes import Suite, put

from privprune.datasets.catalogue import DATASETS
from privprune.errors import UserError
from privprune.suite.check import check_suite
from privprune.yaml_file import load_yaml

DEMO = load_yaml(ROOT / "params.yaml")
POOLS = "datasets/tiles/protocols/clean"
SIDES = "protocols.clean: members (one half): found"


def refused(suite: Suite) -> str:
    """Return the line by which a suite is refused."""
    with pytest.raises(UserError) as told:
        check_suite(suite, "P")
    line = str(told.value)
    assert line.isprintable()
    assert len(line) <= 500
    return line


def demo(path: str, value: Any) -> Suite:
    """Return the demo with one other value."""
    suite = copy.deepcopy(DEMO)
    put(path, value)(suite)
    return suite


SEEDS = (
    "train/tiles-baseline/network/seeds",
    "attack/tiles-baseline/seed",
    f"{POOLS}/seed",
    "recognise/photo-reid/seed",
)
OPTIMISER, PLAN = "train/tiles-baseline/plan/optimiser", "train/tiles-baseline/plan"
REALS = (
    *(f"{OPTIMISER}/learning_rate", f"{OPTIMISER}/weight_decay", f"{PLAN}/schedule/factor"),
    *(f"harden/tiles-dp/defence/{key}" for key in ("clipping_norm", "epsilon", "delta")),
    *("train/photos-noise/network/cut/wire/deviation", "attack/tiles-baseline/methods/rmia/gamma"),
    *("harden/tiles-min_max/defence/gain_weight", "prune/tiles-mia_pruning/method/rho_start"),
    *("prune/tiles-mia_pruning/budget/ratio", "harden/photos-bottleneck-cem/defence/weight"),
    *("attack/photos-none/inversions/decoder_train/fit/learning_rate", "deploy/reid-none/tolerance"),
)
DECODER = "attack/photos-none/inversions/decoder_train"
COUNTS = (
    *(f"{PLAN}/batch", f"{PLAN}/epochs", "train/tiles-baseline/stack", "train/tiles-baseline/network/small_dense"),
    *("datasets/tiles/targets", "datasets/tiles/shadows", "datasets/tiles/limit", f"{POOLS}/members"),
    *(f"{POOLS}/reference", f"{POOLS}/known/members", f"{POOLS}/selection/nonmembers", f"{POOLS}/evaluation/members"),
    *(f"{DECODER}/{key}" for key in ("width", "blocks", "queries", "fit/batch", "fit/epochs")),
    *(f"train/photos-bottleneck/network/cut/{key}" for key in ("bottleneck", "after")),
    *("attack/photos-none/inversions/lmmse/features", "attack/photos-none/images", "attack/tiles-baseline/resamples"),
    *(f"attack/tiles-baseline/methods/nasr/{key}" for key in ("batch", "steps", "interval", "patience")),
    *("attack/tiles-baseline/methods/lira/queries", "prune/tiles-mia_pruning/method/rho_rounds"),
    *("harden/photos-bottleneck-cem/defence/form/clusters_per_class", "deploy/reid-none/repeats"),
    *("train/reid-start/network/reidentification/images", "harden/tiles-min_max/defence/attack_warm_up"),
)


@pytest.mark.parametrize("path", SEEDS)
@pytest.mark.parametrize("seed", [-1, 2**32, 2**63, 2**64])
def test_a_seed_that_a_generator_does_not_take_is_refused(path: str, seed: int) -> None:
    """Seeds have 32 bits, so that those of shadow models, which count up from them, fit into 64."""
    line = refused(demo(path, [seed] if path.endswith("seeds") else seed))
    assert line.endswith(f"found {seed}, allowed at least 0 and at most 4,294,967,295")


@pytest.mark.parametrize("path", REALS)
@pytest.mark.parametrize("value", [1e19, 1e308])
def test_a_number_whose_square_is_beyond_float32_is_refused(path: str, value: float) -> None:
    """The message names the key."""
    assert path.rpartition("/")[2] in refused(demo(path, value))


@pytest.mark.parametrize("path", COUNTS)
@pytest.mark.parametrize("value", [10**9, 10**12, 2**63, -1])
def test_a_count_that_no_machine_has_is_refused(path: str, value: int) -> None:
    """It is refused in one line, and nothing of that size is built to find out."""
    assert refused(demo(path, value))


TOO_LARGE = {
    "odd shadows of a set": (
        "datasets/tiles/shadows",
        5,
        "datasets.tiles.shadows: found 5, allowed at least 0",
    ),
    "odd shadows of a cell": (
        "train/tiles-baseline/network/shadows",
        3,
        "train.tiles-baseline.network.shadows: found",
    ),
    "limit": ("datasets/tiles/limit", 4001, "datasets.tiles.limit: found 4001, allowed at most 4000"),
    "members": (f"{POOLS}/members", 2001, "datasets.tiles.protocols.clean.members: found 2001, allowed at most 2000"),
    "known members": (f"{POOLS}/known/members", 290, f"datasets.tiles.{SIDES} 40 selection_member + 290 known_member"),
    "non-members of the test set": (
        "datasets/photos/protocols/paper/known/nonmembers",
        1200,
        "datasets.photos.protocols.paper: non-members (of the official test set): found 60 selection_nonmember + 1200",
    ),
    "no record held out": (
        "attack/tiles-baseline/methods/nasr/validation",
        0.001,
        "attack.tiles-baseline.methods.nasr.validation: found 0.001 of 100 known members, allowed a share that leaves",
    ),
    "odds twice": (
        "attack/tiles-baseline/base_rates/odds",
        [2.0, 2.0],
        "attack.tiles-baseline.base_rates.odds: found 2, 2, allowed each once",
    ),
    "odds below 1": ("attack/tiles-baseline/base_rates/odds", [0.5], "attack.tiles-baseline.base_rates.odds[0]: found"),
    "odds beyond the records": (
        "attack/tiles-baseline/base_rates/odds",
        [101.0],
        "attack.tiles-baseline.base_rates.odds: found 101 with 100 known members, allowed at most as many",
    ),
    "shift beyond the image": (
        "attack/tiles-baseline/methods/lira",
        {"attack": "lira", "mode": "online", "variance": "fixed", "queries": 3, "shift": 33},
        "attack.tiles-baseline.methods.lira: found queries shifted by 33 pixels, allowed at most 32",
    ),
    "no epochs with DP-SGD": (
        "harden/tiles-dp/plan/epochs",
        0,
        "harden.tiles-dp.defence: found 0 epochs, allowed with dp_sgd: at least 1",
    ),
    "decoder beyond memory": (
        "attack/photos-none/inversions/decoder_train",
        {
            **DEMO["attack"]["photos-none"]["inversions"]["decoder_train"],
            "width": 512,
            "blocks": 32,
            "fit": {**DEMO["attack"]["photos-none"]["inversions"]["decoder_train"]["fit"], "batch": 65_536},
        },
        "attack.photos-none.inversions.decoder_train: found a batch of 1840 with width 512 and 32 blocks",
    ),
    "no selection record held out": (
        "prune/tiles-mia_pruning/search",
        {
            "budgets": {"ratios": [2.0, 4.0], "largest_drop": 0.1},
            "inference": {**DEMO["attack"]["tiles-baseline"]["methods"]["nasr"], "validation": 0.04},
            "seed": 0,
        },
        "prune.tiles-mia_pruning.search.inference.validation: found 0.04 of 20 known members, allowed a share",
    ),
    "no noise is enough": (
        "harden/tiles-dp/defence",
        {"name": "dp_sgd", "epsilon": 0.1, "delta": 1e-5, "clipping_norm": 1.0, "accountant": "rdp"},
        "harden.tiles-dp.defence.epsilon: found 0.1 with delta 1e-05, allowed with rdp: above 0.103",
    ),
    "more clusters than records": (
        "harden/photos-bottleneck-cem/defence/form/clusters_per_class",
        81,
        "harden.photos-bottleneck-cem.defence.form.clusters_per_class: found 80 records for 81 clusters",
    ),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_sizes_are_held_against_the_data(kind: str) -> None:
    """What the records of a set, the side of its images or another size rule out is said before anything is fetched."""
    path, value, line = TOO_LARGE[kind]
    assert refused(demo(path, value)).startswith(f"P: {line}")


@pytest.mark.parametrize(("side", "allowed"), [(8, False), (12, False), (16, True), (28, True)])
def test_images_of_which_the_layers_leave_nothing_are_refused(side: int, allowed: bool) -> None:
    """The Opacus example's network has kernels that are larger than what is left of small images."""
    suite = copy.deepcopy(load_yaml(ROOT / "params" / "own.yaml"))
    network = suite["train"]["plain"]["network"]
    network.update(model="opacus_cnn", cut=None)
    suite["harden"], suite["evaluate"]["own"]["rows"] = {}, suite["evaluate"]["own"]["rows"][:1]
    suite["attack"] = {"plain-members": suite["attack"]["plain-members"]}
    digits = replace(DATASETS["digits"], size=side)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("privprune.datasets.entry.DATASETS", {"digits": digits})
        if allowed:
            assert check_suite(suite, "P")
        else:
            place = (
                f"P: train.plain.network: opacus_cnn: found images of {side} pixels, allowed larger ones, such as 28"
            )
            assert refused(suite).startswith(place)


@pytest.mark.parametrize("model", ["he_cifar_cnn", "resnet18_imagenet"])
def test_a_network_for_three_channels_takes_no_extra_convolution(model: str) -> None:
    """Its first block normalises red, green and blue, and not the 16 channels that the convolution gives."""
    suite = demo("train/photos-none/network/model", model)
    suite["train"]["photos-none"]["network"]["cut"].update(extra_convolution=True)
    assert refused(suite) == (
        f"P: train.photos-none.network.cut.extra_convolution: found true, allowed false with {model}, which takes "
        "images of 3 channels and nothing else"
    )


def test_splits_that_no_memory_holds_are_refused() -> None:
    """A split has one byte for each record and model."""
    suite = copy.deepcopy(load_yaml(PAPER))
    name = next(name for name, one in suite["datasets"].items() if "clean" in one["protocols"])
    suite["datasets"][name].update(name="imagenet", expected=None, limit=None, targets=1000, shadows=1000)
    assert f"datasets.{name}.targets and shadows: found 2000 together" in refused(suite)


def test_a_circle_in_the_largest_suite_is_named_within_a_second() -> None:
    """Two cells that start from one another are found before any of their networks are built."""
    suite = copy.deepcopy(load_yaml(PAPER))
    first, second = list(suite["prune"])[:2]
    suite["prune"][first]["from"], suite["prune"][second]["from"] = f"models/{second}", f"models/{first}"
    suite["prune"][second]["data"] = suite["prune"][first]["data"]
    began = time.process_time()
    assert f"{first} from {second} from {first}, allowed a chain without a circle" in refused(suite)
    assert time.process_time() - began < 1
