"""Published energy models, worked by hand to the last digit, and beside those of other tools."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from cusnn.energy import device, lemaire, peers, yan
from cusnn.energy.shapes import Convolution, Dense

PICO = 1e-12
DENSE = Dense(4, 3)
# 5 x 5 padded by 1, kernel 3, stride 2: 3 x 3 outputs in each of 3 channels.
CONVOLUTION = Convolution(2, 3, in_size=(5, 5), kernel=(3, 3), stride=(2, 2), padding=(1, 1))


def to_the_last_digit(picojoules):
    return pytest.approx(picojoules * PICO, rel=1e-14, abs=0)


def as_dict(counts):
    return {k: v for k, v in dataclasses.asdict(counts).items() if k != "spiking"}


# Shapes


def test_shapes_by_hand():
    assert (DENSE.weights, DENSE.biases, DENSE.kernel_weights, DENSE.targets) == (12, 3, 3, 3)
    assert CONVOLUTION.out_size == (3, 3)
    assert (CONVOLUTION.inputs, CONVOLUTION.outputs) == (50, 27)
    assert (CONVOLUTION.weights, CONVOLUTION.biases, CONVOLUTION.fan_in) == (54, 3, 18)
    # An input meets 3 * 3 weights of 3 channels, and with stride 2 at most 2 * 2 of their outputs.
    assert (CONVOLUTION.kernel_weights, CONVOLUTION.targets) == (27, 12)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_macs_of_a_convolution_are_those_of_its_loops(stride):
    layer = Convolution(2, 3, in_size=(7, 6), kernel=(3, 2), stride=(stride, stride))
    loops = sum(
        1
        for _ in range(layer.out_channels)
        for top in range(0, layer.in_size[0] - layer.kernel[0] + 1, stride)
        for left in range(0, layer.in_size[1] - layer.kernel[1] + 1, stride)
        for _ in range(layer.in_channels * math.prod(layer.kernel))
        if top >= 0 and left >= 0
    )
    assert lemaire.conventional_counts(layer).macs == loops


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(0, 3), ValueError, "inputs must be at least 1, got 0"),
        (lambda: Dense(4, 2.5), TypeError, "outputs must be an integer"),
        (lambda: Convolution(1, 1, (2, 2), (3, 3)), ValueError, "larger than the input"),
        (lambda: Convolution(1, 1, (2, 2, 2), (1, 1)), ValueError, "must be .height, width."),
    ],
)
def test_shapes_refuse_what_cannot_be(make, error, message):
    with pytest.raises(error, match=message):
        make()


# Lemaire et al. 2022


def test_lemaire_spiking_dense_counts_by_hand():
    counts = lemaire.spiking_counts(DENSE, 7, 2, 5)
    assert counts.spiking
    assert as_dict(counts) == {
        "input_reads": 7,
        "weight_reads": 7 * 3,
        "bias_reads": 5 * 3,
        "potential_reads": 7 * 3 + 5 * 3,
        "potential_writes": 7 * 3 + 5 * 3,
        "output_writes": 2,
        "macs": 5 * 3,
        "accs": 7 * 3 + 5 * 3 + 2,
        "address_macs": 0,
        "address_accs": 7 * 3,
    }
    assert lemaire.spiking_counts(DENSE, 7, 2, 5, leak=False).macs == 0


def test_lemaire_spiking_dense_energy_by_hand():
    counts = lemaire.spiking_counts(DENSE, 7, 2, 5)
    energy = lemaire.energy(DENSE, counts, fifo=16)
    # An access: 1.09e-5 * numbers * 32 bits + 13.2.
    assert energy.potential_j == to_the_last_digit(72 * 13.2010464)  # 3 numbers, 36 + 36 accesses
    assert energy.weight_j == to_the_last_digit(21 * 13.2041856)  # 12 numbers
    assert energy.bias_j == to_the_last_digit(15 * 13.2010464)  # 3 numbers
    assert energy.input_output_j == to_the_last_digit((7 + 2) * 13.2055808)  # 16 in the queue
    assert energy.operation_j == to_the_last_digit(15 * 3.2 + 38 * 0.1)
    assert energy.address_j == to_the_last_digit(21 * 0.1)
    # 950.4753408 + 277.2878976 + 198.015696 + 118.8502272
    assert energy.memory_j == to_the_last_digit(1544.6291616)
    assert energy.total_j == to_the_last_digit(1598.5291616)  # + 51.8 + 2.1


def test_lemaire_banked_memory_and_bytes_by_hand():
    counts = lemaire.spiking_counts(DENSE, 7, 2, 5)
    options = {"bits": 8, "fifo": 16, "operations": lemaire.INT8, "memory": "banked"}
    energy = lemaire.energy(DENSE, counts, **options)
    # Eight numbers in each access of 10 pJ: 72 + 21 + 15 + 9 = 117 numbers.
    assert energy.memory_j == to_the_last_digit(117 * 1.25)
    # 146.25 + 15 * 0.23 + 38 * 0.03 + 21 * 0.03
    assert energy.total_j == to_the_last_digit(151.47)
    assert lemaire.banked_memory(10**9, 24) == 5.0  # two numbers of 24 bits in 64


def test_lemaire_conventional_dense_by_hand():
    counts = lemaire.conventional_counts(DENSE)
    assert not counts.spiking
    assert as_dict(counts) == {
        "input_reads": 4,
        "weight_reads": 12,
        "bias_reads": 3,
        "potential_reads": 0,
        "potential_writes": 0,
        "output_writes": 3,
        "macs": 12,
        "accs": 3,
        "address_macs": 0,
        "address_accs": 12,
    }
    energy = lemaire.energy(DENSE, counts)
    assert energy.input_output_j == to_the_last_digit(4 * 13.2013952 + 3 * 13.2010464)
    # 12 * 13.2041856 + 3 * 13.2010464 + 92.40872 + 12 * 3.2 + 3 * 0.1 + 12 * 0.1
    assert energy.total_j == to_the_last_digit(330.3620864)


def test_lemaire_spiking_convolution_by_hand():
    counts = lemaire.spiking_counts(CONVOLUTION, 10, 6, 4)
    assert as_dict(counts) == {
        "input_reads": 10,
        "weight_reads": 10 * 3 * 9,
        "bias_reads": 4 * 27,
        "potential_reads": 270 + 108,
        "potential_writes": 270 + 108,
        "output_writes": 6,
        "macs": 4 * 27,
        "accs": 10 * 2 * 2 * 3 + 4 * 27 + 6,
        "address_macs": 2 * 10,
        "address_accs": 10 * 3 * 9,
    }
    energy = lemaire.energy(CONVOLUTION, counts, fifo=16)
    assert energy.potential_j == to_the_last_digit(756 * 13.2094176)  # 27 numbers
    assert energy.weight_j == to_the_last_digit(270 * 13.2188352)  # 54 numbers
    assert energy.bias_j == to_the_last_digit(108 * 13.2010464)  # 3 numbers
    assert energy.input_output_j == to_the_last_digit(16 * 13.2055808)
    assert energy.operation_j == to_the_last_digit(108 * 3.2 + 234 * 0.1)
    assert energy.address_j == to_the_last_digit(20 * 3.2 + 270 * 0.1)
    # 9986.3197056 + 3569.085504 + 1425.7130112 + 211.2892928 + 369 + 91
    assert energy.total_j == to_the_last_digit(15652.4075136)


def test_lemaire_conventional_convolution_by_hand():
    counts = lemaire.conventional_counts(CONVOLUTION)
    assert as_dict(counts) == {
        "input_reads": 2 * 9 * 27,
        "weight_reads": 2 * 9 * 27,
        "bias_reads": 27,
        "potential_reads": 0,
        "potential_writes": 0,
        "output_writes": 27,
        "macs": 2 * 9 * 27,
        "accs": 27,
        "address_macs": 0,
        "address_accs": 50 + 27 + 27,
    }
    energy = lemaire.energy(CONVOLUTION, counts, memory="banked")
    # (486 + 486 + 27 + 27) * 5 + 486 * 3.2 + 27 * 0.1 + 104 * 0.1
    assert energy.total_j == to_the_last_digit(6698.3)


def test_lemaire_variants_differ_where_they_say():
    def accs(variant):
        return lemaire.spiking_counts(DENSE, 7, 2, 5, variant=variant).accs

    assert accs("article") == 7 * 4 * 3 + 5 * 3
    assert accs("qualia") == accs("spikingjelly") == accs("corrected") == 38

    def addressing(layer, variant):
        return lemaire.spiking_counts(layer, 10, 6, 4, variant=variant).address_accs

    assert addressing(CONVOLUTION, "qualia") == 10 * 9
    assert addressing(CONVOLUTION, "article") == addressing(CONVOLUTION, "corrected") == 270
    assert addressing(DENSE, "qualia") == 10 / 4 * 3
    assert lemaire.conventional_counts(DENSE, variant="spikingjelly").address_accs == 4 + 3
    bare = Dense(4, 3, bias=False)
    assert lemaire.spiking_counts(bare, 7, 2, 5).accs == 38
    assert lemaire.spiking_counts(bare, 7, 2, 5).bias_reads == 0
    assert lemaire.spiking_counts(bare, 7, 2, 5, variant="spikingjelly").accs == 23
    assert lemaire.conventional_counts(bare, variant="spikingjelly").accs == 0


def test_lemaire_layers_add_up():
    one = lemaire.energy(DENSE, lemaire.conventional_counts(DENSE))
    two = lemaire.energy(CONVOLUTION, lemaire.conventional_counts(CONVOLUTION))
    assert (one + two).total_j == pytest.approx(one.total_j + two.total_j, rel=1e-14)
    assert (one + two).address_j == one.address_j + two.address_j


def test_lemaire_line_is_near_horowitz():
    for kib, published in ((8, 10.0), (32, 20.0), (1024, 100.0)):
        assert lemaire.linear_memory(kib * 1024 * 8 // 32, 32) == pytest.approx(published, abs=5)


@pytest.mark.parametrize("layer", [DENSE, CONVOLUTION, Dense(6, 2, bias=False)], ids=str)
def test_lemaire_counts_as_spikingjelly_does(layer):
    import torch
    from spikingjelly.activation_based import functional, neuron, op_counter
    from spikingjelly.activation_based import layer as layers

    steps = 6
    generator = torch.Generator().manual_seed(3)
    if isinstance(layer, Dense):
        shape, synapses = (layer.inputs,), layers.Linear(layer.inputs, layer.outputs, layer.bias)
    else:
        shape, sizes = (layer.in_channels, *layer.in_size), (layer.kernel, layer.stride)
        ends = (layer.in_channels, layer.out_channels)
        synapses = layers.Conv2d(*ends, *sizes, layer.padding)
    torch.nn.init.uniform_(synapses.weight, 0.0, 0.5, generator=generator)
    model = torch.nn.Sequential(synapses, neuron.LIFNode(v_threshold=0.2))
    functional.set_step_mode(model, "m")
    spikes = (torch.rand((steps, 1, *shape), generator=generator) < 0.3).float()
    with torch.no_grad():
        fired = int(model(spikes).count_nonzero())
    functional.reset_net(model)
    config = op_counter.LemaireEnergyConfig(snn_fifo_capacity_elements=16)
    theirs = op_counter.estimate_lemaire_energy(model, spikes, config=config)
    assert fired > 0
    counts = lemaire.spiking_counts(
        layer, int(spikes.count_nonzero()), fired, steps, variant="spikingjelly"
    )
    assert theirs.counts["mac"] == counts.macs
    assert theirs.counts["ac"] == counts.accs
    assert theirs.counts["mac_addr"] == counts.address_macs
    assert theirs.counts["acc_addr"] == counts.address_accs
    assert theirs.counts["read_in_bytes"] == 4 * counts.input_reads
    assert theirs.counts["write_out_bytes"] == 4 * counts.output_writes
    assert theirs.counts["read_params_bytes"] == 4 * (counts.weight_reads + counts.bias_reads)
    assert theirs.counts["read_potential_bytes"] == 4 * counts.potential_reads
    assert theirs.counts["write_potential_bytes"] == 4 * counts.potential_writes
    energy = lemaire.energy(layer, counts, fifo=16, memory="interpolated")
    for part, name in (
        ("ops_pj", "operation_j"),
        ("addressing_pj", "address_j"),
        ("inout_pj", "input_output_j"),
        ("potential_pj", "potential_j"),
    ):
        assert getattr(energy, name) == pytest.approx(theirs.breakdown_pj[part] * PICO), name


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: lemaire.spiking_counts(DENSE, 21, 0, 5), ValueError, "more than one spike per"),
        (lambda: lemaire.spiking_counts(DENSE, 1, 16, 5), ValueError, "more than one spike per"),
        (lambda: lemaire.spiking_counts(DENSE, -1, 0, 5), ValueError, "at least 0, got -1"),
        (lambda: lemaire.spiking_counts(DENSE, math.nan, 0, 5), ValueError, "finite"),
        (lambda: lemaire.spiking_counts(DENSE, "7", 0, 5), TypeError, "must be a number"),
        (lambda: lemaire.spiking_counts(DENSE, 1, 0, 0), ValueError, "steps must be at least 1"),
        (lambda: lemaire.spiking_counts("dense", 1, 0, 5), TypeError, "layer must be"),
        (
            lambda: lemaire.spiking_counts(DENSE, 1, 0, 5, variant="mine"),
            ValueError,
            "variant 'mine' is unknown",
        ),
        (
            lambda: lemaire.energy(DENSE, lemaire.spiking_counts(DENSE, 1, 0, 5)),
            ValueError,
            "needs fifo",
        ),
        (
            lambda: lemaire.energy(DENSE, lemaire.conventional_counts(DENSE), memory="flash"),
            ValueError,
            "memory 'flash' is unknown",
        ),
        (
            lambda: lemaire.energy(DENSE, lemaire.conventional_counts(DENSE), bits=65),
            ValueError,
            "bits must be at most 64",
        ),
        (lambda: lemaire.Operations(add=-0.1), ValueError, "add must be finite and at least 0"),
    ],
)
def test_lemaire_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Yan et al. 2024 to 2026


@pytest.mark.parametrize(
    ("steps", "percent"),
    [(5, 7.50), (6, 6.25), (8, 6.25), (10, 5.00), (16, 3.90), (32, 2.34)],
)
def test_yan_crossovers_with_bytes(steps, percent):
    assert round(100 * yan.Twins((256, 128, 10)).crossover(steps), 2) == percent


@pytest.mark.parametrize(("steps", "percent"), [(6, 16.7), (10, 10.0)])
def test_yan_crossovers_with_equal_weights_are_one_spike_per_synapse(steps, percent):
    rate = yan.Twins((256, 128, 10), snn_weight_bits=None).crossover(steps)
    assert round(100 * rate, 1) == percent
    assert rate == pytest.approx(1 / steps, rel=1e-3)


def test_yan_energies_by_hand():
    # 3-2-1, T 5: W 8, N 2, M 3, b 3. Rate 0.25: 10 synaptic operations, 2.5 hidden spikes.
    twins = yan.Twins((3, 2, 1))
    spiking = 10 * 0.05448 + 5 * 2 * 0.05448 + 2.5 * 0.05448 + 10 * 8 * 20 + 5 * 3 * 8 * 2 * 0.25
    assert spiking == pytest.approx(1661.2258)
    assert twins.spiking_j(0.25, 5) == to_the_last_digit(spiking)
    mac = 3.7 * (3 / 32) ** 2 + 0.9 * (3 / 32)
    quantised = 8 * mac + 8 * 3 * 20 + (3 + 2 + 1) * 3 * 0.25 + 2 * 3 * 0.05448
    assert twins.quantised_j(5) == to_the_last_digit(quantised)


def test_yan_routing_by_hand():
    twins = yan.Twins((3, 2, 1), sparse_hops=2.0)
    plain = yan.Twins((3, 2, 1))
    # 3 inputs and 2 hidden neurons send 0.25 * 5 spikes each, by 2 hops at 3 pJ.
    sent = (3 + 2) * 0.25 * 5 * 2 * 3.0 * PICO
    assert twins.spiking_j(0.25, 5) - plain.spiking_j(0.25, 5) == pytest.approx(sent)
    copied = dataclasses.replace(twins, copies="synapse")
    # Each of the 8 synapses gets its own, and activations too: 8 of 3 bits instead of 6.
    sent = 8 * 0.25 * 5 * 2 * 3.0 * PICO
    assert copied.spiking_j(0.25, 5) - plain.spiking_j(0.25, 5) == pytest.approx(sent)
    more = (8 - 6) * 3 * 0.25 * PICO
    assert copied.quantised_j(5) - plain.quantised_j(5) == pytest.approx(more)


def test_yan_movement_alone_crosses_where_theory_says():
    costs = yan.Costs(0, 0, 0, 0, 0, weight_bit=0, state_bit=0)
    twins = yan.Twins((4096, 64), sparse_hops=1, copies="synapse", costs=costs)
    assert twins.crossover(5) == pytest.approx(3 * 0.25 / (5 * 3.0), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_yan_closed_form_is_where_both_energies_meet(seed):
    random = np.random.default_rng(seed)
    twins = yan.Twins(
        tuple(random.integers(8, 600, 4)),
        snn_weight_bits=int(random.integers(2, 17)),
        qnn_weight_bits=int(random.integers(2, 17)),
        sparse_hops=float(random.uniform(0, 8)),
        copies=("neuron", "synapse")[seed % 2],
    )
    steps = int(random.integers(2, 33))
    low, high = 0.0, 1.0
    assert twins.spiking_j(1.0, steps) > twins.quantised_j(steps)
    for _ in range(60):
        middle = (low + high) / 2
        if twins.spiking_j(middle, steps) < twins.quantised_j(steps):
            low = middle
        else:
            high = middle
    assert twins.crossover(steps) == pytest.approx(low, rel=1e-9)


def test_yan_activations_have_as_many_values_as_the_rate_code():
    for steps in range(1, 200):
        assert yan.activation_bits(steps) == math.ceil(math.log2(steps + 1))
    assert yan.activation_bits(np.array([1, 3, 4, 15, 16])).tolist() == [1, 2, 3, 4, 5]


def test_yan_sensitivity_is_a_row_per_value():
    twins, steps = yan.Twins(), np.array([5, 6, 10])
    rows = yan.sensitivity(twins, steps, "snn_weight_bits", [None, 4, 8, 16])
    assert rows.shape == (4, 3)
    assert rows[2] == pytest.approx(twins.crossover(steps))
    # Weights of half the width move twice as far.
    assert rows[1] / rows[2] == pytest.approx(2.0, rel=0.01)
    assert rows[0] == pytest.approx(1 / steps, rel=0.01)
    prices = yan.sensitivity(
        yan.Twins(sparse_hops=1, copies="synapse"), steps, "sparse_bit_hop", [0, 3]
    )
    assert np.all(prices[1] < prices[0])
    dearer = yan.sensitivity(yan.Twins(copies="synapse"), steps, "dense_bit_hop", [0.25, 2.5])
    assert np.all(dearer[1] > dearer[0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: yan.Twins().spiking_j(1.5, 5),
            ValueError,
            "at most one spike per neuron and step",
        ),
        (lambda: yan.Twins().spiking_j(-0.1, 5), ValueError, "between 0 and 1, got -0.1"),
        (lambda: yan.Twins().spiking_j(math.nan, 5), ValueError, "finite"),
        (lambda: yan.Twins().crossover(0), ValueError, "steps must be at least 1"),
        (lambda: yan.Twins().crossover(2.5), TypeError, "steps must be an integer"),
        (lambda: yan.Twins().crossover(np.array([5, 0])), ValueError, "at least 1, got 0"),
        (lambda: yan.Twins((256,)), ValueError, "at least two layers"),
        (lambda: yan.Twins(copies="core"), ValueError, "copies 'core' is unknown"),
        (lambda: yan.Twins(sparse_hops=-1), ValueError, "sparse_hops must be finite"),
        (lambda: yan.Costs(weight_bit=math.inf), ValueError, "weight_bit must be finite"),
        (lambda: yan.sensitivity(yan.Twins(), 5, "colour", [1]), ValueError, "'colour' is unknown"),
    ],
)
def test_yan_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


# The package


def test_models_and_prices_need_numpy_alone():
    code = """
import sys
import cusnn.energy as energy
energy.crossover.cost_model()
energy.peers.syops(1, 1)
energy.lemaire.VARIANTS, energy.yan.Twins().crossover(5), energy.thresholds, energy.shapes
workload = energy.Workload("w", {"all": energy.OpCounts()}, 1, 1, 1)
energy.compare(workload, seconds=1.0, hops_per_spike=1.0)
energy.metrics
heavy = {"numba", "torch", "matplotlib", "pandas", "cupy", "scipy", "pynvml", "rich"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert {"crossover", "lemaire", "metrics", "estimate"} <= set(dir(energy))
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# KerasSpiking, syops-counter, SpikingJelly


def test_keras_spiking_on_its_documented_example():
    # Dense 784 -> 128 with ReLU on a CPU: "8.64e-04"; on the device registered there: "1.03e-05".
    cpu = peers.keras_spiking(784 * 128, 128, "cpu")
    assert f"{cpu.total_j:0.2e}" == "8.64e-04"
    assert cpu.total_j == pytest.approx((100352 + 128) * 8.6e-9, rel=1e-14)
    mine = peers.KerasSpikingDevice(False, 1e-10, 2e-9)
    assert f"{peers.keras_spiking(784 * 128, 128, mine).total_j:0.2e}" == "1.03e-05"
    assert any("3.5" in caveat for caveat in cpu.caveats)


def test_keras_spiking_on_a_spiking_device_by_hand():
    # 50 Hz at 1 ms is 0.05 spikes per step, for 10 steps.
    found = peers.keras_spiking(1000, 20, "loihi", rate_hz=50.0, steps=10)
    assert found.parts["synapses"] == pytest.approx(1000 * 0.05 * 10 * 27.1e-12, rel=1e-12)
    assert found.parts["neurons"] == pytest.approx(20 * 10 * 81e-12, rel=1e-12)
    # A conventional device computes everything, once.
    cpu = peers.keras_spiking(1000, 20, "cpu", rate_hz=50.0, steps=10)
    assert cpu.total_j == pytest.approx(1020 * 8.6e-9, rel=1e-12)


@pytest.mark.parametrize(
    ("acs", "macs", "millijoules"),
    [
        (0.10e9, 0.14e9, "0.734"),  # spiking_resnet18
        (0.50e9, 2.75e9, "13.10"),  # sew_resnet18
        (1.69e9, 0.20e9, "2.44"),  # DSNN18
        (0.00e9, 1.82e9, "8.372"),  # resnet18
    ],
)
def test_syops_on_its_published_table(acs, macs, millijoules):
    digits = len(millijoules.split(".")[1])
    assert f"{1000 * peers.syops(acs, macs).total_j:.{digits}f}" == millijoules


def test_syops_layers_add_up_to_its_resnet18():
    """1.82 GMAC, of which convolutions and the classifier are all but 0.5 %."""
    layers = [Convolution(3, 64, (224, 224), (7, 7), (2, 2), (3, 3), bias=False)]
    channels, size = 64, 56
    for width in (64, 128, 256, 512):
        for block in range(2):
            stride = 2 if width > 64 and block == 0 else 1
            entry = (size, size)
            layers.append(
                Convolution(channels, width, entry, (3, 3), (stride,) * 2, (1, 1), bias=False)
            )
            if channels != width:
                layers.append(
                    Convolution(channels, width, entry, (1, 1), (stride,) * 2, bias=False)
                )
            size //= stride
            layers.append(
                Convolution(width, width, (size,) * 2, (3, 3), padding=(1, 1), bias=False)
            )
            channels = width
    layers.append(Dense(512, 1000))
    assert sum(layer.weights for layer in layers) == pytest.approx(11.69e6, rel=2e-3)
    total = sum(peers.syops_layer(layer)[1] for layer in layers)
    assert total == pytest.approx(1.82e9, rel=5e-3)


def test_syops_layer_by_hand():
    assert peers.syops_layer(DENSE) == (0, 4 * 3 + 3)
    assert peers.syops_layer(DENSE, rate=0.2, steps=4) == (pytest.approx(4 * 15 * 0.2), 0)
    assert peers.syops_layer(CONVOLUTION) == (0, 2 * 9 * 27 + 27)


def test_spikingjelly_by_hand():
    # 1000 * 0.4 + 10 * 1.5 and 100 bytes at 24.96
    found = peers.spikingjelly(1000, 10, precision="float16", memory_bytes=100)
    assert found.total_j == to_the_last_digit(415 + 2496)
    assert peers.spikingjelly(10, 100).total_j == to_the_last_digit(9 + 460)


def test_spikingjelly_as_it_computes_itself():
    import torch
    from spikingjelly.activation_based import layer, neuron, op_counter

    model = torch.nn.Sequential(layer.Linear(20, 7), neuron.IFNode())
    spikes = (torch.rand((1, 20), generator=torch.Generator().manual_seed(1)) < 0.4).float()
    theirs = op_counter.estimate_simple_energy(model, spikes)
    counts = theirs.counts
    ours = peers.spikingjelly(
        counts["ac"], counts["mac"], memory_bytes=counts["memory_access_bytes"]
    )
    assert counts["ac"] > 0
    assert counts["memory_access_bytes"] > 0
    assert ours.total_j == pytest.approx(theirs.energy_total_pj * PICO, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: peers.keras_spiking(1, 1, "abacus"), ValueError, "device 'abacus' is unknown"),
        (lambda: peers.keras_spiking(1, 1, "loihi"), ValueError, "needs rate_hz"),
        (
            lambda: peers.keras_spiking(1, 1, "loihi", rate_hz=1500.0),
            ValueError,
            "at most one spike per neuron and step, got 1.5",
        ),
        (lambda: peers.keras_spiking(-1, 1, "cpu"), ValueError, "connections must be at least 0"),
        (lambda: peers.keras_spiking(1, 1, "cpu", steps=0), ValueError, "steps must be at least 1"),
        (lambda: peers.syops(-1, 0), ValueError, "acs must be finite and at least 0"),
        (lambda: peers.syops(1, math.nan), ValueError, "macs must be finite"),
        (lambda: peers.syops_layer(DENSE, rate=1.1), ValueError, "at most one spike"),
        (lambda: peers.syops_layer("dense"), TypeError, "layer must be"),
        (lambda: peers.spikingjelly(1, 1, precision="int4"), ValueError, "'int4' is unknown"),
        (lambda: peers.spikingjelly(None, 1), TypeError, "acs must be a number"),
    ],
)
def test_peers_refuse(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_constants_are_those_of_the_table_of_devices():
    def prices(name):
        return {price.term: price.value for price in device(name).prices}

    published = prices("lemaire45")
    assert (lemaire.INT32.add, lemaire.INT32.multiply) == (
        published["int32_add"],
        published["int32_mul"],
    )
    assert (lemaire.INT8.add, lemaire.INT8.multiply) == (
        published["int8_add"],
        published["int8_mul"],
    )
    assert lemaire.linear_memory(0, 32) == published["sram_offset"]
    assert lemaire.linear_memory(1000, 1) - 13.2 == pytest.approx(1000 * published["sram_slope"])
    assert lemaire.banked_memory(1, 64) == published["sram_bank_64bit"]
    published, costs = prices("yan22"), yan.Costs()
    assert costs.accumulate == published["accumulate"]
    assert (costs.compare, costs.subtract) == (published["compare"], published["subtract"])
    assert costs.weight_bit == published["dram_per_bit"]
    assert costs.dense_bit_hop == published["onchip_dense_per_bit_hop"]
    assert costs.sparse_bit_hop == published["onchip_sparse_per_bit_hop"]
    horowitz = prices("horowitz45")
    assert (costs.add, costs.multiply) == (horowitz["fp32_add"], horowitz["fp32_mul"])
    assert (horowitz["fp32_ac"], horowitz["fp32_mac"]) == (peers.SYOPS_AC, peers.SYOPS_MAC)
    for precision, short in (("float32", "fp32"), ("float16", "fp16"), ("int8", "int8")):
        pair = horowitz[f"{short}_ac"], horowitz[f"{short}_mac"]
        assert peers.SPIKINGJELLY_PRICES[precision] == pair
