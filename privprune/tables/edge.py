"""Tables about networks split between device and cloud: methods with privacy and cost, ablation, deployment."""

from collections.abc import Mapping, Sequence

from privprune.published import INVERSIONS, METRICS, Paper
from privprune.tables.notes import INTERVALS, data_notes
from privprune.tables.numbers_as_text import estimate, heading, plain, seeds
from privprune.tables.table import ABSENT, Column, Table, TableCell, labels, measured_on, numbers, row
from privprune.verdicts import Evaluation, MeasuredCell, cell_names

_OWN = "patrol"  # the defence whose paper these tables are for
_UTILITY = ("mean_average_precision", "rank_1", "rank_5", "test_accuracy")
_QUALITY = ("mse", "psnr", "ssim", "recognised")
_COST = (
    *("edge_parameters", "edge_removed", "edge_operations_removed", "blocks_removed", "edge_operations"),
    *("feature_bytes", "image_bytes", "jpeg_bytes", "edge_lipschitz"),
)
_PARTS = {  # pruned, Lipschitz, adversarial
    "none": (False, False, False),
    "lipschitz": (False, True, False),
    "adversarial": (False, False, True),
    "lipschitz+adversarial": (False, True, True),
    "pruning": (True, False, False),
    "pruning+lipschitz": (True, True, False),
    "pruning+adversarial": (True, False, True),
    "patrol": (True, True, True),
}
_DEPLOYED = (
    *("edge_parameters", "edge_operations", "edge_file_bytes", "edge_int8_file_bytes"),
    *("cloud_parameters", "cloud_operations"),
    *("cloud_file_bytes", "wire_bytes_float32", "wire_bytes_float16", "wire_bytes_int8", "outputs_error"),
)
_TIMED = {  # name in the timings -> heading, and the number that one unit of the heading stands for
    "edge_torch_milliseconds": ("Edge, PyTorch (ms)", 1.0),
    "edge_onnx_runtime_milliseconds": ("Edge, ONNX Runtime (ms)", 1.0),
    "edge_onnx_runtime_int8_milliseconds": ("Edge, ONNX Runtime, int8 (ms)", 1.0),
    "edge_executorch_milliseconds": ("Edge, ExecuTorch (ms)", 1.0),
    "cloud_torch_milliseconds": ("Cloud, PyTorch (ms)", 1.0),
    "cloud_onnx_runtime_milliseconds": ("Cloud, ONNX Runtime (ms)", 1.0),
    "edge_peak_memory_bytes": ("Edge, peak memory (MiB)", 2.0**20),
    "cloud_peak_memory_bytes": ("Cloud, peak memory (MiB)", 2.0**20),
}


def methods_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return utility, privacy under every attack, and cost: one line per method and cut."""
    lines = _lines(evaluation, paper)
    cells = [cell for _, cell in lines]
    shown = _measured(cells, (*_UTILITY, *_privacy(cells), "originals_recognised", *_COST))
    return Table(
        name="methods",
        title="Utility, privacy and cost of every method",
        caption="What the network is still good for, what attacks make of what it sends, and what it costs the device. "
        "A larger MSE, a smaller PSNR and a smaller SSIM hide more. Recognised: the share of reconstructions that an "
        "independent network puts to the right identity, or class; beside it that of the images themselves.",
        columns=(*labels("Measured on", "Method", "Cell"), *_headings(shown), *numbers("Seeds")),
        rows=tuple(
            row(measured_on(cell), _name(name, paper), cell.cell, *_values(cell, shown), seeds(len(cell.seeds)))
            for name, cell in lines
        ),
        notes=(
            "The paper's own numbers for these are not available, but for one; none is filled in.",
            "A JPEG as bad as the best reconstruction of any attack needs no split network; with headers and tables.",
            "The constant is that of features divided by their root mean square, under small Gaussian noise.",
            *INTERVALS,
            *data_notes(cells),
        ),
    )


def ablation_table(evaluation: Evaluation, paper: Paper) -> Table:
    """Return the effect of each part of the method, alone and together."""
    lines = [(name, cell) for name, cell in _lines(evaluation, paper) if name in _PARTS]
    cells = [cell for _, cell in sorted(lines, key=lambda line: _order(line[0]))]
    names = [name for name, _ in sorted(lines, key=lambda line: _order(line[0]))]
    shown = _measured(
        cells,
        (*("mean_average_precision", "test_accuracy", "decoder_train_mse", "decoder_train_ssim"),
         *("adaptive_decoder_mse", "decoder_train_recognised", "edge_removed", "edge_lipschitz")),
    )  # fmt: skip
    with_parts = {measured_on(cell) for name, cell in lines if name != "none"}
    return Table(
        name="ablation",
        title="Each part of the method, alone and together",
        caption="All with the same cut. Unpruned networks stand above, with the terms of training alone.",
        columns=(*labels("Measured on", "Pruned", "Lipschitz", "Adversarial"), *_headings(shown), *numbers("Seeds")),
        rows=tuple(
            row(
                measured_on(cell),
                *("yes" if part else ABSENT for part in _PARTS[name]),
                *_values(cell, shown),
                seeds(len(cell.seeds)),
            )
            for name, cell in zip(names, cells, strict=True)
            if measured_on(cell) in with_parts
        ),
        notes=(*INTERVALS, *data_notes(cells)),
    )


def deployment_table(evaluation: Evaluation, paper: Paper, timings: Mapping[str, Mapping[str, float]]) -> Table:
    """Return sizes and costs of the exported halves, and times where `timings` (cell -> name -> value) has any."""
    lines = [(name, cell) for name, cell in _lines(evaluation, paper) if "edge_file_bytes" in cell.deployed]
    cells = [cell for _, cell in lines]
    shown = [metric for metric in _DEPLOYED if any(metric in cell.deployed for cell in cells)]
    timed = [name for name in _TIMED if any(name in timings.get(cell.cell, {}) for cell in cells)]
    return Table(
        name="deployment",
        title="What comes out: the exported halves",
        caption="One network of each cell as two ONNX files, dense beside pruned: what the device stores, computes and "
        "sends per image.",
        columns=(
            *labels("Measured on", "Method", "Cell"),
            *_headings(shown),
            *numbers(*(_TIMED[name][0] for name in timed)),
        ),
        rows=tuple(
            row(
                measured_on(cell),
                _name(name, paper),
                cell.cell,
                *(estimate(cell.deployed.get(metric), METRICS[metric].unit) for metric in shown),
                *(_time(timings.get(cell.cell, {}).get(one), _TIMED[one][1]) for one in timed),
            )
            for name, cell in lines
        ),
        notes=(
            "Parameters and operations (multiplications with addition) are those of the exported network.",
            *(("Times are medians for one image on one thread, of the machine that made this report.",) * bool(timed)),
        ),
    )


def _lines(evaluation: Evaluation, paper: Paper) -> list[tuple[str, MeasuredCell]]:
    """Return (method, cell) in the order of the paper's file, others last; empty for papers other than PATROL."""
    if _OWN not in paper.defences:
        return []
    names = cell_names(evaluation)
    order = list(dict.fromkeys([*paper.labels, *names.values()]))
    return [(name, evaluation.cell(cell)) for cell, name in sorted(names.items(), key=lambda one: order.index(one[1]))]


def _order(name: str) -> int:
    return list(_PARTS).index(name)


def _privacy(cells: Sequence[MeasuredCell]) -> list[str]:
    run = {attack for cell in cells for attack in cell.inversions}
    return [f"{attack}_{measure}" for attack in INVERSIONS if attack in run for measure in _QUALITY]


def _measured(cells: Sequence[MeasuredCell], metrics: Sequence[str]) -> list[str]:
    """Return the metrics that any of the cells has."""
    return [metric for metric in metrics if any(metric in cell.numbers for cell in cells)]


def _headings(metrics: Sequence[str]) -> tuple[Column, ...]:
    return numbers(*(heading(metric) for metric in metrics))


def _values(cell: MeasuredCell, metrics: Sequence[str]) -> list[str]:
    return [estimate(cell.numbers.get(metric), METRICS[metric].unit) for metric in metrics]


def _time(value: float | None, unit: float) -> str:
    return ABSENT if value is None else plain(value / unit, "milliseconds")


def _name(name: str, paper: Paper) -> TableCell:
    return (
        TableCell(f"Control: {paper.labels[name]}", "control")
        if name in paper.controls
        else TableCell(paper.labels[name])
    )
