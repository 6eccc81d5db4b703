"""The handwritten digits that scikit-learn brings with it."""

from __future__ import annotations

import numpy as np

from cusnn.data.values import Values


def digits(steps: int = 25, *, encoding: str = "rate", peak: float = 1.0, seed: int = 0) -> Values:
    """Handwritten digits, 8 x 8 pixels of 17 greys, 1,797 samples of 10 classes; nothing is loaded
    from a network.

    Args:
        steps: T, 1 or more.
        encoding: "rate", "latency" or "direct".
        peak: the probability of a spike per step of a white pixel ("rate").
        seed: of the spikes.

    Raises:
        ImportError: scikit-learn is not installed.

    Source: Alpaydin and Kaynak (1998), doi:10.24432/C50P49, as in scikit-learn's load_digits.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(
            "digits: needs scikit-learn; install it with: pip install 'cusnn[train]'"
        ) from error
    bunch = load_digits()
    values = bunch.images.astype(np.float32) / np.float32(16)
    return Values(values, bunch.target, steps=steps, encoding=encoding, peak=peak, seed=seed)
