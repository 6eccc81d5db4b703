"""Training without PyTorch: layers, losses, optimizers and a trainer over the operations.

NumPy arrays are trained on by the CPU, CuPy arrays by the GPU, with the same code.
"""

from cusnn.training.decoders import accuracy, confusion_matrix, decode
from cusnn.training.dense import SpikingDense
from cusnn.training.files import load_model, save_model
from cusnn.training.layers import Activity
from cusnn.training.losses import (
    CrossEntropyCount,
    CrossEntropyMaxMembrane,
    CrossEntropyMeanMembrane,
    LowerRate,
    MSECount,
    UpperRate,
)
from cusnn.training.optimizers import SGD, Adam, Constant, Cosine, Steps
from cusnn.training.readout import Readout
from cusnn.training.recipes import RECIPES, Recipe
from cusnn.training.recurrent import SpikingRecurrent
from cusnn.training.results import Epoch, Evaluation
from cusnn.training.sequential import Sequential
from cusnn.training.trainer import Trainer
from cusnn.training.watch import LayerWarning

__all__ = [
    "RECIPES",
    "SGD",
    "Activity",
    "Adam",
    "Constant",
    "Cosine",
    "CrossEntropyCount",
    "CrossEntropyMaxMembrane",
    "CrossEntropyMeanMembrane",
    "Epoch",
    "Evaluation",
    "LayerWarning",
    "LowerRate",
    "MSECount",
    "Readout",
    "Recipe",
    "Sequential",
    "SpikingDense",
    "SpikingRecurrent",
    "Steps",
    "Trainer",
    "UpperRate",
    "accuracy",
    "confusion_matrix",
    "decode",
    "load_model",
    "save_model",
]
