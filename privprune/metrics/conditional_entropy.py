"""Conditional entropy of an image given its noisy features, and the bound on any reconstruction that follows from it.

CEM (Xia et al., CVPR 2025, arXiv 2503.00383): H(x|z) = H(x) - I(z; z^) for features z^ of x sent as z = z^ + noise
(Proposition 2); no reconstruction from z has a lower mean square error than exp(2 H(x|z) / d) / (2 pi e) (Theorem 1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from scipy.special import digamma
from torch import Tensor

from privprune.metrics.clusters import eigenvalues, k_means

_LEVELS = 255  # images are bytes
_NEIGHBOUR = 3  # distances to the third neighbour: with a higher number variance falls and bias grows
_ROWS = 1024  # rows of the matrix of distances that are computed at once


@dataclass(frozen=True)
class ConditionalEntropy:
    """Estimate of H(x|z); entropies are differential, of images in [0, 1]^d, in nats per image.

    Attributes:
        image_entropy: estimate of H(x).
        information: upper bound of I(z; z^) (Theorem 2); infinite without noise.
        conditional_entropy: image_entropy - information; minus infinity without noise.
        mse_bound: lower bound of the mean square error per pixel value (Theorem 1); 0 without noise.

    """

    image_entropy: float
    information: float
    conditional_entropy: float
    mse_bound: float


def estimate(
    images: Tensor, features: Tensor, deviation: float, clusters: int, generator: torch.Generator
) -> ConditionalEntropy:
    """Estimate H(x|z), and from it a lower bound of the error of any attack.

    Only the term I(z; z^) is bounded. H(x) of natural images can be estimated but not bounded from below by samples, so
    the bound of the error is only as good as the estimate of H(x). The smaller of two estimates is used, which gives
    the weaker bound. With far fewer images than pixels both estimates are above H(x): use the bound to compare cells
    with the same images, not as a guarantee.

    Args:
        images: float [n, d] in [0, 1].
        features: float [m, D], noise-free features z^; they need not be of the same images.
        deviation: standard deviation of the Gaussian noise on each feature; 0 for none.
        clusters: components of the mixture.
        generator: source of the initial clusters, and of the noise that undoes the rounding to bytes.

    """
    entropy = image_entropy(images, generator)
    transmitted = information(features, deviation, clusters, generator)
    conditional = entropy - transmitted
    return ConditionalEntropy(entropy, transmitted, conditional, mse_bound(conditional, images.shape[1]))


def image_entropy(images: Tensor, generator: torch.Generator) -> float:
    """Estimate H(x) of images [n, d] in [0, 1], in nats: the smaller of the two estimates below."""
    return min(gaussian_entropy(images), neighbour_entropy(images, generator))


def information(features: Tensor, deviation: float, clusters: int, generator: torch.Generator) -> float:
    """Bound I(z; z^) from above, in nats: Theorem 2, after Huber et al. 2008.

    sum_j pi_j [-log pi_j + 1/2 log(|Sigma_j + Sigma_p| / |Sigma_p|)], Sigma_p = deviation^2 I, over the clusters of
    k-means. It bounds the information whether or not the clusters are Gaussian, since H(z) <= H(j) + H(z | j) and a
    Gaussian has the largest entropy of all distributions with its covariance. A limit: covariances are estimated, and
    those of clusters with few records come out too small; use many more records than clusters. For noise of another
    distribution with the same deviation, the bound is larger by D times the negentropy of that distribution.

    Args:
        features: float [n, D], noise-free.
        deviation: of the noise.
        clusters: components of the mixture, k.
        generator: source of the initial clusters.

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


def mse_bound(entropy: float, dimensions: int) -> float:
    """Return exp(2 H / d) / (2 pi e), a lower bound of the mean square error per dimension (Theorem 1).

    Args:
        entropy: H(x|z) in nats; minus infinity gives 0.
        dimensions: d.

    """
    return math.exp(2 * entropy / dimensions) / (2 * math.pi * math.e)


def gaussian_entropy(images: Tensor) -> float:
    """Return the entropy of a Gaussian with the covariance of images [n, d], shrunk, in nats.

    With the true covariance it would be an upper bound of H(x), since a Gaussian has the largest entropy.
    """
    dimensions = images.shape[1]
    centred = (images - images.mean(0)).double()
    shrinkage = ledoit_wolf(centred)
    spread = eigenvalues(centred)
    spread = torch.cat([spread, spread.new_zeros(dimensions - len(spread))])
    shrunk = (1 - shrinkage) * spread + shrinkage * spread.mean()
    return 0.5 * (dimensions * math.log(2 * math.pi * math.e) + shrunk.log().sum().item())


def ledoit_wolf(centred: Tensor) -> float:
    """Return the share of a sample covariance to replace by a multiple of the identity (Ledoit and Wolf 2004).

    Equal to scikit-learn's `ledoit_wolf_shrinkage`, but without an import that takes a second, or a d x d matrix.

    Args:
        centred: float [n, d], deviations from the mean.

    """
    count, dimensions = centred.shape
    lengths = centred.square().sum(1)
    covariance = (centred @ centred.T).square().sum() / count**2  # squared Frobenius norm of the sample covariance
    scatter = (lengths.square().sum() / count - covariance) / count
    distance = covariance - (lengths.sum() / count) ** 2 / dimensions
    return float((scatter / distance).clamp(0, 1)) if distance > 0 else 0.0


def neighbour_entropy(images: Tensor, generator: torch.Generator) -> float:
    """Estimate H(x) of images [n, d] in [0, 1] by the distances to nearest neighbours, in nats.

    Kozachenko and Leonenko 1987, with the third neighbour. Images rounded to bytes have H(x) = minus infinity; uniform
    noise as wide as a step of the rounding undoes it. Consistent, but slow to converge in many dimensions.

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
