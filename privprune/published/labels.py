"""The names of methods in tables, figures and on the page: each has one, and it stands here.

A paper's file repeats the names of its rows, so that it can be read alone; it is refused where it spells one otherwise.
"""

from privprune.published.metric import INVERSIONS

METHODS = {
    # defences of what a network answers
    "baseline": "Baseline",
    "mia_pruning": "MIA-Pruning",
    "min_max": "Min-Max",
    "mia_pruning+min_max": "MIA-Pruning & Min-Max",
    "dp": "DP-SGD",
    "dense_same_epochs": "Dense, same extra epochs",
    "random_mask": "Random mask, same sparsity",
    "small_dense": "Small dense network",
    "early_stop": "Early stop at matched accuracy",
    "magnitude": "One-shot magnitude pruning, same sparsity",
    "mild_pruning": "MIA-Pruning at a mild sparsity, two to four times fewer weights",
    "eightfold_pruning": "MIA-Pruning, eight times fewer weights",
    "confidence_penalty": "Confidence penalty",
    "ppb": "PPB",
    "mia_pruning+ppb": "MIA-Pruning & PPB",
    "relaxloss": "RelaxLoss",
    "hamp": "HAMP",
    # defences of what a network sends
    "none": "No defence",
    "bottleneck": "Bottleneck",
    "noise": "Noise",
    "distance_correlation": "DistCorr",
    "dropout": "Dropout",
    "patrol_as_in_cem": "PATROL as in CEM",
    "resfl": "ResSFL",
    "noise_nopeek": "Noise_NoPeek",
    "noise_arl": "Noise_ARL",
    "top_k": "Top-k",
    "laplace": "Laplace noise",
    "local_dp": "Local DP",
    "gaussian": "Bottleneck, more noise",
    "cem_other_form": "CEM as written in the paper",
    "patrol": "PATROL",
}
_WITH_CEM = "+cem"
_ATTACKS = {"nasr": "Nasr", "rahman": "Rahman", "lira": "LiRA", "rmia": "RMIA", "lmmse": "LMMSE", "gan": "GAN"}


def method_label(name: str) -> str | None:
    """Return the name of a method, with `+CEM` where CEM is added to it; None for a method without a declared name."""
    base = name.removesuffix(_WITH_CEM)
    label = METHODS.get(base)
    return label if label is None or base == name else f"{label}+CEM"


def attack_label(name: str) -> str:
    """Return the name of an attack: `lira_online_fixed` gives `LiRA online fixed`."""
    kind, _, queries = name.rpartition("_") if name[-1:].isdigit() else (name, "", "")
    if kind in INVERSIONS:
        return f"{INVERSIONS[kind]} {queries}".strip()
    first, _, rest = name.partition("_")
    known = _ATTACKS.get(first)
    return f"{known} {words(rest).lower()}".strip() if known else words(name)


def words(name: str) -> str:
    """Return an identifier as words: `label_only` gives `Label only`."""
    spaced = name.replace("_", " ").strip()
    return spaced[:1].upper() + spaced[1:]
