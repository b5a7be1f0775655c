"""Laws of the two protocols, for several seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from privprune.datasets.splits import MEMBER_ROLES, Extent, ProtocolSettings, Split, split_roles
from privprune.errors import UserError
from privprune.settings import read

SEEDS = (0, 1, 17)
POOLS = (
    "reference",
    *(f"{pool}_{kind}" for pool in ("selection", "known", "evaluation") for kind in ("members", "nonmembers")),
)
DIGITS = Extent(official_train=1500, records=1797, targets=3, shadows=8)
SKEWED = (0.3, 0.2, 0.15, 0.12, 0.1, 0.08, 0.04, 0.01)  # class frequencies, all different


def sizes(**changed: Any) -> ProtocolSettings:
    """Return sizes that fit the digits, with some keys changed."""
    complete = {
        "seed": 0,
        "members": None,
        "reference": 50,
        "selection": {"members": 40, "nonmembers": 41},
        "known": {"members": 100, "nonmembers": 101},
        "evaluation": {"members": 90, "nonmembers": 91},
    }
    return read(ProtocolSettings, complete | changed, "params.yaml: protocols.clean")


def labels_of(extent: Extent) -> np.ndarray[Any, Any]:
    """Draw labels of eight classes with very different frequencies, not the same in training and test set."""
    draw = np.random.default_rng(3)
    train = draw.choice(len(SKEWED), extent.official_train, p=SKEWED)
    return np.concatenate([train, draw.choice(len(SKEWED), extent.records - extent.official_train, p=SKEWED)])


def roles_of(protocol: str, settings: ProtocolSettings, extent: Extent = DIGITS) -> Any:
    """Draw the roles of all records for all models, with labels of eight classes."""
    return split_roles(protocol, settings, extent, labels_of(extent))


def splits(protocol: str, settings: ProtocolSettings, extent: Extent = DIGITS) -> list[Split]:
    """Draw the splits of all models."""
    return [Split.of(row, extent.official_train) for row in roles_of(protocol, settings, extent)]


def class_counts(records: torch.Tensor, extent: Extent = DIGITS) -> np.ndarray[Any, Any]:
    """Count the records of each class."""
    return np.bincount(labels_of(extent)[records.numpy()], minlength=len(SKEWED))


def as_sets(split: Split) -> dict[str, set[int]]:
    """Return the pools by name, as sets."""
    return {name: set(value.tolist()) for name, value in vars(split).items() if isinstance(value, torch.Tensor)}


@pytest.mark.parametrize("protocol", ["paper", "clean"])
@pytest.mark.parametrize("seed", SEEDS)
def test_pools_are_disjoint_and_as_large_as_asked(protocol: str, seed: int) -> None:
    """No record is in two pools, and each pool has the size that the settings give."""
    settings = sizes(seed=seed)
    for split in splits(protocol, settings):
        pools = [as_sets(split)[name] for name in POOLS]
        assert [len(pool) for pool in pools] == [50, 40, 41, 100, 101, 90, 91]
        assert len(set.union(*pools)) == sum(map(len, pools))


@pytest.mark.parametrize("protocol", ["paper", "clean"])
@pytest.mark.parametrize("seed", SEEDS)
def test_member_pools_are_trained_on_and_the_others_are_not(protocol: str, seed: int) -> None:
    """Pools of members lie inside `members`; the reference and pools of non-members lie outside."""
    for split in splits(protocol, sizes(seed=seed)):
        sets = as_sets(split)
        for name in POOLS:
            inside = sets[name] & sets["members"]
            assert inside == (sets[name] if name.endswith("_members") else set())


@pytest.mark.parametrize("seed", SEEDS)
def test_paper_trains_on_everything_but_the_reference(seed: int) -> None:
    """Under `paper` members and reference together are the official training set, and non-members are test records."""
    (split,) = splits("paper", sizes(seed=seed))
    sets = as_sets(split)
    assert sets["members"] | sets["reference"] == set(range(1500))
    assert split.members_with_reference("paper").tolist() == list(range(1500))
    assert sets["selection_nonmembers"] | sets["known_nonmembers"] | sets["evaluation_nonmembers"] <= sets["test"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("train", [1500, 1501])
def test_clean_trains_on_exactly_half(seed: int, train: int) -> None:
    """Under `clean` every model has floor(n/2) members among the training records, and never a test record."""
    extent = Extent(train, train + 100, targets=3, shadows=4)
    for split in splits("clean", sizes(seed=seed), extent):
        sets = as_sets(split)
        assert len(sets["members"]) == train // 2
        assert not sets["test"] & set.union(sets["members"], *(sets[name] for name in POOLS))
        assert torch.equal(split.members_with_reference("clean"), split.members)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_record_is_in_exactly_half_of_the_shadow_models(seed: int) -> None:
    """However few shadow models there are, no record lacks models with it or without it."""
    rows = roles_of("clean", sizes(seed=seed))
    member = np.isin(rows, MEMBER_ROLES)[:, :1500]
    assert (member[3:].sum(axis=0) == 4).all()


def test_targets_are_independent_halves() -> None:
    """A record is in about half of the targets: two targets share a quarter of the records, within five deviations."""
    extent = replace(DIGITS, targets=20, shadows=2)
    member = np.isin(roles_of("clean", sizes(), extent), MEMBER_ROLES)[:, :1500].astype(int)
    shared = member @ member.T
    deviation = np.sqrt(1500 / 16)  # of the hypergeometric law of the overlap
    others = shared[:20][:, :20][~np.eye(20, dtype=bool)]
    assert np.abs(others - 375).max() < 5 * deviation
    assert np.abs(shared[:20, 20:] - 375).max() < 5 * deviation
    assert (others != 375).any()


def test_a_model_keeps_its_split_when_others_are_added() -> None:
    """The rows of targets and of shadow models do not depend on how many others there are."""
    few = roles_of("clean", sizes())
    more = roles_of("clean", sizes(), replace(DIGITS, targets=5, shadows=12))
    assert (few[:3] == more[:3]).all()
    assert (few[3:] == more[5:13]).all()


@pytest.mark.parametrize("protocol", ["paper", "clean"])
def test_the_seed_decides(protocol: str) -> None:
    """The same seed gives the same roles, another seed others."""
    rows = roles_of(protocol, sizes())
    assert (rows == roles_of(protocol, sizes())).all()
    assert (rows != roles_of(protocol, sizes(seed=1))).any()


@pytest.mark.parametrize("protocol", ["paper", "clean"])
def test_a_null_size_takes_all_that_is_left(protocol: str) -> None:
    """With open evaluation pools no member is without a pool, and no candidate for a non-member either."""
    for split in splits(protocol, sizes(evaluation={"members": None, "nonmembers": None})):
        sets = as_sets(split)
        assert sets["selection_members"] | sets["known_members"] | sets["evaluation_members"] == sets["members"]
        outside = sets["test"] if protocol == "paper" else set(range(1500)) - sets["members"] - sets["reference"]
        assert sets["selection_nonmembers"] | sets["known_nonmembers"] | sets["evaluation_nonmembers"] == outside


@pytest.mark.parametrize("evaluated", [1, None])
@pytest.mark.parametrize(
    ("protocol", "pool", "message"),
    [
        ("paper", {"members": 1411, "nonmembers": 1}, "members and reference.* = .*, allowed at most 1500"),
        ("paper", {"members": 1, "nonmembers": 256}, "non-members .*allowed at most 297"),
        ("clean", {"members": 710, "nonmembers": 1}, r"members \(one half\).*allowed at most 750"),
        ("clean", {"members": 1, "nonmembers": 659}, r"non-members \(the other half\).*allowed at most 750"),
    ],
)
def test_too_small_a_set_is_reported(protocol: str, pool: dict[str, int], message: str, evaluated: int | None) -> None:
    """Asking for more records than there are ends with the numbers, also where an open pool would stay empty."""
    settings = sizes(known=pool, evaluation={"members": evaluated, "nonmembers": evaluated})
    with pytest.raises(UserError, match=f"protocols.{protocol}: {message}"):
        roles_of(protocol, settings)


@pytest.mark.parametrize("protocol", ["paper", "clean"])
@pytest.mark.parametrize("seed", SEEDS)
def test_members_and_nonmembers_of_a_pool_have_the_same_classes(protocol: str, seed: int) -> None:
    """In pools of equal size, each class has as many members as non-members, but for one record."""
    equal = {"members": 90, "nonmembers": 90}
    for split in splits(protocol, sizes(seed=seed, selection=equal, known=equal, evaluation=equal)):
        pools = vars(split)
        for pool in ("selection", "known", "evaluation"):
            counts = [class_counts(pools[f"{pool}_{kind}"]) for kind in ("members", "nonmembers")]
            assert np.abs(counts[0] - counts[1]).max() <= 1
            whole = split.test if protocol == "paper" else split.members
            assert np.abs(counts[0] - 90 * class_counts(whole) / len(whole)).max() <= 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_left_for_evaluation_has_the_same_classes_too(seed: int) -> None:
    """Open pools of unequal size have the same class frequencies, but for two records of the smaller one."""
    known = {"members": 101, "nonmembers": 101}
    for split in splits("clean", sizes(seed=seed, known=known, evaluation={"members": None, "nonmembers": None})):
        members, nonmembers = split.evaluation_members, split.evaluation_nonmembers
        assert len(nonmembers) < len(members)
        expected = class_counts(members) * len(nonmembers) / len(members)
        assert np.abs(class_counts(nonmembers) - expected).max() <= 2


def test_an_open_pool_sets_the_classes_of_a_closed_one() -> None:
    """Under `paper`, 90 evaluated members have the class frequencies of all test records that are left."""
    (split,) = splits("paper", sizes(evaluation={"members": 90, "nonmembers": None}))
    expected = class_counts(split.evaluation_nonmembers) * 90 / len(split.evaluation_nonmembers)
    assert np.abs(class_counts(split.evaluation_members) - expected).max() < 1


def test_a_class_with_too_few_records_gives_all_that_it_has() -> None:
    """Classes that only the members have are sampled in proportion; sizes are kept."""
    extent = Extent(100, 200, targets=1, shadows=0)
    labels = np.repeat([0, 1, 2, 3], 50)  # two classes in training, two others in test
    settings = sizes(**{pool: {"members": 20, "nonmembers": 20} for pool in ("selection", "known", "evaluation")})
    settings = replace(settings, reference=0)
    (roles,) = split_roles("paper", settings, extent, labels)
    split = Split.of(roles, 100)
    assert np.bincount(labels[split.known_members.numpy()], minlength=4).tolist() == [10, 10, 0, 0]
    assert np.bincount(labels[split.known_nonmembers.numpy()], minlength=4).tolist() == [0, 0, 10, 10]


@pytest.mark.parametrize("seed", SEEDS)
def test_models_of_few_members_share_their_records(seed: int) -> None:
    """With `members: 300`, 600 records are members of each model or not, and of one shadow model of each pair."""
    pool = {"members": 60, "nonmembers": 60}
    settings = sizes(seed=seed, members=300, selection=pool, known=pool)
    rows = roles_of("clean", replace(settings, evaluation=replace(settings.evaluation, members=None, nonmembers=None)))
    member = np.isin(rows, MEMBER_ROLES)[:, :1500]
    part = member.any(axis=0)
    assert member.sum(axis=1).tolist() == [300] * 11
    assert part.sum() == 600
    assert (member[3::2] ^ member[4::2] == part).all()
    for row in rows:
        split = Split.of(row, 1500)
        assert set(split.spare.tolist()) == set(range(1797)) - set(np.flatnonzero(part).tolist())
        counts = [class_counts(pool) for pool in (split.evaluation_members, split.evaluation_nonmembers)]
        assert len(split.evaluation_members) == 180
        assert len(split.evaluation_nonmembers) == 130  # 50 are the reference
        assert np.abs(counts[1] - counts[0] * 130 / 180).max() <= 2


def test_more_members_than_half_are_refused() -> None:
    """There are as many non-members as members, so at most half of the training records can be members."""
    message = r"protocols\.clean\.members: found 751, allowed at most 750"
    with pytest.raises(UserError, match=message):
        roles_of("clean", sizes(members=751))


def test_an_unknown_protocol_is_reported() -> None:
    """A protocol that does not exist ends with the names of those that do."""
    with pytest.raises(UserError, match=r"protocols\.fair: unknown protocol, allowed paper, clean"):
        roles_of("fair", sizes())


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"reference": -1}, {"known": {"members": 0, "nonmembers": 1}}])
def test_sizes_out_of_range_are_reported(wrong: dict[str, Any]) -> None:
    """Negative sizes and empty pools are refused when the suite is read."""
    with pytest.raises(UserError, match="allowed at least"):
        sizes(**wrong)
