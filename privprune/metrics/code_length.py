"""How many nats lossless codes need per image: an upper bound of the entropy of the images' distribution.

The mean length of a code from which images can be read back is at least their entropy (Shannon 1948), whatever the code
assumes. Codes here are PNG and WebP files (Pillow), and a predictive code after CALIC (Wu and Memon 1997): each value
is predicted linearly from the values that were coded before it, and the error is coded with a histogram chosen by how
large the errors nearby were. Its tables are learnt from one half of the images and code the other half, so that each
image's code was fixed before the image was looked at; its length is the ideal one, which arithmetic coding reaches to
within two bits per image.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

_PLACES = (
    (0, -1),
    (-1, 0),
    (-1, -1),
    (-1, 1),
    (0, -2),
    (-2, 0),
    (-2, -1),
    (-2, 1),
    (-1, 2),
    (-1, -2),
    (-2, 2),
    (-2, -2),
)
_CODED_PLACES = (
    (0, 0),
    (0, -1),
    (-1, 0),
    (-1, -1),
    (-1, 1),
    (0, 1),
    (1, 0),
    (1, 1),
    (1, -1),
)  # of channels coded before
_ERRORS, _EDGES = 6, 4  # how many of the places tell how large the error will be: by its errors, by its edges
_CODED_ERRORS = ((0, 0), (0, -1), (-1, 0), (0, 1), (1, 0))
_MARGIN = 2  # how far the places reach
_COLOURS = (1, 0, 2)  # green first, of which red and blue say least
_CONTEXTS = 24  # histograms per channel
_ROUNDS = 3  # of least squares, each weighted by the errors that the last one expects
_SMALLEST = 0.3  # expected error, in steps of a byte
_RIDGE = 1e-3
_PRIOR = 20.0  # errors' worth of all contexts' histogram, added to that of each
_FLOOR = 0.1  # errors' worth of every value, added to the histogram of all contexts
_TERMINATION = 2 * math.log(2)  # nats per image by which an arithmetic code may exceed the ideal length
_CENTRE, _LARGEST = 127.5, 255
_SPAN = 2 * _LARGEST + 1  # number of errors that there can be
_FILES: tuple[dict[str, Any], ...] = (
    {"format": "PNG", "optimize": True},
    {"format": "WEBP", "lossless": True, "quality": 80, "method": 4},
)
_NATS_PER_BYTE = 8 * math.log(2)


def code_lengths(images: Array) -> dict[str, Array]:
    """Return code -> the length of each image's code in nats, float64 [n].

    `bytes` is the image as it is; `png` and `webp` only code images of one or three channels, `predictive` needs four
    images.

    Args:
        images: uint8 [n, channels, height, width].

    """
    lengths = {"bytes": np.full(len(images), images[0].size * _NATS_PER_BYTE)}
    if images.shape[1] in (1, 3):
        pictures = [Image.fromarray(one[0] if len(one) == 1 else one.transpose(1, 2, 0)) for one in images]
        lengths |= {str(how["format"]).lower(): _file_lengths(pictures, how) for how in _FILES}
    if len(images) >= 4:
        values = images.astype(np.float64) - _CENTRE
        lengths["predictive"] = np.empty(len(images))
        for half in (0, 1):
            own, other = slice(half, None, 2), slice(1 - half, None, 2)
            lengths["predictive"][own] = (
                PredictiveCode.learnt(values[other]).lengths(values[own]).sum((1, 2, 3)) + _TERMINATION
            )
    return lengths


def _file_lengths(pictures: Iterable[Image.Image], how: dict[str, Any]) -> Array:
    """Return the sizes of files in nats."""
    sizes = []
    for picture in pictures:
        buffer = io.BytesIO()
        picture.save(buffer, **how)
        sizes.append(buffer.tell())
    return np.array(sizes) * _NATS_PER_BYTE


@dataclass(frozen=True)
class _Channel:
    """The tables of one channel.

    Attributes:
        predictor: weights of the values coded before, [features].
        scale: weights of the errors nearby in the expected error, [features].
        limits: expected errors between two contexts, ascending, [contexts - 1].
        histograms: probability of each error from -255 to 255, [contexts, 511].

    """

    predictor: Array
    scale: Array
    limits: Array
    histograms: Array


@dataclass(frozen=True)
class PredictiveCode:
    """The tables of a predictive code.

    Attributes:
        channels: in the order in which they are coded.

    """

    channels: tuple[_Channel, ...]

    @classmethod
    def learnt(cls, values: Array) -> PredictiveCode:
        """Learn the tables from images, float64 [n, channels, height, width], bytes less 127.5."""
        tables: list[_Channel] = []
        errors: list[Array] = []
        order = _order(values)
        for place, channel in enumerate(order):
            own = values[:, channel]
            design, wanted = _values_before(values, order[: place + 1]), own.reshape(-1)
            weights = np.ones(len(wanted))
            for _ in range(_ROUNDS):
                predictor = _least_squares(design, wanted, weights)
                error = (wanted - design @ predictor).reshape(own.shape)
                nearby = _errors_before([*errors, error], own)
                scale = _least_squares(nearby, np.abs(error).reshape(-1), weights=None)
                expected = np.maximum(nearby @ scale, _SMALLEST)
                weights = 1 / (expected + 1) ** 1.5
            errors.append(error)
            limits = np.quantile(expected, np.linspace(0, 1, _CONTEXTS + 1)[1:-1])
            contexts = np.searchsorted(limits, expected)
            _, missed = _rounded(design @ predictor, wanted)
            places = contexts * _SPAN + missed + _LARGEST
            counts = np.bincount(places, minlength=_CONTEXTS * _SPAN).reshape(_CONTEXTS, _SPAN).astype(np.float64)
            together = counts.sum(0) + _FLOOR
            counts += _PRIOR * together / together.sum()
            tables.append(_Channel(predictor, scale, limits, counts / counts.sum(1, keepdims=True)))
        return cls(tuple(tables))

    def lengths(self, values: Array) -> Array:
        """Return the ideal length of the code of each value of images, in nats; arguments as of `learnt`.

        It depends on the value and on those coded before it: channel by channel, each from its upper left in rows.
        """
        lengths = np.empty(values.shape)
        errors: list[Array] = []
        order = _order(values)
        for place, (channel, table) in enumerate(zip(order, self.channels, strict=True)):
            own = values[:, channel]
            wanted, guess = own.reshape(-1), _values_before(values, order[: place + 1]) @ table.predictor
            errors.append((wanted - guess).reshape(own.shape))
            contexts = np.searchsorted(table.limits, np.maximum(_errors_before(errors, own) @ table.scale, _SMALLEST))
            predicted, missed = _rounded(guess, wanted)
            below = np.pad(table.histograms.cumsum(1), ((0, 0), (1, 0)))
            possible = below[contexts, _SPAN - predicted] - below[contexts, _LARGEST - predicted]
            nats = np.log(possible) - np.log(table.histograms[contexts, missed + _LARGEST])
            lengths[:, channel] = nats.reshape(own.shape)
        return lengths


def _order(values: Array) -> Sequence[int]:
    """Return the order in which channels are coded."""
    channels = values.shape[1]
    return _COLOURS if channels == len(_COLOURS) else range(channels)


def _rounded(guess: Array, wanted: Array) -> tuple[Array, Array]:
    """Return predictions as bytes, and how far the values are above them."""
    predicted = np.rint(np.clip(guess, -_CENTRE, _CENTRE) + _CENTRE).astype(np.int64)
    return predicted, np.rint(wanted + _CENTRE).astype(np.int64) - predicted


def _values_before(values: Array, channels: Sequence[int]) -> Array:
    """Return what the last of some channels is predicted from, [pixels, features]: 0 beyond the edges, and 1."""
    *coded, own = channels
    columns = _shifted(values[:, own], _PLACES)
    for channel in coded:
        columns += _shifted(values[:, channel], _CODED_PLACES)
    return np.stack([*columns, np.ones_like(columns[0])], axis=-1).reshape(-1, len(columns) + 1)


def _errors_before(errors: Sequence[Array], own: Array) -> Array:
    """Return what tells how large the error of the last channel will be, [pixels, features]: errors and edges nearby.

    Args:
        errors: of the channels coded before, and of the one that is coded, of which only the pixels before are used.
        own: values of the channel that is coded.

    """
    columns = _shifted(errors[-1], _PLACES[:_ERRORS])
    for error in errors[:-1]:
        columns += _shifted(error, _CODED_ERRORS)
    left, above, corner, right = _shifted(own, _PLACES[:_EDGES])
    columns += [left - corner, above - corner, above - right]
    return np.stack([*map(np.abs, columns), np.ones_like(own)], axis=-1).reshape(-1, len(columns) + 1)


def _shifted(plane: Array, places: Iterable[tuple[int, int]]) -> list[Array]:
    """Return the values at places relative to each pixel, [n, height, width] each; 0 beyond the edges."""
    height, width = plane.shape[1:]
    padded = np.pad(plane, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))
    return [
        padded[:, _MARGIN + down : _MARGIN + down + height, _MARGIN + right : _MARGIN + right + width]
        for down, right in places
    ]


def _least_squares(design: Array, wanted: Array, weights: Array | None) -> Array:
    """Return the weights of the columns that fit best, with a small ridge."""
    weighted = design if weights is None else design * weights[:, None]
    gram = weighted.T @ design + _RIDGE * np.eye(design.shape[1])
    solution: Array = np.linalg.solve(gram, weighted.T @ wanted)
    return solution
