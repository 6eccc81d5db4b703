"""Tables of a description: channels, signs, the width of words, and what changes with time."""

import numpy as np
import pytest

from cusnn.backends.numpy_ref import neuron as reference
from cusnn.network import (
    AllToAll,
    ConstantCurrent,
    FromList,
    Network,
    Normal,
    PoissonInput,
    Population,
    Projection,
    RateProfile,
    SpikeTimes,
    StepCurrent,
    Uniform,
)
from cusnn.neurons import LIF, CobaLIF, CubaLIF, Relay
from cusnn.simulation import memory
from cusnn.simulation.plan import MODELS, plan

ONE, TWO, CONDUCTANCE = CubaLIF(), CubaLIF(tau_syn=5.0, tau_syn_inh=10.0), CobaLIF()


def joined(neuron, weight, receptor=None, stimuli=()):
    populations = (Population(3, Relay(), "A"), Population(2, neuron, "B"))
    projection = Projection("A", "B", AllToAll(), weight, 0.1, receptor)
    return Network(populations, (projection,), stimuli)


def test_models_are_those_of_the_reference():
    assert tuple(MODELS) == reference.MODELS
    assert tuple(rows for rows, _, _ in MODELS.values()) == reference.STATES
    assert tuple(channels for _, channels, _ in MODELS.values()) == reference.CHANNELS


@pytest.mark.parametrize(
    ("neuron", "weight", "receptor", "channel", "sign"),
    [
        (ONE, 5.0, None, 0, 1),
        (ONE, -5.0, None, 0, 1),
        (ONE, -5.0, "inhibitory", 0, 1),
        (TWO, 5.0, None, 0, 1),
        (TWO, -5.0, None, 1, 1),
        (TWO, 5.0, "inhibitory", 1, 1),
        (CONDUCTANCE, 5.0, None, 0, 1),
        (CONDUCTANCE, -5.0, None, 1, -1),
        (CONDUCTANCE, 5.0, "inhibitory", 1, 1),
        (CONDUCTANCE, Normal(-5.0, 1.0, high=0.0), None, 1, -1),
    ],
)
def test_channel_and_sign(neuron, weight, receptor, channel, sign):
    tables = plan(joined(neuron, weight, receptor)).build
    assert tables["connections"][0, 13] == channel
    assert np.sign(tables["weights"][0, 6]) == sign


@pytest.mark.parametrize(
    ("neuron", "weight", "receptor", "text"),
    [
        (ONE, 5.0, "inhibitory", "'inhibitory' does not fit weights from 5 to 5"),
        (ONE, Uniform(-1.0, 5.0), "excitatory", "'excitatory' does not fit weights from -1 to 5"),
        (TWO, Uniform(-1.0, 5.0), None, "change their sign, .* give receptor= or bound them"),
        (CONDUCTANCE, Uniform(-1.0, 5.0), "excitatory", "conductances from -1 to 5 nS change"),
    ],
)
def test_signs_that_do_not_fit(neuron, weight, receptor, text):
    with pytest.raises(ValueError, match=text):
        plan(joined(neuron, weight, receptor))


def test_unequal_weights_get_wide_words():
    pair = [Projection("A", "B", AllToAll(), weight, 0.1) for weight in (1.0, 1000.0)]
    network = joined(ONE, 1.0)
    assert not plan(network).wide
    network = Network(network.populations, pair)
    planned = plan(network)
    assert planned.wide
    assert planned.scales[1][0] >= 64
    assert 3 * (1.0 + 1000.0) * planned.scales[1][0] < 2**31
    too_far = [Projection("A", "B", AllToAll(), weight, 0.1) for weight in (1.0, 1e9)]
    with pytest.raises(ValueError, match="weights of 1 get only"):
        plan(Network(network.populations, too_far))


EMPTY = SpikeTimes("B", [], [], 3.0)


@pytest.mark.parametrize("stimulus", [EMPTY, PoissonInput("B", 0.0, 1, 1e300)], ids=type)
def test_what_never_arrives_has_no_size(stimulus):
    """Alone, and beside what does arrive."""
    alone = Network(Population(2, ONE, "B"), (), stimulus)
    tables = plan(alone).advance_tables(0)
    assert tables["event_steps"].size == 0
    assert not tables["stimuli"][:, 3].any()
    beside = joined(ONE, 5.0, stimuli=(stimulus,))
    assert plan(beside).scales == plan(joined(ONE, 5.0)).scales


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (1e-300, "weights of 1e-300 are too small, they must reach 3.5e-18; scale them"),
        (-1e-30, "weights of 1e-30 are too small"),
        (1e300, r"weights of 1e\+300 are too large"),
        (1e308, r"weights of 1e\+308 are too large"),
    ],
)
def test_weights_out_of_range(weight, text):
    """3 * 1e308 is infinite, and so are 32 bits divided by 1e-300."""
    with pytest.raises(ValueError, match=text):
        plan(joined(ONE, weight))
    assert plan(joined(ONE, 4e-18)).scales[1][0] == 2.0**64


def listed(weights):
    weights = np.asarray(weights, float)
    pairs = FromList(np.arange(weights.size), np.arange(weights.size), weights)
    populations = (Population(weights.size, Relay(), "A"), Population(weights.size, ONE, "B"))
    return Network(populations, (Projection("A", "B", pairs, 1.0, 0.1),))


def test_small_listed_weights_get_wide_words_before_they_are_lost():
    assert not plan(listed([1.0, 0.0, -1e-4])).wide
    planned = plan(listed([1.0, 0.0, -1e-6]))
    assert planned.wide
    assert memory.sizes(planned.network).wide
    assert 1e-6 * planned.scales[1][0] > 64


def test_listed_weights_that_become_0_are_told():
    """Twelve of these lie below half of a unit of 2**-30, the thirteenth is just above."""
    unit = 2.0**-30
    weights = [1.0, 0.0, *[-0.5 * unit] * 12, 0.51 * unit]
    text = r"'A' -> 'B': 12 of its 15 weights are not 0 but become 0, for sizes up to 4.66e-10"
    with pytest.warns(RuntimeWarning, match=text):
        planned = plan(listed(weights))
    assert planned.scales[1][0] == 1 / unit


def test_advice_for_long_delays_fits_their_kind():
    pair = Population(1, Relay(), "A"), Population(1, ONE, "B")
    for delays, advice in ((1e4, "shorten them"), (Uniform(1.0, 1e4), "bound them with high=")):
        network = Network(pair, Projection("A", "B", AllToAll(), 1.0, delays))
        with pytest.raises(ValueError, match=f"at most 32767 are possible; {advice} or take a la"):
            plan(network)


def test_tables_change_when_currents_and_rates_do():
    profile = RateProfile([0.0, 5.0], [100.0, 0.0])
    stimuli = (
        PoissonInput("B", profile, 10, 2.0),
        StepCurrent("B", [1.0, 2.0], [10.0, -10.0]),
        ConstantCurrent("B", 1.0, start=2.0),
    )
    planned = plan(joined(LIF(v_threshold=100.0, input="voltage"), 1.0, stimuli=stimuli))
    assert planned.changes == (10, 20, 50)
    neuron = planned.network.populations[1].neuron
    for step, current in ((0, 0.0), (9, 0.0), (10, 10.0), (19, 10.0), (20, -9.0), (999, -9.0)):
        drive = planned.advance_tables(step)["coefficients"][-3]
        expected = LIF(v_threshold=100.0, i_offset=current, input="voltage").coefficients(0.1)
        assert neuron.i_offset == 0.0
        assert drive == expected.values[2, 0]
    assert planned.advance_tables(49)["thresholds"].size > 0
    assert planned.advance_tables(50)["thresholds"].size == 0


def test_events_are_sorted_and_signed():
    stimuli = (
        SpikeTimes("B", [1, 0], [0.3, 0.1], -2.0),
        SpikeTimes("B", [1], [0.2], 3.0),
    )
    tables = plan(joined(CONDUCTANCE, 1.0, stimuli=stimuli)).advance_tables(0)
    np.testing.assert_array_equal(tables["event_steps"], [0, 1, 2])
    np.testing.assert_array_equal(tables["event_neurons"], [3, 4, 4])
    np.testing.assert_array_equal(tables["event_channels"], [1, 0, 1])
    units = tables["units"][1]
    values = tables["event_amounts"] * units[tables["event_channels"]]
    np.testing.assert_array_equal(values, [2.0, 3.0, 2.0])
