"""Linear estimates of images from features, from the moments of known pairs, with a ridge chosen on held-out pairs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

_RIDGES = (1e-1, 1e-2, 1e-3, 1e-5)  # (ours) in units of the mean variance of a feature
_FIRST = 1  # position in _RIDGES from which the search goes down or up: at most three are tried
_LEAST_RIDGE = 1e-7  # below it a matrix of float32 is no longer positive definite
_LEAST_UNIT = 1e-20  # of the variance of features, for those that are constant
_LARGEST_TRY = 1e6  # factor of the loading beyond which rounding cannot be the reason
_VALUES = 64  # of an image, evenly spaced, on which the ridge is chosen
_LEVELS = 255  # images are bytes
_ROWS_AT_ONCE = 2_000  # known images that are in memory as floating point
_BLOCKS = 8  # of a symmetric product: 9/16 of its operations


@dataclass(frozen=True)
class _Known:
    """The known pairs.

    Attributes:
        features: float32 [n, p], less their mean.
        images: uint8 [N, d], all that there are.
        records: int64 [n], which of the images belong to the pairs.
        noise: variance of the noise on each feature that is to be inverted.
        dual: whether there are fewer records than features.
        products: of features, [p, p], or, in the dual form, of records, [n, n].
        unit: mean variance of a feature.

    """

    features: Tensor
    images: Tensor
    records: Tensor
    noise: float
    dual: bool
    products: Tensor
    unit: float

    def loading(self, records: int, ridge: float) -> float:
        """Return what is added to the diagonal of the products of so many records, for a ridge in units of `unit`."""
        return records * max(self.noise + ridge * self.unit, _LEAST_RIDGE * self.unit)

    def values(self, rows: Tensor) -> Tensor:
        """Return some values of the images of rows, float32 [k, values]."""
        size = self.images.shape[1]
        number = min(_VALUES, size)
        columns = torch.arange(number, device=rows.device) * size // number
        return self.images[self.records[rows][:, None], columns].float() / _LEVELS


class LinearEstimator:
    """x^ = E[x] + C_xz (C_zz + (noise + ridge) I)^-1 (z - E[z]), with the moments of n known pairs.

    With fewer records than features the same is computed from the products of records (the dual form): the inverse is
    of an n x n matrix, C_zz is never formed.
    """

    def __init__(self, features: Tensor, noise: float, images: Tensor, records: Tensor) -> None:
        """Compute the products of the features.

        Args:
            features: float32 [n, p], of the known pairs, without the noise of the wire.
            noise: variance of independent noise on each feature that is to be inverted.
            images: uint8 [N, C, H, W], all that there are.
            records: int64 [n], which of the images belong to the pairs.

        Raises:
            ValueError: some features are not finite; one line.

        """
        if not bool(features.isfinite().all()):
            raise ValueError("found features that are not finite, allowed numbers")
        self._mean = features.mean(0)
        centred, dual = features - self._mean, len(features) < features.shape[1]
        products = symmetric_product(centred.T if dual else centred)
        unit = max(float(products.diagonal().sum()) / centred.numel(), _LEAST_UNIT)
        self._known = _Known(centred, images.flatten(1), records, noise, dual, products, unit)
        self.ridge = 0.0

    def choose_ridge(self, share: float) -> None:
        """Choose the ridge by the error on held-out pairs, evenly spaced; with share 0 there is none.

        The search goes from the middle of the candidates in the direction in which the error falls.
        """
        count = len(self._known.records)
        number = round(share * count)
        if not 0 < number < count:
            return
        held = torch.zeros(count, dtype=torch.bool, device=self._mean.device)
        held[torch.arange(number, device=held.device) * count // number] = True
        trial = _Trial(self._known, held)
        best, error = _FIRST, trial.error(_RIDGES[_FIRST])
        for step in (1, -1):
            while 0 <= best + step < len(_RIDGES):
                other = trial.error(_RIDGES[best + step])
                if not other < error:
                    break
                best, error = best + step, other
            if best != _FIRST:
                break
        self.ridge = _RIDGES[best]

    def __call__(self, observed: Tensor) -> Tensor:
        """Estimate the images of observed features [m, p]: float32 [m, d] in units of the range [0, 1], not clipped."""
        known = self._known
        weights = self._weights(observed - self._mean)
        # A combination of the known images less their mean, plus that mean: the last row of weights makes the mean.
        weights = torch.cat([weights, torch.full_like(weights[:1], 1 / len(known.records))])
        made = torch.zeros(len(weights), known.images.shape[1], device=observed.device)
        for part, own in zip(weights.split(_ROWS_AT_ONCE, dim=1), known.records.split(_ROWS_AT_ONCE), strict=True):
            made.addmm_(part, known.images[own].float(), alpha=1 / _LEVELS)
        return made[:-1] + (1 - weights[:-1].sum(1, keepdim=True)) * made[-1]

    def _weights(self, observed: Tensor) -> Tensor:
        """Return the weight of each known image in each estimate, [m, n]."""
        known = self._known
        loading = known.loading(len(known.records), self.ridge)
        factor = _factor(known.products, loading)
        times = 1.0
        while factor is None and times < _LARGEST_TRY:  # rounding can leave a matrix without positive definiteness
            times *= 10
            factor = _factor(known.products, times * loading)
        if factor is None:
            raise ValueError("found features whose covariance cannot be inverted, allowed smaller ones")
        if known.dual:
            return torch.cholesky_solve(known.features @ observed.T, factor).T
        return torch.cholesky_solve(observed.T, factor).T @ known.features.T


class _Trial:
    """Fits on the pairs that are not held out, and measures the error on those that are, for any ridge."""

    def __init__(self, known: _Known, held: Tensor) -> None:
        """Prepare the products of both parts; held: bool [n], which pairs are held out."""
        rows = torch.arange(len(held), device=held.device)
        fitted, unseen = rows[~held], rows[held]
        values, self._truth = known.values(fitted), known.values(unseen)
        mean = values.mean(0)
        values, self._truth = values - mean, self._truth - mean
        self._known, self._count = known, len(fitted)
        if known.dual:
            self._products = known.products[fitted][:, fitted]
            self._right, self._left = values, known.products[unseen][:, fitted]
        else:
            self._left = known.features[unseen]
            self._products = known.products - self._left.T @ self._left
            self._right = known.features[fitted].T @ values

    def error(self, ridge: float) -> float:
        """Return the mean squared error with a ridge; infinite where it is too small to compute.

        To the error from features without noise, the noise of the wire adds its variance times the squared norm of the
        coefficients: its expectation, so that nothing has to be drawn.
        """
        factor = _factor(self._products, self._known.loading(self._count, ridge))
        if factor is None:
            return float("inf")
        coefficients = torch.cholesky_solve(self._right, factor)
        missed = (self._truth - self._left @ coefficients).square().mean()
        image = self._products @ coefficients if self._known.dual else coefficients
        passed_on = self._known.noise * (image * coefficients).sum() / coefficients.shape[1]
        return float(missed + passed_on)


def _factor(products: Tensor, loading: float) -> Tensor | None:
    """Return the Cholesky factor of products + loading I; None where that is not positive definite in float32."""
    loaded = products.clone()
    loaded.diagonal().add_(loading)
    factor, failed = torch.linalg.cholesky_ex(loaded)
    return None if int(failed) or not bool(factor.diagonal().isfinite().all()) else factor


def symmetric_product(values: Tensor) -> Tensor:
    """Return values^T values, [p, p], of float [n, p]; only blocks on and above the diagonal are computed."""
    size = values.shape[1]
    product = torch.empty(size, size, dtype=values.dtype, device=values.device)
    for first, last in pairwise(size * number // _BLOCKS for number in range(_BLOCKS + 1)):
        block = values[:, first:last].T @ values[:, first:]
        product[first:last, first:] = block
        product[first:, first:last] = block.T
    return product
