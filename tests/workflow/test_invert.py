"""Inversion of the targets of a cell: who knows what, what a record holds, and what is refused."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from privprune.attacks.choice import build_attack
from privprune.attacks.inversion import INVERSION_ATTACKS, Inversion
from privprune.cells import Cell
from privprune.datasets.dataset import Dataset
from privprune.errors import UserError
from privprune.metrics.reconstruction import QUALITIES
from privprune.models import CutSettings, build, build_decoder, cut_in_two
from privprune.models.wire.laplace import LAPLACE_NEGENTROPY
from privprune.randomness import Purpose, generator
from privprune.settings import read
from privprune.workflow import workers
from privprune.workflow.context import DataContext, NetworkSettings
from privprune.workflow.feature_metrics import bound_checks
from privprune.workflow.inversion_targets import divide_records, plan_scoring, prepare_target
from privprune.workflow.inversions import InversionEntry
from privprune.workflow.invert import InversionResults, check_inversion, invert_cell

Tiny = dict[str, Any]
FIT = {
    "epochs": 2,
    "batch": 60,
    "learning_rate": 0.01,
    "weight_decay": 0.0,
    "schedule": {"name": "cosine", "milestones": [], "factor": 1.0},
    "precision": "float32",
    "validation": 0.0,
    "patience": None,
}
DECODER = {
    "attack": "decoder",
    "attacker_data": "train",
    "blocks": 0,
    "width": 4,
    "queries": 2,
    "start": "fresh",
    "rescale": False,
    "fit": FIT,
}
RMLE = {
    "attack": "rmle",
    "attacker_data": None,
    "start": "grey",
    "decoder": None,
    "restarts": 1,
    "steps": 2,
    "learning_rate": 0.1,
    "schedule": {"name": "constant", "milestones": [], "factor": 1.0},
    "unit": "variance",
    "total_variation": 0.1,
    "queries": 2,
}
PRIOR = {
    "attack": "deep_prior",
    "images": 2,
    "blocks": 0,
    "width": 4,
    "steps": 2,
    "learning_rate": 0.01,
    "queries": 2,
}
METHODS = {
    "decoder_train": DECODER,
    "decoder_infer": {**DECODER, "attacker_data": "infer"},
    "rmle": RMLE,
    "deep_prior": PRIOR,
}
CUT = {
    "after": 1,
    "bottleneck": 2,
    "extra_convolution": False,
    "wire": {"name": "gaussian", "deviation": 0.1},
    "skip": None,
}


def entry(**changed: Any) -> InversionEntry:
    """Return an entry."""
    written = {
        "paper": "cem",
        "data": "digits",
        "target": "cut",
        "released_with": None,
        "cut": None,
        "inversions": METHODS,
        "twice": [],
        "images": 12,
        "resamples": 20,
        "seed": 3,
    }
    return read(InversionEntry, {**written, **changed}, "tiny: attack.cut")


def untrained(context: DataContext, tiny: Tiny, cut: dict[str, Any] | None) -> Cell:
    """Return a cell of two targets with first weights."""
    network = {**tiny["train"]["base"]["network"], "shadows": 0, "cut": cut}
    manifest = context.manifest(read(NetworkSettings, network, "tiny"))
    states = [manifest.fresh(generator(seed, Purpose.INITIAL_WEIGHTS)).state_dict() for seed in manifest.seeds]
    return Cell(manifest, states, [{}, {}])


def inverted(context: DataContext, cell: Cell, **changed: Any) -> InversionResults:
    """Invert a cell."""
    asked = entry(**changed)
    return invert_cell(asked, asked.built("tiny"), cell, context)


def attack(**settings: Any) -> Inversion:
    """Build one attack."""
    return build_attack(INVERSION_ATTACKS, settings, "tiny")


def checks_of(made: InversionResults, label: str) -> dict[str, dict[str, Any]]:
    """Return the checks of an attack by their names."""
    return {check["name"]: check for check in made.checks[label]}


@pytest.fixture(scope="module")
def cell(context: DataContext, tiny: Tiny) -> Cell:
    """Return networks that send two channels with noise."""
    return untrained(context, tiny, CUT)


@pytest.fixture(scope="module")
def found(context: DataContext, cell: Cell) -> InversionResults:
    """Return what all attacks gave."""
    return inverted(context, cell)


def test_a_record_holds_every_metric_of_every_target(found: InversionResults) -> None:
    """Every quality, scored in two ways, with values per target and an interval around its mean."""
    assert list(found.results) == list(METHODS)
    for result in found.results.values():
        assert result["kind"] == "inversion"
        assert set(result["metrics"]) == {*QUALITIES, *(f"{name}_as_written" for name in QUALITIES)}
        for metric in result["metrics"].values():
            assert len(metric["values"]) == 2
            assert metric["low"] <= metric["mean"] <= metric["high"]
    assert [len(row) for row in found.results["decoder_train"]["history"]["loss"]] == [2, 2]
    assert [len(row) for row in found.results["rmle"]["history"]["loss"]] == [2, 2]


def test_records_count_what_was_known_and_scored(context: DataContext, cell: Cell, found: InversionResults) -> None:
    """Known: the members, 90 % of the test records, or none; scored: 12, and as many as the deep prior takes."""
    counts = {label: result["records"] for label, result in found.results.items()}
    test = len(context.dataset.labels) - context.dataset.official_train
    assert counts["decoder_train"] == {"known": len(context.members(cell.manifest, 0)), "scored": 12, "selection": 3}
    assert counts["decoder_infer"] == {"known": int(0.9 * test), "scored": 12, "selection": 3}
    assert counts["rmle"] == {"known": 0, "scored": 12, "selection": 3}
    assert counts["deep_prior"] == {"known": 0, "scored": 2, "selection": 1}


def test_metrics_are_those_of_the_saved_images(context: DataContext, found: InversionResults) -> None:
    """The mean squared error can be computed again from the saved images, to the rounding of bytes."""
    saved = found.reconstructions
    images = context.dataset.images[torch.from_numpy(saved["decoder_infer/1/records"])].numpy()
    errors = ((saved["decoder_infer/1/images"].astype(float) - images) ** 2).mean((1, 2, 3)) / 255**2
    assert np.allclose(errors, saved["decoder_infer/1/mse"], atol=5e-3, rtol=0.02)
    unseen = set(range(len(context.dataset.labels) - 36, len(context.dataset.labels)))
    assert set(saved["decoder_infer/1/records"].tolist()) <= unseen


def test_errors_on_shared_images_have_their_record_part(found: InversionResults) -> None:
    """Both targets are scored on the same test images, so attacks on them were drawn together; both scorings' MSE."""
    metrics = {label: result["metrics"] for label, result in found.results.items()}
    assert {name for name, one in metrics["decoder_train"].items() if "record_part" in one} == {
        "mse", "mse_as_written", "psnr", "psnr_of_images", "ssim", "ssim_valid", "ssim_uniform",
    }  # fmt: skip
    assert {one["mse"]["basis"] for one in metrics.values()} == {"seeds and shared records"}
    draws = {label: one["mse"]["record_part"]["draws"] for label, one in metrics.items()}
    assert draws["decoder_train"] != draws["decoder_infer"]  # all test images, and the last tenth of them
    assert draws["decoder_infer"] == metrics["decoder_infer"]["mse_as_written"]["record_part"]["draws"]


def test_what_is_sent_is_counted(found: InversionResults, cell: Cell) -> None:
    """Two channels of 4 x 4 numbers; edge and cloud make up the network; the bound is positive and below the error."""
    assert found.metrics["feature_values"] == [32, 32]
    assert found.metrics["feature_bytes"] == [128, 128]
    whole = sum(value.numel() for value in cell.models([0])[0].parameters())
    assert found.metrics["edge_parameters"][0] + found.metrics["cloud_parameters"][0] == whole
    assert all(value > 0 for value in found.metrics["mixture_information"])
    for label in ("decoder_train", "decoder_infer"):
        for bound, error in zip(
            found.metrics["mse_bound"], found.results[label]["metrics"]["mse"]["values"], strict=True
        ):
            assert 0 < bound < error


def test_a_bound_stands_beside_what_it_is_without_sending(found: InversionResults) -> None:
    """It is below the one with nothing sent, of an entropy that is at most that of the bytes as they are."""
    for bound, most in zip(found.metrics["mse_bound"], found.metrics["mse_bound_nothing_sent"], strict=True):
        assert bound < most
    assert all(value < 64 * math.log(256 / 255) for value in found.metrics["image_entropy_bound"])


def test_a_bound_needs_records(context: DataContext, cell: Cell, found: InversionResults) -> None:
    """How many there are for each feature of a covariance is measured; blocks are so small that there are 4 or more."""
    members = len(context.members(cell.manifest, 0))
    records = members / min(32, members // 4)
    assert found.metrics["mixture_records_per_feature"] == [records] * 2
    check = found.checks["bound"][0]
    assert check["name"] == "enough records for the covariance"
    assert (check["measured"], check["passed"]) == (records, records >= 4)


@pytest.mark.parametrize(("records", "passed"), [((4.0, 9.0), True), ((9.0, 3.9), False)])
def test_the_target_with_the_fewest_records_decides(records: tuple[float, ...], passed: bool) -> None:
    """One with fewer than 4 per feature is enough for the check to fail."""
    targets = [{"mse_bound": 1e-4, "mixture_records_per_feature": one} for one in records]
    (check,) = bound_checks(targets)
    assert (check.measured, check.passed) == (min(records), passed)


def test_laplace_noise_lets_more_through_than_gaussian_noise(context: DataContext, tiny: Tiny) -> None:
    """By the negentropy of one feature's noise, times the number of features, at the same deviation."""
    wires = ({"name": "laplace", "scale": 0.1}, {"name": "gaussian", "deviation": math.sqrt(2) * 0.1})
    more, less = (
        inverted(context, untrained(context, tiny, {**CUT, "wire": wire}), inversions={"rmle": RMLE}).metrics
        for wire in wires
    )
    difference = more["mixture_information"][0] - less["mixture_information"][0]
    assert difference == pytest.approx(more["feature_values"][0] * LAPLACE_NEGENTROPY, rel=1e-4)


def test_a_wire_without_noise_has_no_bound(context: DataContext, tiny: Tiny) -> None:
    """Infinite information and the bound it leaves stand in no record; a failed check says why."""
    silent = untrained(context, tiny, {**CUT, "wire": {"name": "plain"}})
    made = inverted(context, silent, inversions={"rmle": RMLE})
    assert "mixture_information" not in made.metrics
    assert "conditional_entropy" not in made.metrics
    assert "mse_bound" not in made.metrics
    assert made.metrics["mse_bound_nothing_sent"][0] > 0
    (check,) = made.checks["bound"]
    assert not check["passed"]
    assert "infinite" in check["reason"]


def test_a_whole_network_is_cut_for_the_attack(context: DataContext, tiny: Tiny) -> None:
    """Named or counted, the cut is the same; what is sent there is the block's output."""
    whole = untrained(context, tiny, None)
    made = [inverted(context, whole, cut=cut, inversions={"rmle": RMLE}) for cut in ("conv1", 1)]
    assert made[0].results == made[1].results
    assert made[0].metrics["feature_values"][0] > 32


def test_panels_show_the_same_images_for_every_attack(context: DataContext, found: InversionResults) -> None:
    """The panel of originals is a 2 x 8 strip of unseen test records; every attack has one of the same size."""
    assert set(found.panels) == {"original", *METHODS}
    sizes = {label: Image.open(io.BytesIO(base64.b64decode(text))).size for label, text in found.panels.items()}
    assert set(sizes.values()) == {(64, 16)}
    original = np.asarray(Image.open(io.BytesIO(base64.b64decode(found.panels["original"]))))
    test = torch.arange(context.dataset.official_train, len(context.dataset.labels))
    shown = divide_records(test[:0], test, ()).panel
    assert torch.equal(torch.from_numpy(original[8:, 8:16].copy()), context.dataset.images[shown[1, 1], 0])


@pytest.mark.parametrize("cores", [1, 3])
def test_the_number_of_workers_changes_no_bit(
    context: DataContext, cell: Cell, found: InversionResults, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Results, panels and images are the same on one core and on several."""
    monkeypatch.setattr(workers, "cores", lambda: cores)
    again = inverted(context, cell)
    assert again.results == found.results
    assert again.panels == found.panels
    assert again.metrics == found.metrics
    assert again.checks == found.checks
    for name, values in found.reconstructions.items():
        assert np.array_equal(again.reconstructions[name], values), name


def test_other_attacks_do_not_change_one(context: DataContext, cell: Cell, found: InversionResults) -> None:
    """The random numbers of an attack depend on its label, not on the other attacks."""
    alone = inverted(context, cell, inversions={"decoder_infer": METHODS["decoder_infer"]})
    assert alone.results["decoder_infer"] == found.results["decoder_infer"]


def test_the_attacked_network_is_in_evaluation_mode(context: DataContext, cell: Cell) -> None:
    """No layer of the victim learns, and two queries differ by the noise on the wire."""
    attacked = prepare_target(cell, 0, None, context, torch.Generator().manual_seed(1))
    own = plan_scoring(attack(**RMLE), attacked.records, 4)
    victim = attacked.threat_model(own, context)
    assert not any(module.training for module in victim.encoder.modules())
    assert not any(value.requires_grad for value in victim.encoder.parameters())
    features = victim.features(victim.scored)
    noise = victim.sent(features, 1) - features
    assert 0.05 < noise.std() < 0.2
    assert torch.equal(victim.expected(features), features)


def test_dropout_lets_a_share_through(context: DataContext, tiny: Tiny) -> None:
    """The mean of many answers is the features times the share that is not dropped."""
    dropping = untrained(context, tiny, {**CUT, "wire": {"name": "dropout", "rate": 0.25, "deviation": 0.0}})
    attacked = prepare_target(dropping, 0, None, context, torch.Generator().manual_seed(1))
    victim = attacked.threat_model(plan_scoring(attack(**RMLE), attacked.records, 4), context)
    features = victim.features(victim.scored)
    assert torch.allclose(victim.sent(features, 4000), victim.expected(features), atol=0.05)
    assert torch.allclose(victim.expected(features), 0.75 * features)


def test_a_mosaic_is_rebuilt(context: DataContext, cell: Cell) -> None:
    """Where a dataset has a mosaic, the panel of originals is its photograph."""
    records = torch.arange(context.dataset.official_train, context.dataset.official_train + 6).view(2, 3)
    photograph = replace(context, dataset=replace(context.dataset, mosaic=tuple(map(tuple, records.tolist()))))
    assert isinstance(photograph.dataset, Dataset)
    made = inverted(photograph, cell, inversions={"rmle": RMLE})
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(made.panels["original"]))))
    rows = [torch.cat(list(context.dataset.images[row, 0]), dim=1) for row in records]
    assert torch.equal(torch.from_numpy(pixels.copy()), torch.cat(rows))


@pytest.mark.parametrize(
    ("cut", "changed", "message"),
    [
        (None, {}, "cut: found a whole network"),
        (None, {"cut": "conv9"}, "cut: found 'conv9', allowed"),
        (CUT, {"cut": "conv1"}, "cut: found 'conv1' for a network with a cut of its own, allowed null"),
        (None, {"cut": "conv1", "inversions": {"x": {**RMLE, "steps": 0}}}, "x.steps: found 0, allowed at least 1"),
        (
            None,
            {"cut": "conv1", "inversions": {"x": {"attack": "magic"}}},
            "attack: found 'magic', allowed class",
        ),
    ],
)
def test_what_cannot_be_inverted_is_refused_before_training(
    cut: dict[str, Any] | None, changed: dict[str, Any], message: str
) -> None:
    """One line with the place of the entry."""
    settings = None if cut is None else read(CutSettings, cut, "tiny")
    shape = {"in_channels": 1, "image_size": 8, "classes": 10}
    model = build("digits_cnn", **shape, generator=torch.Generator(), cut=settings)
    with pytest.raises(UserError) as refused:
        check_inversion(entry(**changed), model, (1, 8, 8), "suite: attack.cut")
    assert message in str(refused.value)
    assert str(refused.value).startswith("suite: attack.cut.")
    assert "\n" not in str(refused.value)


def test_a_bottleneck_that_no_decoder_matches_is_reported() -> None:
    """LeNet's second block gives 5 x 5 features of 28 x 28 images: no doubling leads there, but gradients do."""
    model = build("lenet5", in_channels=1, image_size=28, classes=10, generator=torch.Generator())
    second = model.block_names[1]
    assert cut_in_two(model, second).feature_shape((1, 28, 28))[1:] == (5, 5)
    with pytest.raises(UserError, match=r"^s\.inversions\.decoder_train: .* a bottleneck the decoder cannot match"):
        check_inversion(entry(cut=second), model, (1, 28, 28), "s")
    assert list(check_inversion(entry(cut=second, inversions={"rmle": RMLE}), model, (1, 28, 28), "s")) == ["rmle"]


@pytest.mark.parametrize("wrong", [{"cut": 1.5}, {"cut": True}, {"inversions": {}}, {"inversions": {"original": RMLE}}])
def test_an_entry_that_means_nothing_is_refused(wrong: dict[str, Any]) -> None:
    """A cut is a name or a number; the panel of originals keeps its name."""
    with pytest.raises(UserError, match=r"^tiny: attack\.cut\.(cut|inversions): found"):
        entry(**wrong)


def test_networks_of_other_data_are_refused(context: DataContext, cell: Cell) -> None:
    """As in membership attacks, the cell must have been trained on the dataset."""
    other = Cell(replace(cell.manifest, fingerprint="other"), cell.states, cell.masks)
    with pytest.raises(UserError, match="target: cut"):
        inverted(context, other)


def test_a_record_says_how_the_edge_passes_on_changes(found: InversionResults) -> None:
    """One constant per block of the edge and one of all, per target; the edge's is at most the blocks' product."""
    names = [name for name in found.metrics if "lipschitz" in name]
    assert names == ["edge_lipschitz", "lipschitz_1", "lipschitz_2"]  # the block and the bottleneck
    values = [found.metrics[name] for name in names]
    assert all(len(one) == 2 and min(one) > 0 for one in values)
    assert all(edge <= 1.5 * first * second for edge, first, second in zip(*values, strict=True))


def test_a_surrogate_is_handed_to_the_attacker_of_its_target(context: DataContext, cell: Cell) -> None:
    """Each target's own; without one an attack that starts from it is refused before any attack."""
    surrogates = [
        build_decoder(
            (2, 4, 4), (1, 8, 8), blocks=0, width=4, generator=generator(seed, Purpose.INITIAL_WEIGHTS)
        ).state_dict()
        for seed in (0, 1)
    ]
    against = replace(cell, surrogates=surrogates)
    for number in (0, 1):
        handed = prepare_target(against, number, None, context, torch.Generator().manual_seed(3)).surrogate
        assert all(torch.equal(value, surrogates[number][name]) for name, value in handed.items())
    asked = {"inversions": {"adaptive_decoder": {**DECODER, "start": "surrogate", "rescale": True}}}
    assert list(inverted(context, against, **asked).results) == ["adaptive_decoder"]
    with pytest.raises(UserError, match=r"^attack of cut.inversions.adaptive_decoder.start: found surrogate against"):
        inverted(context, cell, **asked)
