"""The quantities that printed numbers and claims are about, with the unit that they are printed in."""

from dataclasses import dataclass
from typing import Literal

Unit = Literal[
    "percent",
    "count",
    "times",
    "loss",
    "epochs",
    "rank correlation",
    "ratio",
    "mse",
    "ssim",
    "dB",
    "nats",
    "bytes",
    "operations",
    "milliseconds",
]


@dataclass(frozen=True)
class Metric:
    """Name of a quantity in tables, its unit, and the inversion attack that it comes from (empty for none)."""

    label: str
    unit: Unit
    attack: str


@dataclass(frozen=True)
class Derived:
    """A metric computed from two others of the same cell: `of` minus `against`, or `of` / `against`."""

    how: Literal["difference", "ratio"]
    of: str
    against: str

    def value(self, of: float, against: float) -> float | None:
        """Return the metric for one seed; None for a ratio to nothing."""
        if self.how == "difference":
            return of - against
        return of / against if against else None


# Inversion attacks by the name that suites give them; in brackets the images that the attacker has, those of the
# training set or most of the test set.
INVERSIONS = {
    "decoder_train": "Decoder (train)",
    "decoder_infer": "Decoder (infer)",
    "gan_train": "GAN (train)",
    "gan_infer": "GAN (infer)",
    "large_decoder_train": "Larger decoder (train)",
    "adaptive_decoder": "Adaptive decoder",
    "class_decoder": "Class-conditional decoder",
    "inverse_network": "Inverse network",
    "lmmse": "LMMSE",
    "rmle": "rMLE",
    "deep_prior": "Deep image prior",
}
# Names in the records -> label and unit; see `metrics.reconstruction`.
_QUALITIES: dict[str, tuple[str, Unit]] = {
    "mse": ("MSE", "mse"),
    "psnr": ("PSNR", "dB"),
    "ssim": ("SSIM (zero padding)", "ssim"),
    "ssim_valid": ("SSIM (valid)", "ssim"),
    "ssim_uniform": ("SSIM (uniform window)", "ssim"),
    "psnr_of_images": ("PSNR, mean of images", "dB"),
}
# The plain names are scored as CEM's released code does.
INVERSION_MEASURES: dict[str, tuple[str, Unit]] = {
    f"{name}{ending}": (f"{label}{words}", unit)
    for ending, words in (("", ""), ("_as_written", " as written"))
    for name, (label, unit) in _QUALITIES.items()
}

# Deployed networks by the precision of the edge and of what it sends, as the metrics of their records are named.
DEPLOYED_VARIANTS = {
    (edge if bits is None else f"{edge}_{bits}_bit"): (edge, "float32" if bits is None else f"{bits} bits")
    for edge in ("float32", "int8")
    for bits in (None, 8, 4)
}
_OF_VARIANTS: dict[str, tuple[str, Unit]] = {
    "wire_bytes": ("Bytes sent", "bytes"),
    "test_accuracy": ("Test accuracy (%)", "percent"),
    "mean_average_precision": ("mAP (%)", "percent"),
    "rank_1": ("Rank-1 (%)", "percent"),
    "rank_5": ("Rank-5 (%)", "percent"),
    "lmmse_mse": ("LMMSE MSE", "mse"),
}

METRICS = {
    "test_accuracy": Metric("Test accuracy", "percent", ""),
    "train_accuracy": Metric("Train accuracy", "percent", ""),
    "rank_1": Metric("Rank-1", "percent", ""),
    "rank_5": Metric("Rank-5", "percent", ""),
    "mean_average_precision": Metric("mAP", "percent", ""),
    "utility": Metric("Utility", "percent", ""),
    "attack_accuracy": Metric("Attack accuracy", "percent", ""),
    "accuracy_gap": Metric("Train-test gap", "percent", ""),
    "epsilon": Metric("Epsilon of differential privacy", "ratio", ""),
    "weights": Metric("Weights", "count", ""),
    "weights_after": Metric("Weights after pruning", "count", ""),
    "weights_ratio": Metric("Reduction", "times", ""),
    "final_loss": Metric("Final training loss", "loss", ""),
    "epochs_to_converge": Metric("Epochs to converge", "epochs", ""),
    **{
        f"{attack}_{measure}": Metric(f"{name} {label}", unit, attack)
        for attack, name in INVERSIONS.items()
        for measure, (label, unit) in INVERSION_MEASURES.items()
    },
    **{f"{attack}_recognised": Metric(f"{name} recognised", "percent", attack) for attack, name in INVERSIONS.items()},
    "originals_recognised": Metric("Originals recognised", "percent", ""),
    "gan_over_decoder_train": Metric("MSE of GAN / of decoder, train", "ratio", ""),
    "large_over_decoder_train": Metric("MSE of larger decoder / of decoder, train", "ratio", ""),
    "adaptive_over_decoder_train": Metric("MSE of adaptive decoder / of decoder, train", "ratio", ""),
    "lowest_error_over_bound": Metric("Lowest MSE with one query / bound", "ratio", ""),
    "mse_bound": Metric("Bound on MSE, estimated", "mse", ""),
    "mse_bound_nothing_sent": Metric("Bound on MSE with nothing sent, at most", "mse", ""),
    "mean_image_mse": Metric("MSE of the mean image", "mse", ""),
    "conditional_entropy": Metric("Conditional entropy H(x|z), estimated", "nats", ""),
    "image_entropy_bound": Metric("Upper bound of H(x)", "nats", ""),
    "mixture_information": Metric("Bound on I(z; z^)", "nats", ""),
    "mixture_records_per_feature": Metric("Records per feature behind I(z; z^)", "ratio", ""),
    "feature_values": Metric("Values sent", "count", ""),
    "feature_bytes": Metric("Bytes sent", "bytes", ""),
    "image_bytes": Metric("Bytes of the image", "bytes", ""),
    "jpeg_bytes": Metric("Bytes of a JPEG as bad as the lowest MSE", "bytes", ""),
    "edge_lipschitz": Metric("Local Lipschitz constant of the edge", "ratio", ""),
    **{f"lipschitz_{block}": Metric(f"k_{block}", "ratio", "") for block in range(1, 9)},
    "edge_parameters_dense": Metric("Edge parameters before pruning", "count", ""),
    "edge_parameters_left": Metric("Edge parameters after pruning", "count", ""),
    "edge_removed": Metric("Edge removed", "percent", ""),
    "edge_operations_removed": Metric("Edge MACs removed", "percent", ""),
    "blocks_removed": Metric("Blocks removed", "count", ""),
    "edge_parameters": Metric("Edge parameters", "count", ""),
    "cloud_parameters": Metric("Cloud parameters", "count", ""),
    "edge_operations": Metric("Edge MACs", "operations", ""),
    "cloud_operations": Metric("Cloud MACs", "operations", ""),
    "edge_file_bytes": Metric("Edge file", "bytes", ""),
    "cloud_file_bytes": Metric("Cloud file", "bytes", ""),
    "wire_bytes_float32": Metric("Sent as float32", "bytes", ""),
    "wire_bytes_float16": Metric("Sent as float16", "bytes", ""),
    "wire_bytes_int8": Metric("Sent as int8", "bytes", ""),
    "edge_int8_file_bytes": Metric("Edge file, int8", "bytes", ""),
    **{
        f"{variant}_{name}": Metric(label, unit, "")
        for variant in DEPLOYED_VARIANTS
        for name, (label, unit) in _OF_VARIANTS.items()
    },
    "outputs_error": Metric("ONNX less PyTorch, largest", "loss", ""),
    "edge_milliseconds": Metric("Edge time", "milliseconds", ""),
    "cloud_milliseconds": Metric("Cloud time", "milliseconds", ""),
}
DERIVED = {
    "accuracy_gap": Derived("difference", "train_accuracy", "test_accuracy"),
    "gan_over_decoder_train": Derived("ratio", "gan_train_mse", "decoder_train_mse"),
    "large_over_decoder_train": Derived("ratio", "large_decoder_train_mse", "decoder_train_mse"),
    "adaptive_over_decoder_train": Derived("ratio", "adaptive_decoder_mse", "decoder_train_mse"),
}
# Sizes and times do not depend on how the records were divided.
OF_THE_NETWORK: tuple[Unit, ...] = ("count", "times", "bytes", "operations", "milliseconds")
