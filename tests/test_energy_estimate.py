"""Estimates against sums worked by hand."""

import pytest
from workloads import PICO, classifier, exact, network

import cusnn.energy.catalogue as registry
from cusnn.energy import (
    DeviceProfile,
    OpCounts,
    Price,
    Workload,
    compare,
    estimate,
    register_device,
)


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})


class TestByHand:
    def test_loihi(self):
        found = estimate(network(plasticity_updates=5), "loihi1")
        assert found.breakdown == {
            "synaptic_op": exact(28_320 * PICO),
            "synaptic_update_stdp": exact(600 * PICO),
            "neuron_update_active": exact(2_430 * PICO),
            "neuron_update_inactive": exact(3_640 * PICO),
            "spike_within_tile": exact(51 * PICO),
            "static_power_chip": exact(1.04e-3),
            "hop": exact(140 * PICO),
        }
        assert found.total_j == exact(1.040035181e-3)
        # Hops of 3 to 4 pJ; up to 70 idle updates had input and cost 81 pJ.
        assert found.low_j == exact(1.040035161e-3)
        assert found.high_j == exact(1.040037231e-3)
        assert found.per_synaptic_op_j == exact(1.040035181e-3 / 1200)
        assert found.power_w == exact(0.1040035181)
        assert found.chips == 1
        assert found.evidence == "derived"
        assert found.scope == "per_term"

    def test_loihi_prices_hops_by_direction_where_they_are_counted(self):
        counts = {"hops": None, "hops_east_west": 10, "hops_north_south": 30}
        found = estimate(network(**counts), "loihi1")
        assert found.breakdown["hop_east_west"] == exact(30 * PICO)
        assert found.breakdown["hop_north_south"] == exact(120 * PICO)
        assert "hop" not in found.breakdown
        assert estimate(network(hops=0), "loihi1").breakdown["hop"] == 0.0

    def test_loihi_as_sana_fe_calibrated_it_widens_the_range(self):
        # 40,320 + 5,120 + 648 + 2,079 + 3,330 + 144 pJ
        other = estimate(network(), "loihi1-sanafe")
        assert other.total_j == exact(1.04e-3 + 51_641 * PICO)
        found = estimate(network(), "loihi1")
        assert found.total_j == exact(1.04e-3 + 34_581 * PICO)
        assert (found.low_j, found.high_j) == exact(
            (1.04e-3 + 34_561 * PICO, 1.04e-3 + 55_457 * PICO)
        )
        assert (other.low_j, other.high_j) == (found.low_j, found.high_j)

    def test_updates_with_input_may_be_active(self):
        """At the high end all 100 updates are; the total and the low end take the 30 that fired."""
        still = {"effective_acs": 0, "effective_macs": 0, "spikes": 0, "hops": 0}
        run = network(model_time_ms=0.001, plasticity_updates=1, **still)
        static, learnt = 0.104e-6, 120 * PICO
        found = estimate(run, "loihi1")
        assert found.high_j == exact(static + learnt + 100 * 81 * PICO)
        assert found.low_j == found.total_j == exact(static + learnt + (2430 + 3640) * PICO)
        (note,) = (text for text in found.assumptions if "every update" in text)
        assert note == (
            "the range holds 81 pJ/op for neuron update inactive: every update taken for active: "
            "one that got input may be, and counts tell only which fired (derived)"
        )
        # SANA-FE charges an access for every update, and 21.6 pJ more for one that is active.
        found = estimate(network(model_time_ms=0.001, **still), "loihi1-sanafe")
        assert found.total_j == exact(static + (5_120 + 648) * PICO)
        assert found.high_j == exact(static + 100 * 81 * PICO)
        (own,) = (text for text in found.assumptions if "every update" in text)
        assert own.startswith("the range holds 21.6 pJ/op for soma update: every update charged")
        assert not any("every update" in text for text in estimate(run, "odin").assumptions)

    def test_a_range_may_charge_another_count(self):
        prices = (
            Price("update", 2.0, "pJ/op", "per_term", charges="neuron_updates_active"),
            Price("all", 3.0, "pJ/op", "per_term", charges="neuron_updates", range_of="update"),
            Price("least", 1.0, "pJ/op", "per_term", range_of="update"),
            Price("op", 1.0, "pJ/op", "per_term", charges="synaptic_ops"),
        )
        mine = DeviceProfile("mine", "digital_neuromorphic", prices)
        assert [price.term for price in mine.charged] == ["update", "op"]
        found = estimate(network(hops=None), mine)
        assert found.breakdown == {"update": exact(60 * PICO), "op": exact(1200 * PICO)}
        assert found.partial_low_j == exact((1200 + 30) * PICO)
        assert found.partial_high_j == exact((1200 + 300) * PICO)
        unknown = network(hops=None, neuron_updates_idle=None)
        assert estimate(unknown, mine).partial_high_j == exact((1200 + 60) * PICO)

    def test_truenorth_at_its_operating_point(self):
        neurons, rate, fan_out = 4096 * 256, 20, 128
        counts = OpCounts(
            effective_acs=neurons * rate * fan_out,
            neuron_updates_active=neurons * rate,
            neuron_updates_idle=neurons * (1000 - rate),
            spikes=neurons * rate,
        )
        run = Workload("all of it", {"chip": counts}, neurons, neurons * 256, 1000, 1000.0)
        assert run.counts.synaptic_ops == 2_684_354_560
        found = estimate(run, "truenorth-2014")
        assert list(found.breakdown) == ["synaptic_op"]
        assert found.total_j == exact(0.06979321856)
        # The published 72 mW are 26.8 pJ per event to three digits.
        assert found.high_j == exact(0.071940702208)
        assert found.high_j == pytest.approx(0.072, rel=1e-3)
        assert found.low_j == exact(0.0067108864)
        assert found.power_w == found.total_j
        assert found.per_synaptic_op_j == exact(26e-12)
        assert (found.scope, found.evidence) == ("all_in", "secondary")
        assert estimate(run, "truenorth-peak").total_j == exact(0.0067108864)
        # The 1,048,576 neurons and 268 million synapses are a little more than "1 M" and "256 M".
        note = "34.9 mW per chip in real time; the price was published at 72.0 mW"
        assert note in found.assumptions
        assert not any("real time" in text for text in estimate(run, "odin").assumptions)

    @pytest.mark.parametrize(
        ("name", "total", "low"),
        [
            ("horowitz45-fp32", 900 + 920 + 460, 900 + 920 + 90),
            ("horowitz45-fp16", 400 + 300 + 150, 400 + 300 + 40),
            ("horowitz45-int8", 30 + 46 + 23, 30 + 46 + 3),
        ],
    )
    def test_horowitz(self, name, total, low):
        found = estimate(network(hops=None), name)
        assert (found.low_j, found.total_j, found.high_j) == exact(
            (low * PICO, total * PICO, total * PICO)
        )

    def test_spinnaker(self):
        found = estimate(network(hops=None), "spinnaker1")
        assert found.total_j == exact(1200 * 13.3e-9 + 100 * 26e-9)
        # What 11.3 and 26.6 nJ hold is not stated: updates are not added to them.
        assert found.low_j == exact(1200 * 11.3e-9)
        assert found.high_j == exact(1200 * 26.6e-9)
        still = {"effective_acs": 0, "hops": None}
        few = estimate(network(effective_macs=100, **still), "spinnaker1")
        assert (few.low_j, few.high_j) == exact((100 * 11.3e-9, 100 * 13.3e-9 + 100 * 26e-9))
        none = estimate(network(effective_macs=0, **still), "spinnaker1")
        assert none.low_j == none.total_j == none.high_j == exact(100 * 26e-9)
        assert "hops" in found.not_covered

    def test_yan_charges_bits(self):
        found = estimate(network(hops=None), "yan22")
        operations = 0.05448 * (1200 + 100 + 30)
        assert found.total_j == exact(PICO * (operations + 4800 * 8 * 20 + 2400 * 8 * 0.25))

    def test_odin_holds_its_published_range(self):
        found = estimate(network(), "odin")
        assert (found.low_j, found.total_j, found.high_j) == exact(
            (1200 * 8.43 * PICO, 1200 * 12.7 * PICO, 1200 * 54.0 * PICO)
        )

    def test_envelopes_of_one_power_overlap_at_best(self):
        found = estimate(network(hops=None), "hala-point-peak")
        assert found.low_j == exact(1200 * 6.8 * PICO)
        assert found.total_j == found.high_j == exact(PICO * (1200 * 6.8 + 100 * 10.8))
        note = "full power for one rate after the other"
        assert sum(text.startswith(note) for text in found.assumptions) == 1
        single = estimate(network(hops=None), "hala-point")
        assert not any(text.startswith(note) for text in single.assumptions)

    def test_hala_point_is_power_of_its_chips_over_time(self):
        found = estimate(network(neurons=1_000_000, hops=None), "hala-point")
        assert found.chips == 2  # 998,263.9 neurons a chip
        assert found.total_j == exact(2 * 2.26 * 0.01)
        assert found.low_j == exact(1200 * 6.8 * PICO)

    def test_brain_is_its_share_of_20_watts(self):
        found = estimate(network(neurons=86_000_000, model_time_ms=1000.0), "brain")
        assert found.total_j == pytest.approx(0.020, rel=1e-3)

    def test_per_inference(self):
        found = estimate(classifier(), "brainscales2")
        assert found.total_j == exact(5 * 192e-6)
        assert found.per_inference_j == exact(192e-6)
        assert any("ECG" in text for text in found.assumptions)
        xylo = estimate(classifier(), "xylo-audio-2", seconds=5.0)
        assert xylo.total_j == exact(5 * 0.028e-3 + 219e-6 * 5.0)
        assert estimate(classifier(), "xylo-audio-2").uncounted == ("seconds",)

    def test_parts_and_the_whole_cost_the_same(self):
        parts = {
            "one": OpCounts(effective_acs=700, neuron_updates_idle=60, hops=0),
            "two": OpCounts(effective_acs=300, neuron_updates_idle=40, hops=0),
        }
        found = estimate(Workload("two", parts, 10, 100, 10, 10.0), "spinnaker1")
        assert found.total_j == exact(1000 * 13.3e-9 + 100 * 26e-9)


class TestRoofline:
    # A gigabyte of weights of 4 bytes, and nothing else to do.
    RUN = Workload(
        "stream",
        {"all": OpCounts(effective_acs=250_000_000, weight_bytes=10**9)},
        neurons=0,
        synapses=250_000_000,
        steps=1,
    )

    def test_a100_per_byte(self):
        found = estimate(self.RUN, "a100-40-sxm")
        memory, arithmetic = 400 / 1.555e12 * 1e9, 400 / 19.5e12 * 250e6
        assert found.breakdown == {"memory": exact(memory), "arithmetic": exact(arithmetic)}
        # 257 pJ of a byte and 20.5 pJ of an operation, as the data file rounds them.
        assert found.breakdown["memory"] == pytest.approx(257e-12 * 1e9, rel=1e-3)
        assert found.breakdown["arithmetic"] == pytest.approx(20.5e-12 * 250e6, rel=1e-3)
        assert found.total_j == found.high_j == exact(memory + arithmetic)
        # Each weight is read once anyway, and hides the arithmetic.
        assert found.low_j == exact(memory)
        assert (found.scope, found.evidence) == ("roofline", "derived")

    def test_weights_used_again_and_state_stay_on_the_chip_at_best(self):
        counts = OpCounts(
            effective_macs=10**9, neuron_updates_idle=10**6, weight_bytes=10**9, state_bytes=10**8
        )
        found = estimate(Workload("dense", {"all": counts}, 1000, 1000, 1000), "h100-sxm")
        flops = 2e9 + 4e6
        assert found.total_j == exact(700 * (1.1e9 / 3.35e12 + flops / 67e12))
        # A thousand weights are read once: tensor cores are what limits.
        assert found.low_j == exact(700 * flops / 989e12)
        assert found.low_j / 10**9 == pytest.approx(2 * 0.71e-12, rel=0.01)

    def test_idle_power_over_time(self):
        memory, arithmetic = 1e9 / 1.555e12, 250e6 / 19.5e12
        found = estimate(self.RUN, "a100-40-sxm", seconds=2.0, idle_power_w=50.0)
        assert found.breakdown["idle_power"] == exact(100.0)
        assert found.total_j == exact(100.0 + 350.0 * (memory + arithmetic))
        assert found.low_j == exact(100.0 + 350.0 * memory)
        assert found.evidence == "assumed"
        # On for no longer than it works, it takes all its power.
        busy = estimate(self.RUN, "a100-40-sxm", idle_power_w=50.0)
        assert busy.total_j == exact(estimate(self.RUN, "a100-40-sxm").total_j)

    def test_idle_power_is_not_published(self):
        found = estimate(self.RUN, "a100-40-sxm", seconds=2.0)
        assert found.total_j is None
        assert found.unpriced == ("idle_power",)
        assert found.partial_high_j == exact(800.0)

    def test_done_in_less_time_than_one_after_the_other(self):
        seconds = 1e9 / 1.555e12 + 1e-6  # memory alone, and a little of the arithmetic
        for options in ({}, {"idle_power_w": 50.0}):
            found = estimate(self.RUN, "a100-40-sxm", seconds=seconds, **options)
            # The board takes no more than all its power.
            assert found.partial_j == exact(400 * seconds) == found.partial_high_j
            assert found.partial_low_j <= found.partial_j

    def test_waiting_is_not_in_it_unless_timed(self):
        assert "launches, latency and waiting" in estimate(self.RUN, "h200-sxm").not_covered
        timed = estimate(self.RUN, "h200-sxm", seconds=2.0, idle_power_w=50.0)
        assert timed.not_covered == ("host",)

    @pytest.mark.parametrize("name", ["h200-sxm", "yan22"])
    def test_operations_without_bytes_of_weights_were_not_all_counted(self, name):
        found = estimate(network(weight_bytes=0, hops=None), name)
        assert found.uncounted == ("weight_bytes",)
        assert found.total_j is None
        still = {"effective_acs": 0, "effective_macs": 0, "weight_bytes": 0}
        assert estimate(network(hops=None, **still), name).total_j > 0

    def test_dense_execution(self):
        counts = OpCounts(effective_acs=100, dense=1000, weight_bytes=400)
        run = Workload("layer", {"all": counts}, 10, 1000, 1)
        found = estimate(run, "a100-40-sxm", dense=True)
        assert found.total_j == exact(400 * (4000 / 1.555e12 + 2000 / 19.5e12))
        # All weights were read for values of which most are 0; dense execution reads no more.
        counts = OpCounts(effective_macs=100, dense=1000, weight_bytes=4000)
        run = Workload("layer", {"all": counts}, 10, 1000, 1)
        assert estimate(run, "a100-40-sxm", dense=True).total_j == exact(found.total_j)
        half = estimate(run, "a100-40-sxm", dense=True, bytes_per_weight=2.0)
        assert half.breakdown["memory"] == exact(found.breakdown["memory"] / 2)
        run = Workload("layer", {"all": OpCounts(effective_acs=100)}, 10, 1000, 1)
        assert estimate(run, "a100-40-sxm", dense=True).uncounted == ("dense",)

    def test_what_is_impossible(self):
        with pytest.raises(ValueError, match=r"needs at least 0.000643 s, got seconds=0.0001"):
            estimate(self.RUN, "a100-40-sxm", seconds=1e-4)
        with pytest.raises(ValueError, match="idle_power_w must be below the 400 W"):
            estimate(self.RUN, "a100-40-sxm", idle_power_w=400.0)

    def test_learning_has_no_price(self):
        found = estimate(network(plasticity_updates=3), "h200-sxm")
        assert found.unpriced == ("plasticity_updates",)
        assert found.partial_j > 0


class TestInputSpikes:
    """Fifty spikes of stimuli, beside 1,200 synaptic operations, of which 1,000 accumulate."""

    RUN = network(input_spikes=50, hops=None)

    @pytest.mark.parametrize(
        ("name", "picojoules"),
        [
            ("loihi1", 50 * 23.6),
            ("loihi1-sanafe", 50 * 33.6),
            ("odin", 50 * 12.7),
            ("tianjic", 50 * 1.54),
            ("horowitz45-fp32", 50 * 0.9),
            ("yan22", 50 * 0.05448),
            ("cpu-i7-4960x", 0.0),
            ("loihi2", 0.0),
            ("brain", 0.0),
        ],
    )
    def test_each_costs_an_operation_where_those_are_charged(self, name, picojoules):
        without = estimate(self.RUN, name, hops_per_spike=1.0)
        found = estimate(self.RUN, name, hops_per_spike=1.0, charge_input_spikes=True)
        assert estimate(self.RUN, name, hops_per_spike=1.0, charge_input_spikes=False) == without
        if without.breakdown:
            more = found.partial_j - without.partial_j
            assert more == pytest.approx(picojoules * PICO, rel=1e-6, abs=1e-18)
        note = "50 input spikes cost a synaptic operation each"
        assert (note in found.assumptions) == (picojoules > 0)
        assert note not in without.assumptions
        assert ("input_spikes" in without.not_covered) == (picojoules > 0)
        assert "input_spikes" not in found.not_covered
        assert found.synaptic_ops == 1200

    def test_the_range_moves_with_them(self):
        found = estimate(network(input_spikes=50), "loihi1", charge_input_spikes=True)
        assert found.total_j == exact(1.04e-3 + (34_581 + 1_180) * PICO)
        assert found.low_j == exact(1.04e-3 + (34_561 + 1_180) * PICO)
        assert found.high_j == exact(1.04e-3 + (55_457 + 50 * 35.5) * PICO)
        # All-in and unstated prices that stand for all terms move too.
        found = estimate(self.RUN, "odin", charge_input_spikes=True)
        assert (found.low_j, found.high_j) == exact((1250 * 8.43 * PICO, 1250 * 54 * PICO))

    def test_gpus_draw_them(self):
        without = estimate(self.RUN, "h200-sxm")
        found = estimate(self.RUN, "h200-sxm", charge_input_spikes=True)
        assert found.total_j == without.total_j
        assert set(found.assumptions) - set(without.assumptions) == {
            "input spikes cost no synaptic operation: they are drawn, not delivered"
        }

    def test_uncounted_ones_keep_the_total_open(self):
        run = network(input_spikes=None)
        assert estimate(run, "loihi1").total_j == exact(1.04e-3 + 34_581 * PICO)
        assert "input_spikes" in estimate(run, "loihi1").not_covered
        found = estimate(run, "loihi1", charge_input_spikes=True)
        assert found.total_j is None
        assert found.uncounted == ("input_spikes",)
        assert found.partial_j == exact(1.04e-3 + 34_581 * PICO)

    def test_without_any_nothing_is_said(self):
        found = estimate(network(), "loihi1", charge_input_spikes=True)
        assert not any("input spikes" in text for text in found.assumptions)
        assert found == estimate(network(), "loihi1")
        assert "input_spikes" not in found.not_covered

    def test_those_of_inferences_are_operations_already(self):
        assert "input_spikes" not in estimate(classifier(input_spikes=9), "odin").not_covered
        for name in ("odin", "h200-sxm"):
            with pytest.raises(ValueError, match="'digits' meet weights and are among its synap"):
                estimate(classifier(input_spikes=9), name, charge_input_spikes=True)
        with pytest.raises(TypeError, match="charge_input_spikes must be True or False, got 1"):
            estimate(network(), "odin", charge_input_spikes=1)

    def test_a_comparison_says_which(self):
        texts = [
            (self.RUN, {}, "50 input spikes not charged"),
            (
                self.RUN,
                {"charge_input_spikes": True},
                "50 input spikes charged as synaptic operations, but on GPUs",
            ),
            (network(input_spikes=None), {}, "uncounted input spikes not charged"),
            (network(), {"charge_input_spikes": True}, ""),
            (classifier(input_spikes=9), {}, ""),
        ]
        for run, options, text in texts:
            found = compare(run, "odin", **options)
            assert found.input_text == text
            title = str(found).splitlines()[0]
            assert title.endswith(f"; {text}") if text else "input spikes" not in title
            assert found.to_dict()["charge_input_spikes"] == bool(options)


class TestGaps:
    def test_hops_that_were_not_counted_keep_the_total_open(self):
        found = estimate(network(hops=None), "loihi1")
        assert found.total_j is found.low_j is found.high_j is None
        assert found.per_synaptic_op_j is found.power_w is None
        assert found.uncounted == found.missing == ("hops",)
        assert found.partial_j == exact(1.04e-3 + 34_441 * PICO)
        with pytest.raises(ValueError, match=r"no total for 'small'.*not counted: hops"):
            found.require_total()

    def test_hops_can_be_supposed(self):
        found = estimate(network(hops=None), "loihi1", hops_per_spike=2.0)
        assert found.require_total() == exact(1.04e-3 + (34_441 + 60 * 3.5) * PICO)
        assert found.evidence == "assumed"
        assert "2 hops for each of 30 spikes" in found.assumptions
        # What was counted is not supposed.
        counted = estimate(network(), "loihi1", hops_per_spike=2.0)
        assert counted.total_j == estimate(network(), "loihi1").total_j

    @pytest.mark.parametrize(
        ("name", "counts", "unpriced"),
        [
            ("truenorth-2014", {"plasticity_updates": 1}, ("plasticity_updates",)),
            ("loihi1-sanafe", {"plasticity_updates": 1}, ("plasticity_updates",)),
            ("spinnaker1", {"hops": 1}, ("hops",)),
            (
                "tianjic",
                {"hops": None},
                ("neuron_updates_active", "neuron_updates_idle"),
            ),
            (
                "northpole",
                {"hops": None, "effective_macs": 0},
                ("effective_acs", "neuron_updates_active", "neuron_updates_idle"),
            ),
        ],
    )
    def test_counts_without_a_price(self, name, counts, unpriced):
        found = estimate(network(**counts), name)
        assert found.unpriced == unpriced
        assert found.total_j is None
        with pytest.raises(ValueError, match=f"without a price: {', '.join(unpriced)}"):
            found.require_total()

    def test_nothing_published_is_none_not_zero(self):
        found = estimate(network(hops=None), "northpole")
        assert found.partial_j is found.partial_low_j is found.partial_high_j is None
        assert found.evidence == "none"
        assert "not known" in str(found)

    @pytest.mark.parametrize(
        ("name", "counts", "uncounted"),
        [
            ("spinnaker1", {"effective_macs": None}, ("effective_macs",)),
            ("loihi1", {"plasticity_updates": None}, ("plasticity_updates",)),
            ("truenorth-2014", {"plasticity_updates": None}, ("plasticity_updates",)),
            ("loihi1", {"spikes": None}, ("spikes",)),
            ("cpu-i7-4960x", {}, ("dense",)),
            ("h200-sxm", {"state_bytes": None}, ("state_bytes",)),
            ("h200-sxm", {"plasticity_updates": None}, ("plasticity_updates",)),
            ("brainscales2", {}, ("inferences",)),
        ],
    )
    def test_prices_without_a_count(self, name, counts, uncounted):
        found = estimate(network(**{"hops": 0, **counts}), name)
        assert found.uncounted == uncounted
        assert found.total_j is None

    def test_a_total_of_zero_operations_is_zero(self):
        still = {"effective_acs": 0, "effective_macs": 0}
        found = estimate(network(**still), "truenorth-2014")
        assert found.total_j == 0.0
        assert found.per_synaptic_op_j is None


class TestChipsAndTime:
    @pytest.mark.parametrize(
        ("neurons", "synapses", "chips", "text"),
        [
            (131_072, 16_777_216, 1, "1 chip, which holds it"),
            (131_073, 1, 2, "2 chips, filled by neurons"),
            (10, 16_777_217, 2, "2 chips, filled by synapses"),
            (77_169, 298_880_968, 18, "18 chips, filled by synapses"),
        ],
    )
    def test_chips_that_a_network_fills(self, neurons, synapses, chips, text):
        found = estimate(network(neurons=neurons, synapses=synapses), "loihi1")
        assert found.chips == chips
        assert text in found.assumptions
        assert found.breakdown["static_power_chip"] == exact(chips * 0.104 * 0.01)

    def test_chips_and_utilisation_are_parameters(self):
        run = network(neurons=131_072)
        assert estimate(run, "loihi1", utilisation=0.5).chips == 2
        assert estimate(run, "loihi1", chips=7).breakdown["static_power_chip"] == exact(7 * 1.04e-3)
        assert estimate(network(), "akida-akd1000").uncounted == ("chips",)
        assert estimate(network(), "akida-akd1000", chips=2).total_j == exact(2 * 0.030 * 0.01)

    def test_a_network_that_does_not_fit_on_the_chip_says_so(self):
        found = estimate(network(neurons=77_169, synapses=298_880_968), "truenorth-2014")
        note = "2 chips would hold it, by synapses; what passes between chips is in no price"
        assert note in found.assumptions
        assert found.chips is None
        assert not any("would hold" in text for text in estimate(network(), "odin").assumptions)

    def test_a_capacity_that_is_not_published_is_none(self):
        power = Price("power", 1.0, "W/chip", "envelope", charges="chip_seconds")
        neurons = Price("neurons", None, "count", "none_published")
        chip = DeviceProfile("chip", "digital_neuromorphic", (power, neurons))
        assert estimate(network(), chip).uncounted == ("chips",)
        assert estimate(network(), chip, chips=1).total_j == exact(0.01)

    def test_time_is_the_model_time_unless_given(self):
        found = estimate(network(), "loihi2")
        assert found.total_j == exact(0.010)
        assert (found.low_j, found.high_j) == exact((0.010, 0.0226))
        assert any("real time, 0.01 s" in text for text in found.assumptions)
        assert estimate(network(), "loihi2", seconds=0.5).total_j == exact(0.5)
        assert estimate(network(model_time_ms=None), "loihi2").uncounted == ("seconds",)

    def test_evidence_without_a_time_is_that_of_the_price(self):
        # How many neurons Hala Point has is primary, its power per chip derived.
        found = estimate(network(model_time_ms=None), "hala-point")
        assert found.breakdown == {}
        assert found.evidence == "derived"

    def test_more_chips_than_a_system_has(self):
        found = estimate(network(neurons=1_200_000_000), "hala-point")
        assert found.chips == 1203
        assert "more than the 1,152 chips that the system has" in found.assumptions

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"seconds": -1.0}, ValueError, "seconds must be finite"),
            ({"seconds": 0}, ValueError, "seconds must be above 0"),
            ({"seconds": float("nan")}, ValueError, "seconds must be finite"),
            ({"hops_per_spike": float("inf")}, ValueError, "hops_per_spike must be finite"),
            ({"hops_per_spike": "two"}, TypeError, "hops_per_spike must be a number"),
            ({"utilisation": 0.0}, ValueError, "utilisation must be in"),
            ({"utilisation": 1.1}, ValueError, "utilisation must be in"),
            ({"utilisation": None}, TypeError, "utilisation must be a number"),
            ({"chips": 0}, ValueError, "chips must be at least 1"),
            ({"chips": 1.5}, TypeError, "chips must be an integer"),
            ({"dense": 1}, TypeError, "dense must be True or False"),
            ({"idle_power_w": -1.0}, ValueError, "idle_power_w must be finite"),
            ({"hop": 1.0}, TypeError, "no option 'hop', there are hops_per_spike, "),
            ({"bytes_per_weight": -1}, ValueError, "bytes_per_weight must be finite"),
        ],
    )
    def test_impossible_options(self, options, error, message):
        with pytest.raises(error, match=message):
            estimate(network(), "loihi1", **options)

    def test_impossible_workloads_and_devices(self):
        with pytest.raises(TypeError, match="workload must be a Workload"):
            estimate(OpCounts(), "loihi1")
        with pytest.raises(ValueError, match="no device 'loihi3'; did you mean loihi"):
            estimate(network(), "loihi3")
        with pytest.raises(ValueError, match="holds constants of a model"):
            estimate(network(), "lemaire45")
        with pytest.raises(ValueError, match="at least 0"):
            network(effective_acs=-1)


@pytest.mark.usefixtures("registered")
class TestRegistered:
    def test_a_registered_device_is_estimated_and_compared(self):
        prices = [
            Price("op", 2.0, "pJ/op", "per_term", charges="synaptic_ops", evidence="primary"),
            Price("op_slow", 5.0, "pJ/op", "per_term", range_of="op"),
            Price("update", 1.0, "nJ/op", "per_term", charges="neuron_updates"),
            Price("hop", None, "pJ/hop", "none_published", charges="hops"),
        ]
        register_device("mine", prices, title="My chip")
        found = estimate(network(hops=None), "mine")
        assert (found.total_j, found.high_j) == exact((102_400 * PICO, 106_000 * PICO))
        assert found.evidence == "assumed"
        assert estimate(network(), "mine").unpriced == ("hops",)
        assert "My chip" in str(compare(network()))

    def test_an_alternative_with_other_gaps_does_not_widen_the_range(self):
        register_device(
            "other",
            [Price("op", 9.0, "pJ/op", "per_term", charges="synaptic_ops")],
            alternatives=["spinnaker1"],
        )
        found = estimate(network(hops=None), "other")
        assert found.partial_low_j == found.partial_high_j == found.partial_j
