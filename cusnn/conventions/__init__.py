"""Neurons that follow another library's update order to the bit.

A model trained there keeps its spikes here: the same float32 operations in the same order, one
rounding each, so that spikes and membranes are those of the eager library on the CPU. The classes
are taken wherever ``neuron_forward`` and ``neuron_backward`` take a neuron; their names and the
names and defaults of their arguments are the library's. Each lists what differs from the library,
and what is wrong there.

    library class and arguments                      here
    -----------------------------------------------  ------------------------------------------
    snntorch.Leaky(beta, threshold=1.0,              snntorch.Leaky, the same arguments
        reset_mechanism="subtract",
        reset_delay=True)
    snntorch.Synaptic(alpha, beta, threshold=1.0,    snntorch.Synaptic, the same arguments
        reset_mechanism="subtract",
        reset_delay=True)
    both: spike_grad=surrogate.atan(alpha=2.0)       surrogate=preset("snntorch", "atan",
                                                         alpha=2.0) of neuron_backward
    both: learn_alpha, learn_beta, learn_threshold   coefficients=True of neuron_backward
    both: init_hidden, output                        state and final_state of neuron_forward
    both: inhibition, state_quant,                   none
        surrogate_disable, graded_spikes_factor
    spikingjelly neuron.LIFNode(tau=2.0,             spikingjelly.LIFNode, the same arguments
        decay_input=True, v_threshold=1.0,
        v_reset=0.0, detach_reset=False)
    spikingjelly neuron.ParametricLIFNode(           spikingjelly.ParametricLIFNode, the same
        init_tau=2.0, decay_input=True,                  arguments; the learned w as
        v_threshold=1.0, v_reset=0.0,                    reciprocal_tau = sigmoid(w)
        detach_reset=False)
    both: surrogate_function=Sigmoid(alpha=4.0)      surrogate=preset("spikingjelly", "Sigmoid",
                                                         alpha=4.0) of neuron_backward
    both: step_mode, store_v_seq, backend            none: T steps a call; checkpoints with
                                                         interval=1 are the voltages
    norse.torch.LIF(LIFParameters(tau_syn_inv=200,   norse.LIF(the same arguments, dt=0.001)
        tau_mem_inv=100, v_leak=0, v_th=1,
        v_reset=0, method="super", alpha=100),
        dt=0.001)
    norse.torch.LIFBoxCell(LIFBoxParameters(         norse.LIFBox(the same arguments, dt=0.001)
        tau_mem_inv=100, v_leak=0, v_th=1,
        v_reset=0, method="super", alpha=100,
        reset_method=reset_value), dt=0.001)

What holds for all of them:

- Numbers may be arrays [N], a value per neuron. ``dt`` of the operations has no meaning here.
- ``surrogate=None`` of ``neuron_backward`` is the library's default (``neuron.surrogate``).
- A state that has decayed below 1e-30 is cut to zero, as everywhere in cusnn; the libraries carry
  it down to 1e-45. Bits are equal up to the sign of a zero.
- Gradients are those of the library's autograd within rounding: sums have an order of their own.
- On the GPU PyTorch divides by a number as it multiplies by its reciprocal, so SpikingJelly's
  PyTorch code gives other bits there unless ``tau`` is a power of two. Here it is a division
  everywhere.

Sources: snntorch 1.0.0, spikingjelly 2.0.0 and norse 1.1.0, read from the installed packages.
"""

from cusnn.conventions import norse, snntorch, spikingjelly

__all__ = ["MODELS", "norse", "snntorch", "spikingjelly"]

MODELS: tuple[type, ...] = (
    snntorch.Leaky,
    snntorch.Synaptic,
    spikingjelly.LIFNode,
    spikingjelly.ParametricLIFNode,
    norse.LIF,
    norse.LIFBox,
)
