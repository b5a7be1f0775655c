"""The conditional entropy of an image given its noisy features, and the bound of any reconstruction's error.

CEM (Xia et al., CVPR 2025, arXiv 2503.00383): H(x|z) = H(x) - I(z; z^) for features z^ of x sent as z = z^ + noise
(Proposition 2); no reconstruction from z has a lower mean square error than exp(2 H(x|z) / d) / (2 pi e) (Theorem 1).
Entropies are differential, of images in [0, 1]^d, in nats per image.

Here only the term I(z; z^) is bounded, where there are enough records. H(x) of natural images can be estimated but not
bounded from below by samples, so the bound of the error is valid as far as the estimate of H(x) is. With far fewer
images than pixels both estimates of H(x) lie above it: compare the bound between cells of the same images, and do not
take it for a guarantee. From above H(x) can be bounded, by the length of a lossless code: `entropy_bound`. It shows
how large the bound of the error can be at most, when nothing is sent.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from scipy.special import digamma
from torch import Tensor

from privprune.metrics.clusters import eigenvalues, k_means
from privprune.metrics.code_length import code_lengths

_LEVELS = 255  # images are bytes
_NEIGHBOUR = 3  # which neighbour's distance is measured: the variance falls with it, the bias grows
_ROWS = 1024  # of distances at once
RECORDS_PER_FEATURE = 4  # at least, behind each covariance: see `records_per_feature`
_STANDARD_ERRORS = 2.0  # added to a mean code length, so that the images drawn make it too small in 1 of 40 samples


def image_entropy(images: Tensor, generator: torch.Generator) -> float:
    """Estimate H(x) of images [n, d] in [0, 1], in nats: the smaller of two estimates below.

    The larger one would promise a higher error of every reconstruction.

    Args:
        images: float, more than 3 of them.
        generator: source of the noise that undoes the rounding to bytes.

    """
    return min(gaussian_entropy(images), neighbour_entropy(images, generator))


def entropy_bound(images: Tensor) -> float:
    """Bound H(x) from above, in nats: the mean length of the shortest of several lossless codes, less d log 255.

    The entropy of the bytes k is at most the mean length of a code that can be decoded. An image in [0, 1] is k / 255,
    and has a density only with noise, uniform over one step as in `neighbour_entropy`: p(x) = P(k) 255^d, so H(x) is
    the entropy of k less d log 255 (a step is 1 / 255, though there are 256 values). Two standard errors over images
    are added.

    Args:
        images: uint8 [n, channels, height, width], a sample of their distribution; at least 2.

    """
    lengths = code_lengths(images.cpu().numpy()).values()
    bounds = [one.mean() + _STANDARD_ERRORS * one.std(ddof=1) / len(one) ** 0.5 for one in lengths]
    return float(min(bounds)) - images[0].numel() * math.log(_LEVELS)


def information(features: Tensor, deviation: float, clusters: int, generator: torch.Generator) -> float:
    """Bound I(z; z^) from above, in nats: Theorem 2, after Huber et al. 2008.

    sum_j pi_j [-log pi_j + 1/2 log(|Sigma_j + Sigma_p| / |Sigma_p|)], Sigma_p = deviation^2 I, over the clusters of
    k-means. It bounds the information whether or not the clusters are Gaussian, as H(z) <= H(j) + H(z | j) and a
    Gaussian has the largest entropy of its covariance. It is no bound in one respect: covariances are those of the
    sample, which in clusters of few records are too small: see `records_per_feature`. For noise of another
    distribution with the same deviation the bound is larger by D times that distribution's negentropy.

    Args:
        features: float [n, D], noise-free.
        deviation: standard deviation of the Gaussian noise on each feature; 0 gives infinity.
        clusters: components of the mixture, k.
        generator: source of the initial cluster centres.

    """
    if deviation == 0:
        return math.inf
    found = k_means(features, clusters, None, generator)
    total = 0.0
    for number, count in enumerate(found.counts.tolist()):
        if count == 0:
            continue
        weight = count / len(features)
        own = features[found.labels == number].double()
        spread = eigenvalues(own - own.mean(0))
        total += weight * (-math.log(weight) + 0.5 * torch.log1p(spread / deviation**2).sum().item())
    return total


class InformationBound(NamedTuple):
    """An upper bound of I(z; z^).

    Attributes:
        nats: the bound.
        records_per_feature: how many records there are for each feature of a covariance, on average.

    """

    nats: float
    records_per_feature: float


def information_bound(
    features: Tensor, deviation: float, components: int, generator: torch.Generator
) -> InformationBound:
    """Return the smallest of the bounds of I(z; z^) for which there are enough records.

    `information` bounds it with any number of components. One Gaussian is tight for Gaussian features, where a mixture
    pays for the entropy of its labels; a mixture is tight for clustered ones. Where records are too few for the
    covariance of all D features, it is that of blocks of consecutive ones: a determinant is at most the product of the
    determinants of its blocks (Fischer's inequality), so that this is a bound too, if a larger one.

    Args:
        features: float [n, D], noise-free, of at least 4 records.
        deviation: standard deviation of the Gaussian noise on each feature; 0 gives infinity.
        components: of the mixture, at most; fewer where there are not 4 records per feature.
        generator: source of the initial cluster centres.

    """
    records, values = features.shape
    blocks = features.split(max(1, records // RECORDS_PER_FEATURE), dim=1)
    one = sum(information(block, deviation, 1, generator) for block in blocks)
    widest = max(block.shape[1] for block in blocks)
    found = [InformationBound(float(one), records_per_feature(records, 1, widest))]
    components = min(components, records // (RECORDS_PER_FEATURE * values))
    if components > 1:
        mixture = information(features, deviation, components, generator)
        found.append(InformationBound(mixture, records_per_feature(records, components, values)))
    return min(found)


def records_per_feature(records: int, clusters: int, features: int) -> float:
    """Return how many records there are for each feature of each cluster, on average.

    With r of them, the logarithm of the determinant of a Gaussian sample's covariance is too small by about D / (2 r),
    from the moments of the Wishart distribution, so that `information` falls short by about D / (4 r) nats: by D / 16
    with r = 4. With r below 1 covariances lack directions, and the shortfall has no limit.
    """
    return records / (clusters * features)


def mse_bound(entropy: float, dimensions: int) -> float:
    """Return exp(2 H(x|z) / d) / (2 pi e), the lower bound of the mean square error per value of an image (Theorem 1).

    Args:
        entropy: H(x|z) = `image_entropy` - `information`, in nats; minus infinity gives 0.
        dimensions: d, values of an image.

    """
    return math.exp(2 * entropy / dimensions) / (2 * math.pi * math.e)


def gaussian_entropy(images: Tensor) -> float:
    """Return the entropy of a Gaussian with the covariance of images [n, d], shrunk, in nats.

    With the true covariance it would be an upper bound of H(x): no distribution with that covariance has more.
    """
    dimensions = images.shape[1]
    centred = (images - images.mean(0)).double()
    shrinkage = ledoit_wolf(centred)
    spread = eigenvalues(centred)
    spread = torch.cat([spread, spread.new_zeros(dimensions - len(spread))])
    shrunk = (1 - shrinkage) * spread + shrinkage * spread.mean()
    return 0.5 * (dimensions * math.log(2 * math.pi * math.e) + shrunk.log().sum().item())


def ledoit_wolf(centred: Tensor) -> float:
    """Return which share of a sample covariance to replace by a multiple of the identity (Ledoit and Wolf 2004).

    The result is that of scikit-learn's `ledoit_wolf_shrinkage`, whose import takes a second; no d x d matrix is made.

    Args:
        centred: float [n, d], records less their mean.

    """
    count, dimensions = centred.shape
    lengths = centred.square().sum(1)
    covariance = (centred @ centred.T).square().sum() / count**2  # squared Frobenius norm of the sample covariance
    scatter = (lengths.square().sum() / count - covariance) / count
    distance = covariance - (lengths.sum() / count) ** 2 / dimensions
    return float((scatter / distance).clamp(0, 1)) if distance > 0 else 0.0


def neighbour_entropy(images: Tensor, generator: torch.Generator) -> float:
    """Estimate H(x) of images [n, d] in [0, 1] by the distances to nearest neighbours, in nats.

    Kozachenko and Leonenko 1987, with the third neighbour. The rounding to bytes, under which H(x) would be minus
    infinity, is undone by uniform noise of one step. Consistent, but in many dimensions slow to converge.

    Args:
        images: more than 3 of them.
        generator: source of the noise.

    """
    noise = torch.rand(images.shape, generator=generator, dtype=torch.float64).to(images.device)
    points = images.double() + (noise - 0.5) / _LEVELS
    count, dimensions = points.shape
    nearest = [
        torch.cdist(rows, points).kthvalue(_NEIGHBOUR + 1, dim=1).values  # the first is the image itself
        for rows in points.split(_ROWS)
    ]
    ball = 0.5 * dimensions * math.log(math.pi) - math.lgamma(0.5 * dimensions + 1)  # log volume of the unit ball
    distances = torch.cat(nearest).log().mean().item()
    return float(digamma(count) - digamma(_NEIGHBOUR)) + ball + dimensions * distances
