"""Closed forms against bisection on explicit energies, published thresholds, pictures."""

import dataclasses
import math

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cusnn import plots
from cusnn.energy import OpCounts, Workload, crossover, device, thresholds, verdict, yan
from cusnn.energy.crossover import CostModel, Layer

PICO = 1e-12
MODEL = CostModel("by hand", 0.1, 3.1, 32, 0.3125, 0.15625, 0.25, 3.0)


def spiking_by_hand(model, layer, rate):
    """pJ of one neuron, an item at a time."""
    bits = layer.state_bits
    add, copies = model.add * bits / model.operand_bits, {"neuron": 1, "synapse": layer.fan_in}
    total = 0.0
    for _ in range(int(layer.steps)):
        for _ in range(int(layer.fan_in)):
            total += rate * (add + layer.snn_weight_bits * model.weight_bit)
        total += add  # threshold
        if layer.leak:
            total += model.multiply * bits * bits / model.operand_bits**2
        total += bits * model.state_bit  # read
        total += bits * model.state_bit  # write
        total += rate * add  # reset
        total += rate * copies[layer.copies] * layer.hops * (model.sparse_bit_hop or 0)
    return total


def conventional_by_hand(model, layer):
    bits = int(layer.steps).bit_length() if layer.activation_bits is None else layer.activation_bits
    stored = layer.conventional_weight_bits
    add, copies = model.add * layer.state_bits / model.operand_bits, {"neuron": 1}
    copies["synapse"] = layer.fan_in
    total = add + 2 * bits * model.state_bit
    for _ in range(int(layer.fan_in)):
        total += layer.density * model.multiply * stored * bits / model.operand_bits**2
        total += layer.density * add
        total += layer.density * stored * model.weight_bit / layer.weight_reuse
    return total + copies[layer.copies] * bits * layer.hops * (model.dense_bit_hop or 0)


def random_case(seed):
    random = np.random.default_rng(seed)
    model = CostModel(
        "random",
        add=random.uniform(0.01, 1),
        multiply=random.uniform(0.1, 4),
        operand_bits=int(random.choice([8, 16, 32])),
        weight_bit=random.uniform(0.1, 20),
        state_bit=random.uniform(0.01, 0.3),
        dense_bit_hop=random.uniform(0.1, 1),
        sparse_bit_hop=random.uniform(0.1, 4),
    )
    layer = Layer(
        fan_in=int(random.integers(64, 400)),
        steps=int(random.integers(2, 20)),
        snn_weight_bits=int(random.integers(2, 17)),
        conventional_weight_bits=int(random.integers(2, 17)),
        state_bits=int(random.integers(8, 33)),
        activation_bits=(None, 4)[seed % 2],
        density=random.uniform(0.3, 1),
        weight_reuse=random.uniform(1, 3),
        hops=float(seed % 3),
        copies=("neuron", "synapse")[seed % 2],
        leak=bool(seed % 4 == 3),
    )
    return model, layer


def bisected(difference, low, high):
    """Where a rising difference is 0."""
    assert difference(low) < 0 < difference(high)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if difference(middle) < 0 else (low, middle)
    return low


SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_energies_are_the_sums_by_hand(seed):
    model, layer = random_case(seed)
    for rate in (0.0, 0.05, 1.0):
        found = crossover.spiking_j(model, layer, rate)
        assert found == pytest.approx(spiking_by_hand(model, layer, rate) * PICO, rel=1e-12)
    found = crossover.conventional_j(model, layer)
    assert found == pytest.approx(conventional_by_hand(model, layer) * PICO, rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_crossover_rate_is_where_they_meet(seed):
    model, layer = random_case(seed)
    cost = conventional_by_hand(model, layer)
    at_rest, full = (spiking_by_hand(model, layer, rate) for rate in (0.0, 1.0))
    # Energies by hand are affine in the rate; beyond 1 they are extended.
    found = bisected(lambda rate: at_rest + rate * (full - at_rest) - cost, -5.0, 50.0)
    assert crossover.crossover_rate(model, layer) == pytest.approx(found, rel=1e-9)
    if 0 < found < 1:
        below, above = (crossover.spiking_j(model, layer, found * by) for by in (0.99, 1.005))
        assert below < crossover.conventional_j(model, layer) < above


@pytest.mark.parametrize("seed", SEEDS)
def test_crossover_steps_is_where_they_meet(seed):
    model, layer = random_case(seed)
    layer = dataclasses.replace(layer, activation_bits=5)
    per_step = spiking_by_hand(model, dataclasses.replace(layer, steps=1), 0.03)
    cost = conventional_by_hand(model, layer)
    found = bisected(lambda steps: steps * per_step - cost, 0.0, 1e4)
    assert crossover.crossover_steps(model, layer, 0.03) == pytest.approx(found, rel=1e-9)
    fewer = dataclasses.replace(layer, steps=max(1, math.floor(found)))
    if found > 1:
        less = crossover.spiking_j(model, fewer, 0.03)
        assert less <= crossover.conventional_j(model, fewer)


def test_crossover_fan_in_is_where_they_meet():
    layer = Layer(steps=5, snn_weight_bits=8)

    def difference(fan_in):
        # Falls: above the crossover the inputs that never come outweigh the membrane.
        at = dataclasses.replace(layer, fan_in=fan_in)
        return spiking_by_hand(MODEL, at, 0.05) - conventional_by_hand(MODEL, at)

    found = crossover.crossover_fan_in(MODEL, layer, 0.05)
    assert 2 < found < 100
    assert difference(math.floor(found)) > 0 > difference(math.ceil(found))
    at = dataclasses.replace(layer, fan_in=found)
    pair = crossover.spiking_j(MODEL, at, 0.05), crossover.conventional_j(MODEL, at)
    assert pair[0] == pytest.approx(pair[1], rel=1e-12)
    # At a spike in every step no fan-in helps.
    assert math.isnan(crossover.crossover_fan_in(MODEL, layer, 1.0))
    # Where weights are dear the lines meet below one input: spiking needs less at every fan-in.
    dear = dataclasses.replace(MODEL, weight_bit=20.0)
    assert math.isnan(crossover.crossover_fan_in(dear, layer, 0.05))
    several = crossover.crossover_fan_in(MODEL, layer, np.array([0.05, 1.0]))
    assert several[0] == found
    assert math.isnan(several[1])


@pytest.mark.parametrize("seed", SEEDS)
def test_crossover_weight_bits_is_where_they_meet(seed):
    model, layer = random_case(seed)
    cost = conventional_by_hand(model, layer)

    def difference(bits):
        at = dataclasses.replace(layer, snn_weight_bits=1)
        more = layer.steps * 0.05 * layer.fan_in * (bits - 1) * model.weight_bit
        return spiking_by_hand(model, at, 0.05) + more - cost

    found = bisected(difference, -1e4, 1e4)
    assert crossover.crossover_weight_bits(model, layer, 0.05) == pytest.approx(found, rel=1e-8)


def test_crossovers_broadcast():
    steps, fan_in = np.array([2, 5, 10]), np.array([[32.0], [256.0]])
    found = crossover.crossover_rate(MODEL, Layer(fan_in=fan_in, steps=steps))
    assert found.shape == (2, 3)
    for row, inputs in enumerate(fan_in[:, 0]):
        for column, count in enumerate(steps):
            one = crossover.crossover_rate(MODEL, Layer(fan_in=inputs, steps=int(count)))
            assert found[row, column] == pytest.approx(one, rel=1e-14)


def test_spiking_needs_less_with_fewer_bits_steps_and_spikes():
    layer = Layer()
    rates = np.linspace(0, 1, 11)
    assert np.all(np.diff(crossover.spiking_j(MODEL, layer, rates)) > 0)
    widths = Layer(snn_weight_bits=np.array([2, 4, 8, 16]))
    assert np.all(np.diff(crossover.crossover_rate(MODEL, widths)) < 0)
    reuse = Layer(weight_reuse=np.array([1, 2, 4, 8]))
    assert np.all(np.diff(crossover.crossover_rate(MODEL, reuse)) < 0)
    shares = Layer(density=np.array([0.25, 0.5, 1.0]))
    assert np.all(np.diff(crossover.crossover_rate(MODEL, shares)) > 0)


def test_cost_model_is_built_from_the_table_of_devices():
    model = crossover.cost_model("sram_8kib")
    assert (model.add, model.multiply, model.operand_bits) == (0.1, 3.1, 32)
    assert model.weight_bit == model.state_bit == 10 / 64
    assert crossover.cost_model("dram").weight_bit == pytest.approx(1300 / 64)
    assert (model.dense_bit_hop, model.sparse_bit_hop) == (0.25, 3.0)
    # Prices of 8 and 16 bits that are published are near those scaled from 32.
    published = {price.term: price.value for price in device("horowitz45").prices}
    assert model.addition(16) == pytest.approx(published["int16_add"], rel=1e-12)
    assert model.addition(8) == pytest.approx(published["int8_add"], rel=0.2)
    assert model.multiplication(8, 8) == pytest.approx(published["int8_mul"], rel=0.05)


def test_reuse_of_weights_spans_the_published_band():
    """Without reuse about one spike per synapse crosses; with some, as few as Dampfhoffer's."""
    model, layer = crossover.cost_model(), Layer(fan_in=1024, steps=5, state_bits=16)
    low, high = thresholds.DAMPFHOFFER.low, thresholds.DAMPFHOFFER.high
    assert low < 5 * crossover.crossover_rate(model, layer) < high
    reused = dataclasses.replace(layer, weight_reuse=16)
    assert 5 * crossover.crossover_rate(model, reused) < low


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: crossover.spiking_j(MODEL, Layer(), 1.2), ValueError, "at most one spike per"),
        (lambda: crossover.spiking_j(MODEL, Layer(), -0.2), ValueError, "between 0 and 1"),
        (lambda: crossover.spiking_j(MODEL, Layer(), math.nan), ValueError, "finite"),
        (lambda: crossover.spiking_j(MODEL, Layer(), "often"), TypeError, "must be a number"),
        (lambda: Layer(steps=0), ValueError, "steps must be at least 1"),
        (lambda: Layer(steps=2.0), TypeError, "steps must be an integer"),
        (lambda: Layer(steps=np.array([1.5])), TypeError, "steps must be integers"),
        (lambda: Layer(fan_in=0), ValueError, "fan_in must be finite and at least 1"),
        (lambda: Layer(density=1.1), ValueError, "density must be finite and between 0 and 1"),
        (lambda: Layer(weight_reuse=0.5), ValueError, "weight_reuse must be"),
        (lambda: Layer(copies="core"), ValueError, "copies 'core' is unknown"),
        (lambda: crossover.cost_model("tape"), ValueError, "weights 'tape' is unknown"),
        (
            lambda: dataclasses.replace(MODEL, weight_bit=-1.0),
            ValueError,
            "weight_bit must be finite and at least 0",
        ),
        (
            lambda: crossover.crossover_rate(
                dataclasses.replace(MODEL, sparse_bit_hop=None), Layer(hops=1)
            ),
            ValueError,
            "has no sparse_bit_hop: hops must be 0",
        ),
        (
            lambda: crossover.crossover_steps(MODEL, Layer(), 0.1),
            ValueError,
            "needs activation_bits",
        ),
        (
            lambda: crossover.crossover_weight_bits(MODEL, Layer(), 0.0),
            ValueError,
            "needs a rate above 0",
        ),
    ],
)
def test_crossover_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Thresholds


def says(**given):
    return {one.threshold.name: one.verdict for one in verdict(**given)}


@pytest.mark.parametrize(
    ("spikes", "expected"),
    [
        # Yan's bounds at T 5: 0.35, 0.32 and 0.285 spikes per synapse.
        (0.1, ["plausible", "plausible", "plausible", "plausible", "plausible"]),
        (0.15, ["plausible", "marginal", "plausible", "plausible", "plausible"]),
        (0.3, ["plausible", "marginal", "plausible", "plausible", "refuted"]),
        (0.33, ["plausible", "marginal", "plausible", "refuted", "refuted"]),
        (1.38, ["plausible", "marginal", "refuted", "refuted", "refuted"]),
        (1.5, ["plausible", "refuted", "refuted", "refuted", "refuted"]),
        (1.72, ["marginal", "refuted", "refuted", "refuted", "refuted"]),
        (1.73, ["refuted", "refuted", "refuted", "refuted", "refuted"]),
    ],
)
def test_verdict_is_given_against_every_threshold(spikes, expected):
    assert list(says(spikes_per_synapse=spikes, steps=5).values()) == expected


def test_verdict_of_a_rate_is_that_of_its_spikes():
    assert says(rate=0.06, steps=5) == says(spikes_per_synapse=0.3, steps=5)
    assert thresholds.YAN_V4.spikes_per_synapse(5) == (pytest.approx(0.285),) * 2


def test_rates_are_not_carried_to_more_steps_than_they_were_published_for():
    assert thresholds.YAN_V2.spikes_per_synapse(100)[0] == pytest.approx(0.64)
    assert thresholds.YAN_V2.spikes_per_synapse(2)[0] == pytest.approx(0.128)
    beyond = {one.threshold.name: one.published for one in verdict(rate=0.05, steps=100)}
    assert beyond == {
        "Davidson and Furber 2021": True,
        "Dampfhoffer et al. 2022": True,
        "Yan et al. v1 2024": False,
        "Yan et al. v2, v3 2025": False,
        "Yan et al. v4 2026": False,
    }
    assert set(says(rate=0.05, steps=100).values()) == {"refuted"}


def test_published_numbers_and_their_conditions():
    bounds = {one.name: (one.low, one.high, one.unit, one.steps) for one in thresholds.THRESHOLDS}
    assert bounds == {
        "Davidson and Furber 2021": (1.72, 1.72, "spikes per synapse", None),
        "Dampfhoffer et al. 2022": (0.15, 1.38, "spikes per synapse", None),
        "Yan et al. v1 2024": (0.07, 0.07, "rate", (6, 6)),
        "Yan et al. v2, v3 2025": (0.064, 0.064, "rate", (5, 10)),
        "Yan et al. v4 2026": (0.057, 0.057, "rate", (5, 5)),
    }
    for one in thresholds.THRESHOLDS:
        assert one.condition
        assert one.source
        assert one.evidence in ("primary", "secondary")


def workload(**changes):
    counts = OpCounts(effective_acs=600, spikes=30, neuron_updates_active=30)
    counts = dataclasses.replace(counts, neuron_updates_idle=470)
    given = {"name": "digits", "parts": {"layer": counts}, "neurons": 10, "synapses": 100}
    return Workload(**{**given, "steps": 5, "inferences": 10, **changes})


def test_verdict_of_a_workload_by_hand():
    # 600 operations on 100 synapses in 10 inferences: 0.6 spikes per synapse.
    found = verdict(workload())
    assert [one.spikes_per_synapse for one in found] == [0.6] * 5
    assert says(workload=workload()) == says(spikes_per_synapse=0.6, steps=5)
    row = found[1].to_dict()
    assert row["threshold"] == "Dampfhoffer et al. 2022"
    assert (row["verdict"], row["low"], row["high"]) == ("marginal", 0.15, 1.38)
    assert row["evidence"] == "secondary"
    assert row["condition"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: verdict(), ValueError, "got 0 of them"),
        (lambda: verdict(rate=0.1, spikes_per_synapse=1.0, steps=5), ValueError, "got 2 of them"),
        (lambda: verdict(rate=0.1), ValueError, "needs steps"),
        (lambda: verdict(rate=0.1, steps=0), ValueError, "steps must be at least 1"),
        (lambda: verdict(rate=0.1, steps=5.5), TypeError, "steps must be an integer"),
        (lambda: verdict(rate=1.1, steps=5), ValueError, "at most one spike per neuron and step"),
        (lambda: verdict(rate=-0.1, steps=5), ValueError, "between 0 and 1"),
        (lambda: verdict(rate=math.nan, steps=5), ValueError, "finite"),
        (lambda: verdict(spikes_per_synapse=-1, steps=5), ValueError, "at least 0, got -1"),
        (lambda: verdict(spikes_per_synapse=math.nan, steps=5), ValueError, "finite"),
        (lambda: verdict(spikes_per_synapse=math.inf, steps=5), ValueError, "finite"),
        (lambda: verdict(spikes_per_synapse=5.1, steps=5), ValueError, "more than one spike per"),
        (lambda: verdict("digits"), TypeError, "workload must be a Workload"),
        (lambda: verdict(workload(), steps=6), ValueError, "leave steps out"),
        (lambda: verdict(workload(inferences=None, steps=50)), ValueError, "has no inferences"),
        (lambda: verdict(workload(synapses=0)), ValueError, "has no synapses"),
    ],
)
def test_verdict_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


# Pictures


@pytest.fixture
def ax():
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.add_subplot()


def lines(ax):
    return {line.get_label().split(":")[0]: line for line in ax.lines}


def assert_apart(ax, texts):
    """No text covers another, or leaves the figure."""
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    assert len(boxes) > 3
    page = ax.figure.bbox
    for place, box in enumerate(boxes):
        assert box.x0 >= page.x0 - 1
        assert box.x1 <= page.x1 + 1
        assert box.y0 >= page.y0 - 1
        assert not any(box.overlaps(other) for other in boxes[:place])


def test_crossover_map_draws_the_closed_form_and_every_threshold(ax):
    layer = Layer(fan_in=256)
    steps = np.arange(1, 17)
    assert plots.crossover_map(ax, MODEL, layer, steps=steps) is ax
    drawn = lines(ax)
    expected = 100 * crossover.crossover_rate(MODEL, dataclasses.replace(layer, steps=steps))
    assert drawn["equal energy"].get_ydata() == pytest.approx(expected)
    assert drawn["Davidson and Furber 2021"].get_ydata() == pytest.approx(172 / steps)
    assert drawn["Yan et al. v2, v3 2025"].get_xdata().tolist() == [5, 6, 7, 8, 9, 10]
    assert drawn["Yan et al. v2, v3 2025"].get_ydata() == pytest.approx([6.4] * 6)
    assert drawn["Yan et al. v4 2026"].get_xydata().tolist() == [[5, pytest.approx(5.7)]]
    assert drawn["Yan et al. v1 2024"].get_xydata().tolist() == [[6, pytest.approx(7.0)]]
    band = next(c for c in ax.collections if "Dampfhoffer" in str(c.get_label()))
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(138)
    assert corners[:, 1].min() == pytest.approx(15 / 16)
    text = " ".join(each.get_text() for each in ax.get_legend().get_texts())
    for bound in thresholds.THRESHOLDS:
        assert bound.name in text
    assert "rate" in ax.get_ylabel()
    assert "T" in ax.get_xlabel()
    assert_apart(ax, [*ax.get_legend().get_texts(), ax.xaxis.label, ax.title])


def test_crossover_curves_over_steps_and_over_fan_in(ax):
    steps, bits = np.arange(1, 17), [None, 8]
    rows = yan.sensitivity(yan.Twins(), steps, "snn_weight_bits", bits)
    curves = dict(zip(("equal", "bytes"), rows, strict=True))
    assert plots.crossover_curves(ax, steps, curves) is ax
    assert lines(ax)["bytes"].get_ydata() == pytest.approx(100 * rows[1])
    assert_apart(ax, [*ax.get_legend().get_texts(), ax.xaxis.label])
    other = Figure().add_subplot()
    fan_in = np.array([16, 64, 256])
    rates = np.array([-0.1, 0.05, 0.2])
    plots.crossover_curves(other, fan_in, {"here": rates}, xlabel="fan-in", steps=5)
    drawn = lines(other)
    assert other.get_xlabel() == "fan-in"
    assert other.get_title(loc="left") == "T 5"
    assert math.isnan(drawn["here"].get_ydata()[0])
    assert drawn["Davidson and Furber 2021"].get_ydata() == pytest.approx([34.4] * 3)
    assert "Yan et al. v1 2024" not in drawn  # published for T 6
    with pytest.raises(ValueError, match="at least one curve"):
        plots.crossover_curves(other, steps, {})


def test_published_thresholds_shows_a_workload_and_its_verdicts(ax):
    assert plots.published_thresholds(ax, steps=25, spikes_per_synapse=0.9, name="digits") is ax
    verdicts = [text.get_text().split("\n")[-1] for text in ax.texts]
    assert verdicts == ["plausible", "marginal", "refuted", "refuted", "refuted"]
    assert ax.lines[-1].get_xdata()[0] == 0.9
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[1].startswith("Dampfhoffer et al. 2022\n")
    assert "not published for T 25" in labels[4].replace("\n", " ")
    assert "digits: 0.9 spikes per synapse, T 25" in ax.get_title(loc="right")
    assert_apart(ax, [*ax.get_yticklabels(), *ax.texts, ax.xaxis.label])
    with pytest.raises(ValueError, match="more than one spike"):
        plots.published_thresholds(ax, steps=5, spikes_per_synapse=6.0)


def test_published_thresholds_without_a_workload(ax):
    plots.published_thresholds(ax, steps=5)
    assert [text.get_text() for text in ax.texts] == [
        "1.72",
        "0.15 to 1.38",
        "0.35",
        "0.32",
        "0.285",
    ]
