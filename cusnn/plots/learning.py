"""Pictures of trainings."""

from __future__ import annotations

import numpy as np

from cusnn.plots.style import INK, SHADES, figure_class, plain


def training(history, *, held_label: str = "test", title: str = ""):
    """One figure: loss and accuracy over the epochs of a training.

    Args:
        history: ``cusnn.training.Epoch``s.
        held_label: what the held-out data are.
        title: over the figure.

    Returns:
        A matplotlib Figure; ``figure.savefig(path)`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    figure = figure_class()(figsize=(9.0, 3.4), dpi=150, layout="constrained")
    epochs = [one.number for one in history]
    for ax, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        held = [getattr(one, f"held_{name}") for one in history]
        curves = {"training": [getattr(one, name) for one in history]}
        curves[held_label] = None if None in held else held
        learning_curve(ax, epochs, curves, ylabel=name)
        if name == "loss":
            ax.set_yscale("log")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK)
    return figure


def learning_curve(ax, epochs, curves: dict, *, ylabel: str = "accuracy"):
    """A line per curve over the epochs of a training, its last value beside it.

    Args:
        ax: matplotlib axes.
        epochs: their numbers [n].
        curves: values [n] by name; nan leaves a gap, None an empty curve.
        ylabel: what the values are.

    Returns:
        ax.
    """
    shown = {name: values for name, values in curves.items() if values is not None}
    for place, (name, values) in enumerate(shown.items()):
        values = np.asarray(values, float)
        style = {"color": SHADES[place % len(SHADES)], "linewidth": 1.6}
        # A single epoch is a point.
        mark = "o" if len(values) == 1 else None
        ax.plot(epochs, values, label=name, marker=mark, markersize=4, **style)
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    ax.xaxis.get_major_locator().set_params(integer=True)
    if shown:
        ax.legend(frameon=False, fontsize=8)
    plain(ax)
    return ax


def confusions(matrix, classes, *, title: str = ""):
    """One figure: a confusion matrix.

    Args:
        matrix, classes: as for ``confusion_matrix``.
        title: over the figure.

    Returns:
        A matplotlib Figure; ``figure.savefig(path)`` writes it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    side = float(np.clip(1.6 + 0.4 * len(classes), 3.5, 12.0))
    figure = figure_class()(figsize=(side, 0.9 * side), dpi=150, layout="constrained")
    ax = confusion_matrix(figure.subplots(), matrix, classes)
    ax.set_title(title, loc="left", fontsize=11, color=INK)
    return figure


def confusion_matrix(ax, matrix, classes):
    """Which class was taken for which: a row for each label, darker where there were more.

    Args:
        ax: matplotlib axes.
        matrix: counts [n, n], or [n, n + 1] with a last column for no answer, which is shown
            where it has any.
        classes: names [n].

    Returns:
        ax.

    Raises:
        ValueError: a matrix of another shape.
    """
    matrix, names = np.asarray(matrix), [str(name) for name in classes]
    n = len(names)
    if matrix.ndim != 2 or matrix.shape[0] != n or matrix.shape[1] not in (n, n + 1):
        raise ValueError(
            f"confusion_matrix: matrix must be [{n}, {n}] or [{n}, {n + 1}], got "
            f"{list(matrix.shape)}"
        )
    columns = list(names)
    if matrix.shape[1] > n:
        matrix, columns = (
            (matrix, [*names, "none"]) if matrix[:, n].any() else (matrix[:, :n], names)
        )
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    # Mistakes are few, and must be seen beside what is right.
    ax.imshow(np.sqrt(shares), cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    size = float(np.clip(110 / max(matrix.shape), 3.0, 9.0))
    for row, column in np.argwhere(matrix > 0):
        shade = "white" if shares[row, column] > 0.4 else INK
        count = f"{matrix[row, column]:,}"
        ax.text(column, row, count, ha="center", va="center", fontsize=size, color=shade)
    ax.set_xticks(range(len(columns)), columns, rotation=0 if n <= 12 else 90)
    ax.set_yticks(range(n), names)
    ax.set_xlabel("answer")
    ax.set_ylabel("label")
    ax.tick_params(length=0)
    plain(ax)
    ax.spines[["left", "bottom"]].set_visible(False)
    return ax
