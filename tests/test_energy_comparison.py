"""Records of energies: what they print, what stands apart in a comparison, and their pictures."""

import json
import sys
import types
from itertools import takewhile

import pytest
from workloads import PICO, classifier, exact, network

from cusnn.energy import Measured, compare, device, devices, estimate, records


class TestResults:
    def test_dict_and_json(self):
        found = estimate(network(hops=None), "loihi1")
        read = json.loads(found.to_json())
        assert read == found.to_dict()
        assert read["kind_of_figure"] == "modelled"
        assert read["total_j"] is None
        assert read["partial_j"] == found.partial_j
        assert read["uncounted"] == ["hops"]
        assert read["breakdown"]["synaptic_op"] == exact(28_320 * PICO)

    def test_text(self):
        text = str(estimate(network(), "loihi1"))
        assert text.splitlines()[0] == (
            "small on Loihi (Davies 2018), modelled: 1.04 mJ (per_term, derived)"
        )
        assert "assumes 1 chip, which holds it" in text
        # 1.040034581 mJ over 1200 operations and over 10 ms.
        assert "867 nJ per synaptic operation, 104 mJ per second of model time" in text.splitlines()
        assert "not in it: barrier_sync" in text
        lines = str(estimate(network(hops=None), "loihi1")).splitlines()
        assert ["hops", "not", "known"] in [line.split() for line in lines]

    def test_frames_come_from_pandas_where_there_is_one(self, monkeypatch):
        rows = []
        stand_in = types.ModuleType("pandas")
        stand_in.DataFrame = lambda given: rows.extend(given) or "frame"
        monkeypatch.setitem(sys.modules, "pandas", stand_in)
        found = estimate(network(), "odin")
        assert found.to_dataframe() == "frame"
        assert rows == [{"term": "synaptic_op", "joules": found.total_j, "share": 1.0}]
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(ImportError, match="pip install pandas"):
            found.to_dataframe()
        with pytest.raises(ImportError, match="pip install pandas"):
            compare(network(), "odin").to_dataframe()


class Counter:
    """What the meter returns, as far as a comparison reads it."""

    def __init__(self, joules, spread=None, reason=None):
        self.joules, self.spread, self.reason, self.source = joules, spread, reason, "NVML"


class TestComparison:
    def test_measured_and_modelled_stand_apart(self):
        found = compare(
            network(), ["odin", "tianjic"], measured={"GPU": Counter(3e-6, (2e-6, 4e-6))}
        )
        odin, tianjic, gpu = found.rows()
        assert odin["modelled_j"] == exact(1200 * 12.7 * PICO)
        assert tianjic["modelled_j"] is None
        assert tianjic["at_least_j"] == exact(1200 * 1.54 * PICO)
        assert tianjic["missing"] == ["neuron_updates_active", "neuron_updates_idle", "hops"]
        assert gpu["measured_j"] == 3e-6
        assert gpu["measured_per_synaptic_op_j"] == exact(3e-6 / 1200)
        assert (gpu["measured_low_j"], gpu["measured_high_j"]) == (2e-6, 4e-6)
        for row in (odin, tianjic):
            assert not any(row[name] for name in row if name.startswith("measured"))
        assert not any(gpu[name] for name in gpu if name.startswith(("modelled", "at_least")))
        assert len({tuple(row) for row in found.rows()}) == 1

    def test_published_runs_are_measured_but_for_an_estimate(self):
        rows = compare(network(), "odin", published=records()).rows()[1:]
        measured = [row["measured_per_synaptic_op_j"] for row in rows]
        known = [value for value in measured if value is not None]
        assert (min(known), max(known)) == exact((47.55e-9, 9.941e-6))
        assert len(known) == 12
        estimated = [row for row in rows if row["modelled_per_synaptic_op_j"] is not None]
        assert [row["evidence"] for row in estimated] == ["estimated by its authors"]
        assert all(row["measured_j"] is None for row in rows)

    def test_text(self):
        found = compare(
            network(),
            ["odin", "tianjic", "northpole"],
            measured=[Counter(None, reason="no counter"), Measured("CPU", 2.0)],
            published=records(),
        )
        lines = str(found).splitlines()
        assert lines[0] == (
            "energy of small, in all and of each synaptic operation, 0.01 s of model time"
        )
        assert max(map(len, lines)) <= 100
        header = lines[1]

        def cell(start, column):
            line = next(line for line in lines if line.startswith(start))
            at = header.index(column) + len(column)
            return line.ljust(at)[at - len("not known") : at].strip()

        assert cell("ODIN", "modelled") == "15.2 nJ"
        assert cell("ODIN", "measured") == ""
        assert cell("Tianjic", "modelled") == "≥ 1.85 nJ"
        assert cell("NorthPole", "modelled") == "not known"
        assert cell("CPU", "measured") == "2.00 J"
        assert cell("CPU", "modelled") == ""
        assert cell("NVML", "measured") == "not known"

        def about(start):
            at = next(at for at, line in enumerate(lines) if line.startswith(start))
            below = takewhile(lambda line: line.startswith("  "), lines[at + 1 :])
            return " ".join(map(str.strip, below))

        assert about("NVML") == "NVML, none; no counter"
        assert about("Tianjic") == "unstated, secondary; without neuron updates, hops"
        assert about("neuroAIx") == "whole machine, measured"

    def test_classifiers_are_compared_per_inference(self):
        found = compare(classifier(), measured=Counter(1.0))
        text = str(found)
        assert "of each inference, 5 inferences" in text
        assert max(map(len, text.splitlines())) <= 100
        assert found.rows()[-1]["measured_per_inference_j"] == exact(0.2)
        labels = [row["label"] for row in found.rows()]
        assert "BrainScaleS-2, its published network" in labels
        assert {"BrainScaleS-2", "Xylo Audio 2"} <= {one.title for one in found.estimates}

    def test_json(self):
        found = compare(network(), measured=Counter(None, reason="none"), published=records())
        read = json.loads(found.to_json())
        assert read == found.to_dict()
        assert [one["kind_of_figure"] for one in read["modelled"]] == ["modelled"] * len(
            found.estimates
        )
        assert read["measured"][0]["joules"] is None
        assert len(read["published"]) == 14

    def test_every_device_that_charges_counts_can_be_compared(self):
        names = [name for name, one in devices().items() if one.scope != "constants"]
        found = compare(network(), names, hops_per_spike=1.0)
        for one in found.estimates:
            assert (one.total_j is None) == bool(one.missing or not one.breakdown)
            if one.breakdown:
                assert 0 <= one.partial_low_j <= one.partial_j * (1 + 1e-12)
                assert one.partial_j <= one.partial_high_j * (1 + 1e-12)
        assert device("loihi2") in map(device, names)

    @pytest.mark.parametrize("joules", [float("nan"), float("inf"), -1.0])
    def test_measurements_that_are_none(self, joules):
        with pytest.raises(ValueError, match="joules must be finite"):
            compare(network(), "odin", measured=Counter(joules))
        with pytest.raises(TypeError, match="measured must have joules"):
            compare(network(), "odin", measured=3.0)

    def test_what_cannot_be_compared(self):
        with pytest.raises(TypeError, match="compare: workload must be a Workload"):
            compare(None)
        with pytest.raises(TypeError, match="published must be `records"):
            compare(network(), "odin", published="all")
        with pytest.raises(TypeError, match="no option 'time', there are"):
            compare(network(), "odin", time=3.0)


class TestPictures:
    @pytest.fixture(autouse=True)
    def matplotlib(self):
        pytest.importorskip("matplotlib")

    def test_bars_of_a_comparison(self):
        found = compare(
            network(),
            ["odin", "tianjic", "northpole"],
            measured=[Measured("CPU", 2e-6, 1e-6, 3e-6)],
            published=records(),
        )
        ax = found.plot()
        assert ax.get_xscale() == "log"
        assert ax.xaxis.get_major_formatter()(1e-6) == "1 uJ"
        labels = [text.get_text() for text in ax.get_yticklabels()]
        assert labels[:4] == ["ODIN", "Tianjic", "NorthPole", "CPU"]
        assert len(labels) == 18
        ends = [bar.get_x() + bar.get_width() for bar in ax.patches]
        expected = [12.7e-12, 1.54e-12, 2e-6 / 1200]
        assert ends[:3] == pytest.approx(expected)
        colours = [bar.get_facecolor() for bar in ax.patches]
        assert len({colours[0], colours[1], colours[2]}) == 3
        texts = [text.get_text() for text in ax.texts]
        assert "≥ 1.54 pJ" in texts
        assert "not known" in texts
        # The whisker of ODIN's published values.
        assert list(ax.lines[0].get_xdata()) == pytest.approx([8.43e-12, 54e-12])
        assert list(ax.lines[2].get_xdata()) == pytest.approx([1e-6 / 1200, 3e-6 / 1200])

    def test_it_draws_into_the_axes_it_is_given(self):
        from matplotlib.figure import Figure

        left, right = Figure().subplots(1, 2)
        assert compare(network(), ["odin"]).plot(left) is left
        assert estimate(network(), "odin").plot(right) is right

    def test_nothing_to_draw(self):
        with pytest.raises(ValueError, match="no row has an energy"):
            compare(network(hops=None), ["northpole"]).plot()

    def test_terms_of_an_estimate(self):
        ax = estimate(network(hops=None), "loihi1").plot()
        widths = [bar.get_width() for bar in ax.patches]
        assert widths == pytest.approx(
            [28_320 * PICO, 0.0, 2_430 * PICO, 3_640 * PICO, 51 * PICO, 1.04e-3]
        )
        assert ax.get_yticklabels()[-1].get_text() == "hops"
        assert ax.texts[-1].get_text() == "not known"
        assert ax.xaxis.get_major_formatter()(2.5e-4) == "250 uJ"
