"""How much a colour stands out from another one."""

from matplotlib.colors import to_rgb


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (Web Content Accessibility Guidelines 2.2)."""
    light = []
    for colour in (one, other):
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
        light.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(light) + 0.05) / (min(light) + 0.05)
