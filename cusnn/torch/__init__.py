"""PyTorch modules over the operations of ``cusnn.ops``.

    import cusnn.torch as ct

    model = nn.Sequential(
        nn.Conv2d(2, 12, 5),                      # of [T * B, C, H, W]
        nn.Unflatten(0, (T, B)),
        ct.LIF(tau_mem=10.0, r=10.0, learn=("tau_mem", "v_threshold")),
        nn.Flatten(2),
        nn.Linear(12 * 30 * 30, 10),
        ct.LI(tau_mem=20.0),                      # a readout that does not spike
    )

Modules take and return [T, B, ...], run all T steps in one call, and keep no state unless
``stateful``. ``LIF``, ``CubaLIF``, ``ALIF`` and ``LI`` have the parameters and equations of
``cusnn.neurons``: times in ms, ``dt`` 1 ms. ``SpikingLinear`` is a linear layer and its neurons in
one operation, whose time grows with the spikes; ``Recurrent`` feeds spikes back a step later.

Moving a model over, by one line each; modules of another library's name follow its update order to
the bit, and take its arguments and calls (what differs stands in their docstrings):

    snntorch.Leaky(beta=0.9)                      cusnn.torch.snntorch.Leaky(beta=0.9)
    snntorch.Synaptic(alpha=0.8, beta=0.9)        cusnn.torch.snntorch.Synaptic(alpha=0.8, beta=0.9)
    neuron.LIFNode(tau=2.0)                       cusnn.torch.spikingjelly.LIFNode(tau=2.0)
    neuron.ParametricLIFNode(init_tau=2.0)        cusnn.torch.spikingjelly.ParametricLIFNode(...)
    norse.torch.LIF(p)                            cusnn.torch.norse.LIF(p)
    norse.torch.LIFBoxCell(p)                     cusnn.torch.norse.LIFBoxCell(p)
    utils.reset(net), functional.reset_net(net)   cusnn.torch.reset(net)
    detach_hidden(), functional.detach_net(net)   cusnn.torch.detach(net)

The same dynamics in cusnn's own words, where bits do not matter:

    snntorch.Leaky(beta)                ct.LIF(tau_mem=-1 / log(beta), input="voltage",
                                            reset="soft", v_reset=1 - 1 / beta)
    with reset_mechanism="zero"         ct.LIF(tau_mem=-1 / log(beta), input="voltage")
    neuron.LIFNode(tau)                 ct.LIF(tau_mem=tau, integration="euler")
    norse.torch.LIFBoxCell(p)           ct.LIF(tau_mem=1 / (dt * p.tau_mem_inv),
                                            integration="euler")

What to know:

- CPU tensors are shared with Numba without a copy; CUDA tensors go to CuPy through DLPack, on
  PyTorch's current stream and in its memory.
- State is float32 whatever comes in. Of 16-bit tensors the spikes have their dtype; on the CPU
  they are converted to float32 and back, and so is bfloat16 on a GPU without ``ml_dtypes``.
- Learnt parameters are free numbers that stand for physical values in their valid range (see
  ``cusnn.torch.parameters``); ``module.values()`` and ``module.neuron`` give the physical ones.
  On a GPU a module that learns waits for its parameters once a call.
- Gradients are surrogate gradients; they cannot be differentiated again. Without gradients
  (``torch.no_grad``) nothing is kept for a way back.
- Of ``torch.func``, ``functional_call`` works; ``grad``, ``vmap`` and ``jvp`` do not go through the
  modules and say so.
- ``torch.compile`` runs the modules as they are, between the graphs that it makes.
- Copies under ``DataParallel`` work without state; with ``stateful`` use DistributedDataParallel.
- On the CPU, numbers that are not finite are an error; on a GPU, where nobody waits, they go on.
"""

try:
    import torch  # noqa: F401  first, for the message where it is missing
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'cusnn.torch needs PyTorch: pip install "cusnn[torch]"', name="torch"
    ) from error

from cusnn.torch.layers import LI, Recurrent, SpikingLinear
from cusnn.torch.neurons import ALIF, LIF, CubaLIF, Neurons

__all__ = ["ALIF", "LI", "LIF", "CubaLIF", "Recurrent", "SpikingLinear", "detach", "reset"]


def reset(model) -> None:
    """``reset`` of every module of this package in a model."""
    _each(model, "reset")


def detach(model) -> None:
    """``detach`` of every module of this package in a model."""
    _each(model, "detach")


def _each(model, method: str) -> None:
    for module in model.modules():
        if isinstance(module, (Neurons, Recurrent)):
            getattr(module, method)()
