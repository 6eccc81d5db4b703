"""Tables of a description: channels, signs, the width of words, and what changes with time."""

import numpy as np
import pytest

from cusnn.backends.numpy_ref import neuron as reference
from cusnn.network import (
    AllToAll,
    ConstantCurrent,
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
