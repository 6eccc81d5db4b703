"""Files of trained models and of trainings that go on: a JSON header and arrays.

A zip as ``numpy.savez`` writes it; nothing in it is executed. It says nothing of backends, so that
it moves between CPU and GPU.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import fields

import numpy as np

from cusnn import neurons, surrogates
from cusnn.training.dense import SpikingDense
from cusnn.training.layers import Layer, library_of
from cusnn.training.readout import Readout
from cusnn.training.recurrent import SpikingRecurrent
from cusnn.training.sequential import Sequential

FORMAT = "cusnn-training"
VERSION = 1
PARAMETER = "parameter:"
# Of a layer, what only its parameters at the beginning depend on.
AT_FIRST = ("input_rate", "static_input", "xi", "steps", "seed", "recurrent_rate")
LAYERS = {kind.__name__: kind for kind in (SpikingDense, SpikingRecurrent, Readout)}


def save_model(path, model: Sequential, about: dict | None = None) -> None:
    """Write a model, whole or not at all.

    Args:
        path: of the file; ".npz" is customary, and not added.
        model: its layers, neurons and parameters are written.
        about: what else to keep, for JSON.

    Raises:
        OSError: the file cannot be written.
        TypeError: ``about`` holds what JSON does not take.
    """
    write(path, {"about": about or {}}, model)


def load_model(path, *, backend: str | None = None) -> tuple[Sequential, dict]:
    """Read a model, or that of a training's checkpoint; its parameters are NumPy arrays.

    Args:
        path: what ``save_model`` or ``Trainer`` wrote.
        backend: as for ``Sequential``.

    Returns:
        The model, and what was kept about it.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file of another kind, of another version, or a damaged one.
    """
    header, arrays = read(path)
    try:
        model = Sequential([_layer(one) for one in header["layers"]], backend=backend)
        about = dict(header["about"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, f"its layers cannot be made: {error}") from error
    restore(path, model, arrays)
    return model, about


def write(path, header: dict, model: Sequential, arrays: dict | None = None) -> None:
    """Write a header, a model and further arrays beside the path, then rename."""
    path = os.fspath(path)
    part = f"{path}.{secrets.token_hex(4)}.part"
    header = {
        "format": FORMAT,
        "version": VERSION,
        "layers": [_described(layer) for layer in model.layers],
        **header,
    }
    found = {PARAMETER + name: value for name, value in model.parameters.items()}
    found.update(arrays or {})
    host = {name: on_host(value) for name, value in found.items()}
    text = json.dumps(header)
    try:
        with open(part, "xb") as file:
            np.savez(file, header=text, **host)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(part)
        if isinstance(error, OSError) and error.errno is not None:
            # The file that was asked for is what the caller knows.
            raise OSError(error.errno, error.strerror, path) from error
        raise


def read(path) -> tuple[dict, dict[str, np.ndarray]]:
    """Header and arrays.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a folder, a file of another kind, of another version, or a damaged one.
    """
    try:
        # numpy.load leaves a file open that turns out to be none of its own.
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["format"] != FORMAT:
                raise KeyError(header["format"])
            if header["version"] == VERSION:
                return header, {name: file[name] for name in file.files if name != "header"}
    except OSError as error:
        if isinstance(error, (FileNotFoundError, PermissionError)):
            raise
        raise _foreign(path) from error
    except Exception as error:
        raise _foreign(path) from error
    raise ValueError(
        f"training: {path} has version {header['version']}, this version of cusnn reads "
        f"{VERSION}; load it with the version that wrote it"
    )


def restore(path, model: Sequential, arrays: dict[str, np.ndarray], layers=None) -> None:
    """Copy parameters into a model.

    Args:
        path: of the file, for messages.
        model: changed, where everything fits.
        arrays: what ``read`` returned.
        layers: the header's description of the layers, for a model that must be the same; None
            for one that was made from it.

    Raises:
        ValueError: other names or shapes than the model's, or numbers that are not finite.
    """
    stored = {
        name.removeprefix(PARAMETER): value
        for name, value in arrays.items()
        if name.startswith(PARAMETER)
    }
    own = model.parameters
    if set(stored) != set(own):
        raise ValueError(
            f"training: {path} is of another model: it holds {_listed(stored)}, the model has "
            f"{_listed(own)}"
        )
    for name, value in stored.items():
        if value.shape != own[name].shape or value.dtype != np.float32:
            raise ValueError(
                f"training: {path} is of another model: {name} is {value.dtype} "
                f"{list(value.shape)} there, float32 {list(own[name].shape)} in the model; make "
                f"the model with the sizes it was trained with"
            )
        if not np.isfinite(value).all():
            raise _damaged(path, f"{name} is not finite")
    if layers is not None:
        for described, layer in zip(layers, model.layers, strict=True):
            wanted = json.loads(json.dumps(_described(layer)))
            check_same(path, described, {k: v for k, v in wanted.items() if k not in AT_FIRST})
    for name, value in stored.items():
        own[name][...] = library_of(own[name]).asarray(value)


def check_same(path, stored: dict, wanted: dict) -> None:
    """ValueError where a file's settings are not those that are wanted, nested or not."""
    for name, value in wanted.items():
        other = stored.get(name)
        if isinstance(value, dict) and isinstance(other, dict):
            check_same(path, other, value)
        elif other != value:
            raise ValueError(
                f"resume: {path} is of a training with {name} {other}, got {value}; give the "
                f"settings it began with, or begin anew"
            )


def on_host(array) -> np.ndarray:
    """A NumPy array, copied from the GPU where it is there."""
    return array if isinstance(array, np.ndarray) else array.get()


def _described(layer: Layer) -> dict:
    neuron = layer.dynamics.template
    return {
        "kind": type(layer).__name__,
        **layer.describe(),
        "neuron": {"kind": type(neuron).__name__, **_fields(neuron)},
        "surrogate": {"kind": type(layer.surrogate).__name__, **_fields(layer.surrogate)},
    }


def _fields(record) -> dict:
    found = {field.name: getattr(record, field.name) for field in fields(record)}
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found.items()}


def _layer(described: dict) -> Layer:
    options = dict(described)
    kind = LAYERS[options.pop("kind")]
    options["neuron"] = _made(neurons, options["neuron"])
    surrogate = _made(surrogates, options.pop("surrogate"))
    options["learn"] = tuple(options["learn"])
    if kind.spiking:
        return kind(**options, surrogate=surrogate)
    options.pop("detach_reset")
    return kind(**options)


def _made(module, described: dict):
    """A frozen record of a module's public class."""
    kind = described["kind"]
    if kind not in module.__all__:
        raise ValueError(f"there is no {kind}")
    return getattr(module, kind)(**{k: v for k, v in described.items() if k != "kind"})


def _listed(parameters: dict) -> str:
    return ", ".join(sorted(parameters)) or "no parameters"


def _foreign(path) -> ValueError:
    return ValueError(f"training: {path} is not a whole file of a cusnn model or training")


def _damaged(path, reason) -> ValueError:
    return ValueError(f"training: {path} is damaged: {reason}; take an older one")
