"""SAMIA: a network with self-attention reads posteriors, their sensitivity to noise in the input, and the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (its customary name)
from torch import Tensor, nn

from privprune.attacks.membership.evidence import Outputs
from privprune.attacks.membership.learnt_attack import AttackTrainingSettings, LearntAttack, check_training, converged
from privprune.attacks.membership.method import MembershipAttack
from privprune.attacks.membership.signals import log_posteriors
from privprune.attacks.membership.view import View
from privprune.models.random_layers import RandomDropout
from privprune.settings import Fraction, Positive, Range, Repeats, Width

_HEADS = 4  # of the attention, transformer.py of the released code
_WIDER = 2  # hidden units of a layer's perceptron per unit of its width; 128 of 64 in the released code


@dataclass(frozen=True)
class SamiaSettings:
    """Settings of SAMIA.

    Attributes:
        inputs: `posteriors`, as in the paper, or their `logarithms`, which still differ where posteriors round to 1.
        deviation: standard deviation of the noise in the input, in units of an image's range [0, 1].
        draws: of the noise per record; 10 in the released code.
        width: numbers per class inside the network, a multiple of 4; 64 in the released code.
        layers: of attention; 3 in the released code.
        dropout: share of values dropped in training; 0.2 in the released code.
        training: see `AttackTrainingSettings`.

    """

    inputs: Literal["posteriors", "logarithms"]
    deviation: Positive
    draws: Repeats
    width: Width
    layers: Annotated[int, Range(1, 32)]
    dropout: Fraction
    training: AttackTrainingSettings

    def __post_init__(self) -> None:
        """Refuse a network that cannot be built: ValueError, one line."""
        if self.width % _HEADS:
            raise ValueError(f"width: found {self.width}, allowed multiples of {_HEADS}, the heads of the attention")
        if self.dropout >= 1:
            raise ValueError(f"dropout: found {self.dropout:g}, allowed below 1")


def noisy_views(settings: SamiaSettings) -> tuple[View, ...]:
    """Return the queries behind the sensitivity."""
    return tuple(View(noise=settings.deviation, draw=draw) for draw in range(settings.draws))


class SamiaAttack(LearntAttack):
    """Yuan and Zhang, USENIX Security 2022 (arXiv 2202.03335), with their code Machine-Learning-Security-Lab/mia_prune.

    Sensitivity of class c: the mean over noisy queries of |p_c(x + u) - p_c(x)|, divided by the noise's deviation
    (base_model.py, `predict_target_sensitivity`). One token per class holds posterior, sensitivity and label; network
    and initial weights are those of transformer.py and utils.py.

    Differences: the network trains on the target's known records, as all attacks here, not on five shadow models; with
    Adam to a plateau on held-out ones, where the code takes 100 epochs of SGD and reports the last; inputs are
    standardised by the training records, where the code has a batch norm; one log-odds in place of two logits. The
    noise's deviation is in units of the image, in the code 0.001 in units of the normalised input.
    """

    def __init__(self, settings: SamiaSettings) -> None:
        self.settings, self.training = settings, settings.training

    def features(self, outputs: Outputs) -> Tensor:
        """Posteriors, sensitivities and one-hot label, float64 [n, 3 * classes]."""
        plain = self._answers(outputs.logits)
        differences = [
            (self._answers(outputs.views[view]) - plain).abs() / self.settings.deviation
            for view in noisy_views(self.settings)
        ]
        label = F.one_hot(outputs.labels, plain.shape[1])
        return torch.cat([plain, torch.stack(differences).mean(0), label], dim=1)

    def network(self, features: int, classes: int) -> nn.Module:
        """Build the network of transformer.py."""
        del features
        return SamiaNetwork(classes, self.settings.width, self.settings.layers, self.settings.dropout)

    def _answers(self, logits: Tensor) -> Tensor:
        logs = log_posteriors(logits)
        return logs if self.settings.inputs == "logarithms" else logs.exp()


class SamiaNetwork(nn.Module):
    """Self-attention over classes.

    Args:
        classes: C, of the attacked network.
        width: numbers per class.
        layers: of attention.
        dropout: share of values dropped.

    """

    def __init__(self, classes: int, width: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.classes = classes
        self.embedding = nn.Linear(3, width)
        self.encoder = nn.Sequential(*(AttentionLayer(width, dropout) for _ in range(layers)))
        self.hidden = nn.Linear(classes * width, width)
        self.output = nn.Linear(width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map features [n, 3 * C], grouped by kind, to log-odds of membership, [n]."""
        tokens = features.unflatten(1, (3, self.classes)).transpose(1, 2)
        encoded = self.encoder(F.gelu(self.embedding(tokens)))
        log_odds: Tensor = self.output(F.relu(self.hidden(encoded.flatten(1))))
        return log_odds[:, 0]


class AttentionLayer(nn.Module):
    """A layer of a transformer's encoder (Vaswani et al. 2017, arXiv 1706.03762), norms after the sums, with GELU.

    It is `nn.TransformerEncoderLayer`, except that its dropout draws from generators of its own.
    """

    def __init__(self, width: int, dropout: float) -> None:
        """Build a layer of `width` numbers per token."""
        super().__init__()
        self.projections = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.wider = nn.Linear(width, _WIDER * width)
        self.narrower = nn.Linear(_WIDER * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.dropouts = nn.ModuleList([RandomDropout(dropout) for _ in range(4)])

    def forward(self, tokens: Tensor) -> Tensor:
        """Let every token read all tokens of its record: [n, tokens, width] to the same shape."""
        tokens = self.norms[0](tokens + self.dropouts[0](self._attention(tokens)))
        widened = self.dropouts[1](F.gelu(self.wider(tokens)))
        summed: Tensor = self.norms[1](tokens + self.dropouts[2](self.narrower(widened)))
        return summed

    def _attention(self, tokens: Tensor) -> Tensor:
        query, key, value = (
            part.unflatten(2, (_HEADS, -1)).transpose(1, 2) for part in self.projections(tokens).chunk(3, dim=2)
        )
        weights = (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5).softmax(-1)
        read: Tensor = self.attended((self.dropouts[3](weights) @ value).transpose(1, 2).flatten(2))
        return read


METHOD = MembershipAttack(
    name="samia",
    settings=SamiaSettings,
    attack=SamiaAttack,
    views=noisy_views,
    check=check_training,
    checks=converged,
    examples=(
        {
            "attack": "samia",
            "inputs": "posteriors",
            "deviation": 0.01,
            "draws": 3,
            "width": 16,
            "layers": 1,
            "dropout": 0.2,
            "training": {
                "steps": 80,
                "interval": 20,
                "patience": 3,
                "validation": 0.25,
                "batch": 32,
                "learning_rate": 0.003,
            },
        },
        {
            "attack": "samia",
            "inputs": "logarithms",
            "deviation": 0.02,
            "draws": 1,
            "width": 8,
            "layers": 2,
            "dropout": 0.0,
            "training": {
                "steps": 80,
                "interval": 20,
                "patience": 3,
                "validation": 0.25,
                "batch": 32,
                "learning_rate": 0.003,
            },
        },
    ),
)
