"""Prices, profiles and units: published figures, what is refused, and the table made of them."""

from importlib import resources

import pytest

import cusnn.energy.catalogue as registry
from cusnn.energy import DeviceProfile, Price, Quantity, device, devices, register_device
from cusnn.energy.catalogue import COLUMNS, PROFILE_COLUMNS, read_devices
from cusnn.energy.charges import CHARGES
from cusnn.energy.hardware import hardware_markdown
from cusnn.energy.published import read_records, records
from cusnn.energy.units import parse, si

FIGURES = ",".join(COLUMNS)
PROFILES = ",".join(PROFILE_COLUMNS)
PLAIN = "one,gpu,a,1.0,pJ/op,per_term,synaptic_ops,,primary,none,here"


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTERED", {})


def op(value=1.0, term="a", **rest):
    return Price(term, value, "pJ/op", "per_term", charges="synaptic_ops", **rest)


class TestUnits:
    def test_energy_per_operation_times_operations_is_energy(self):
        energy = Quantity(23.6, "pJ/op") * Quantity(1000, "op")
        assert energy.dimension == (("J", 1),)
        assert energy.to("nJ").value == pytest.approx(23.6, rel=1e-15)

    def test_power_times_time_is_energy(self):
        energy = Quantity(104.0, "mW/chip") * Quantity(2.5, "chip*s")
        assert energy.to("J").value == pytest.approx(0.26, rel=1e-15)

    @pytest.mark.parametrize(
        ("value", "unit", "other", "expected"),
        [
            (257.0, "pJ/B", "pJ/bit", 32.125),
            (47.0, "fJ/bit", "pJ/B", 0.376),
            (0.45, "nJ/op", "pJ/op", 450.0),
            (400.0, "GSOPS/W", "op/J", 4e11),
            (1.555, "TB/s", "GB/s", 1555.0),
            (19.5, "TFLOPS", "FLOP/s", 19.5e12),
            (60.0, "mm2", "m2", 60e-6),
            (2.0, "ms", "us", 2000.0),
        ],
    )
    def test_conversions(self, value, unit, other, expected):
        assert Quantity(value, unit).to(other).value == pytest.approx(expected, rel=1e-14)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("pJ/op", "pJ/bit"),
            ("pJ/op", "pJ"),
            ("pJ/op", "pJ/hop"),
            ("nJ/op", "nJ/inference"),
            ("pJ/bit", "pJ/bit/hop"),
            ("W", "J"),
            ("mW", "mW/chip"),
            ("pJ/op", "pJ/FLOP"),
            ("pJ/bit", "op/bit"),
        ],
    )
    def test_units_of_different_dimensions_cannot_be_mixed(self, one, other):
        left, right = Quantity(1.0, one), Quantity(1.0, other)
        for mix in (lambda: left + right, lambda: right + left, lambda: left < right):
            with pytest.raises(ValueError, match="is not"):
                mix()
        with pytest.raises(ValueError, match="is not"):
            left.to(other)

    def test_bare_numbers_have_no_unit(self):
        with pytest.raises(TypeError, match="give it a unit"):
            Quantity(1.0, "J") + 1.0

    @pytest.mark.parametrize("unit", ["", "pJoule", "pJ/", "x/op", "J op", "Mop"])
    def test_unknown_units(self, unit):
        with pytest.raises(ValueError, match="is not known"):
            parse(unit)

    def test_nan_is_refused(self):
        with pytest.raises(ValueError, match="finite"):
            Quantity(float("nan"), "J")

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0, "0 J"),
            (26.82209e-12, "26.8 pJ"),
            (999.9e-9, "1.00 uJ"),
            (0.9999e-3, "1.00 mJ"),
            (1234.5, "1.23 kJ"),
            (5e-17, "0.0500 fJ"),
            (7e29, "7.00e+29 J"),
            (9.999e17, "1.00e+18 J"),
            (1.7e-37, "1.70e-37 J"),
            (None, "-"),
        ],
    )
    def test_si_prefixes(self, value, text):
        assert si(value, "J") == text


class TestPublished:
    """Figures as the sources print them, typed here a second time."""

    def test_loihi(self):
        found = {p.charges: (p.value, p.unit) for p in device("loihi1").charged}
        assert found == {
            "synaptic_ops": (23.6, "pJ/op"),
            "plasticity_updates": (120.0, "pJ/op"),
            "neuron_updates_active": (81.0, "pJ/op"),
            "neuron_updates_idle": (52.0, "pJ/op"),
            "spikes": (1.7, "pJ/op"),
            "hops_east_west": (3.0, "pJ/hop"),
            "hops_north_south": (4.0, "pJ/hop"),
            "hops_undirected": (3.5, "pJ/hop"),
            "chip_seconds": (104.0, "mW/chip"),
        }
        assert set(device("loihi1").unpublished) == {
            "barrier_sync",
            "synapse_memory_fetch",
            "host_readout",
            "weight_load",
        }

    @pytest.mark.parametrize(
        ("name", "term", "value", "unit", "scope"),
        [
            ("truenorth-2014", "synaptic_op", 26.0, "pJ/op", "all_in"),
            ("truenorth-peak", "synaptic_op", 2.5, "pJ/op", "all_in"),
            ("odin", "synaptic_op", 12.7, "pJ/op", "all_in"),
            ("tianjic", "synaptic_op", 1.54, "pJ/op", "unstated"),
            ("seneca", "synaptic_op", 2.8, "pJ/op", "unstated"),
            ("darwin3", "synaptic_op", 5.47, "pJ/op", "per_term"),
            ("spinnaker1", "synaptic_op", 13.3, "nJ/op", "per_term"),
            ("spinnaker1", "neuron_update", 26.0, "nJ/op", "per_term"),
            ("spinnaker2-testchip", "synaptic_op", 450.0, "pJ/op", "per_term"),
            ("spinnaker2-mac", "synaptic_op", 10.0, "pJ/op", "unstated"),
            ("brainscales2", "inference_energy_asic", 192.0, "uJ/inference", "per_inference"),
            ("xylo-audio-2", "inference_energy_dynamic", 0.028, "mJ/inference", "per_inference"),
            ("hala-point", "system_power_max", 2600.0, "W", "system"),
            ("loihi1-sanafe", "synaptic_op_sparse", 33.6, "pJ/op", "per_term"),
            ("horowitz45-fp32", "mac", 4.6, "pJ/op", "per_term"),
            ("horowitz45-fp16", "mac", 1.5, "pJ/op", "per_term"),
            ("horowitz45-int8", "ac", 0.03, "pJ/op", "per_term"),
            ("yan22", "accumulate", 0.05448, "pJ/op", "per_term"),
        ],
    )
    def test_figures(self, name, term, value, unit, scope):
        price = device(name).price(term)
        assert (price.value, price.unit, price.scope) == (value, unit, scope)
        assert price.source

    @pytest.mark.parametrize(
        ("name", "term", "low", "high"),
        [
            ("spinnaker1", "synaptic_op", 11.3, 26.6),
            ("odin", "synaptic_op", 8.43, 54.0),
            ("truenorth-2014", "synaptic_op", 21.7, 26.8),
            ("loihi1-sanafe", "synaptic_op_sparse", 24.0, 35.5),
            ("loihi1", "hop", 3.0, 4.0),
        ],
    )
    def test_published_values_that_differ(self, name, term, low, high):
        assert device(name).spread(term) == (low, high)

    def test_a_mac_of_45_nm_is_a_multiplication_and_an_addition(self):
        constants = device("horowitz45")
        for kind in ("fp32", "fp16", "int8"):
            mul, add = (constants.value(f"{kind}_{name}") for name in ("mul", "add"))
            assert device(f"horowitz45-{kind}").value("mac") == pytest.approx(mul + add)
            assert device(f"horowitz45-{kind}").value("ac") == add

    def test_truenorth_at_its_operating_point(self):
        # 4096 cores of 256 neurons at 20 Hz onto 128 synapses each.
        events = Quantity(4096 * 256 * 20 * 128, "op/s")
        each = (Quantity(72.0, "mW") / events).to("pJ/op").value
        assert each == pytest.approx(26.82209014892578, rel=1e-14)
        assert round(each, 1) == device("truenorth-2014").value("synaptic_op_check") == 26.8

    def test_hala_point_is_power_over_rates(self):
        system, peak = device("hala-point"), device("hala-point-peak")
        power = Quantity(system.value("system_power_max"), "W")
        for term, rate in (
            ("synaptic_op", "synaptic_op_rate"),
            ("neuron_update", "neuron_op_rate"),
        ):
            each = power / Quantity(system.value(rate), "op/s")
            assert round(each.to("pJ/op").value, 1) == peak.value(term)
        assert round(2600.0 / 1152, 2) == system.value("power_per_chip") == 2.26
        assert system.per_chip("neurons") == pytest.approx(998_263.9, abs=0.1)

    @pytest.mark.parametrize("name", ["a100-40-sxm", "a100-80-sxm", "h100-sxm", "h200-sxm"])
    def test_gpu_figures_are_power_over_rates(self, name):
        gpu = device(name)
        power = Quantity(gpu.value("tdp"), "W")

        def over(term):
            figure = gpu.price(term)
            return power / Quantity(figure.value, figure.unit)

        assert gpu.scope == "roofline"
        assert round(over("memory_bandwidth").to("pJ/B").value) == gpu.value("memory_per_byte")
        assert gpu.value("flop_bf16") == round(over("bf16_dense").to("pJ/FLOP").value, 2)
        # The file rounds 10.45 to 10.5.
        fp32 = over("fp32").to("pJ/FLOP").value
        assert gpu.value("flop_fp32") == pytest.approx(fp32, abs=0.0551)
        for width, name in ((4, "4_bytes"), (2, "2_bytes"), (1, "1_byte")):
            each = width * over("memory_bandwidth").to("pJ/B").value
            assert abs(gpu.value(f"synaptic_op_weight_{name}") - each) <= 0.51

    @pytest.mark.parametrize("name", ["loihi2", "brainscales2", "speck", "akida-akd1000"])
    def test_what_is_not_published_is_none(self, name):
        price = device(name).price("synaptic_op")
        assert price.value is None
        assert price.scope == "none_published"
        assert device(name).value("synaptic_op") is None

    def test_every_price_has_unit_scope_evidence_and_source(self):
        for one in devices().values():
            for price in one.prices:
                assert price.source
                assert price.evidence in ("primary", "secondary", "derived")
                if price.charges:
                    assert price.value is not None
                    assert price.joules(1.0) > 0

    def test_what_others_transcribed_is_not_primary(self):
        others = ("Table 3", "as used in", "open-neuromorphic", "Horowitz", "hmc-tech", "secondary")
        for one in devices().values():
            for price in one.prices:
                if any(word in price.source for word in others):
                    own = (one.name, price.term) == ("loihi1-keras-spiking", "synaptic_op")
                    assert own or price.evidence != "primary", (one.name, price.term)
        assert device("odin").price("synaptic_op").evidence == "secondary"
        assert device("seneca").price("synaptic_op").evidence == "primary"

    def test_microcircuit_records(self):
        found = records()
        energies = [one.energy_per_event_j for one in found if one.energy_per_event_j is not None]
        assert (min(energies), max(energies)) == pytest.approx((0.04755e-6, 9.941e-6))
        assert len(found) == 14
        assert [one.study for one in found if one.how == "estimated by its authors"] == [
            "Knight and Nowotny"
        ]


class TestRefused:
    @pytest.mark.parametrize(
        ("rest", "message"),
        [
            ({"value": -1.0}, "at least 0, got -1"),
            ({"value": float("nan")}, "finite"),
            ({"value": float("inf")}, "finite"),
            ({"value": None}, "None goes with 'none_published'"),
            ({"scope": "none_published"}, "None goes with 'none_published'"),
            ({"unit": "pJoule"}, "not known"),
            ({"scope": "total"}, "scope 'total' is unknown"),
            ({"evidence": "rumour"}, "evidence 'rumour' is unknown"),
            ({"charges": "spike"}, "charges 'spike' is unknown"),
            ({"scope": "system"}, "cannot be charged"),
            ({"unit": "pJ/bit"}, "not J"),
            ({"unit": "pJ"}, "not J"),
            ({"unit": "W"}, "not J"),
            ({"unit": "uJ/inference"}, "not J"),
            ({"charges": "weight_bytes"}, "not J"),
            ({"charges": "chip_seconds"}, "not J"),
            ({"charges": "hops"}, "not J"),
        ],
    )
    def test_prices(self, rest, message):
        given = {"value": 1.0, "unit": "pJ/op", "scope": "per_term", "charges": "synaptic_ops"}
        with pytest.raises(ValueError, match=message):
            Price("a", **{**given, **rest})

    def test_a_price_that_is_text(self):
        with pytest.raises(TypeError, match="must be a number"):
            op("1.0")

    def test_every_charge_takes_energy_per_its_unit(self):
        for name, charge in CHARGES.items():
            # Power per chip times chip-seconds, energy per all other units.
            power = charge.unit.endswith("*s")
            unit = f"W/{charge.unit.removesuffix('*s')}" if power else f"J/{charge.unit}"
            assert Price("a", 2.0, unit, "per_term", charges=name).joules(3) == 6.0

    @pytest.mark.parametrize(
        ("prices", "message"),
        [
            ([], "at least one"),
            ([op(), op()], "terms stand twice: a"),
            ([op(), Price("neurons", 0, "count", "capacity")], "'neurons' must be above 0"),
            ([Price("tdp", 0.0, "W", "system")], "'tdp' must be above 0; give None"),
            (
                [Price("all", 26.0, "pJ/op", "all_in", charges="synaptic_ops"), op(term="b")],
                "cannot be added to them: all \\(all_in\\), b \\(per_term\\)",
            ),
            (
                [
                    Price("all", 26.0, "pJ/op", "all_in", charges="synaptic_ops"),
                    Price("leak", 1.0, "mW/chip", "static", charges="chip_seconds"),
                ],
                "cannot be added",
            ),
            (
                [
                    Price("some", 2.0, "pJ/op", "unstated", charges="synaptic_ops"),
                    Price("hop", 1.0, "pJ/hop", "per_term", charges="hops"),
                ],
                "may hold the other terms",
            ),
            (
                [Price("power", 1.0, "W/chip", "envelope", charges="chip_seconds"), op()],
                "cannot be added",
            ),
            (
                [
                    Price("peak", 6.8, "pJ/op", "envelope", charges="synaptic_ops"),
                    Price("leak", 1.0, "mW/chip", "static", charges="chip_seconds"),
                ],
                "different scopes",
            ),
            (
                [Price("each", 1.0, "uJ/inference", "per_inference", charges="inferences"), op()],
                "different scopes",
            ),
            ([op(), Price("b", 1.0, "pJ/op", "per_term", range_of="c")], "a range of 'c'"),
            ([op(), Price("b", 1.0, "pJ/bit", "per_term", range_of="a")], "is not"),
            (
                [
                    op(),
                    Price(
                        "b",
                        1.0,
                        "W/chip",
                        "envelope",
                        charges="chip_seconds",
                        range_of="a",
                    ),
                ],
                "both must charge counts",
            ),
            ([op(), Price("b", 1.0, "pJ/op", "system", range_of="a")], "cannot be charged"),
        ],
    )
    def test_profiles(self, prices, message):
        with pytest.raises(ValueError, match=message):
            DeviceProfile("mine", "digital_neuromorphic", tuple(prices))

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("loihi", "loihi1, "),
            ("Loihi2", "loihi2"),
            ("truenorth", "truenorth-2014"),
            ("h100", "h100"),
        ],
    )
    def test_unknown_devices_name_those_spelled_alike(self, name, near):
        with pytest.raises(ValueError, match=f"no device '{name}'; did you mean .*{near}"):
            device(name)

    def test_other_unknown_names(self):
        with pytest.raises(ValueError, match="no device 'qqqq'; `devices"):
            device("qqqq")
        with pytest.raises(TypeError, match="must be text"):
            device(3)
        with pytest.raises(ValueError, match="kind 'cpus' is unknown"):
            devices("cpus")
        with pytest.raises(ValueError, match="no term 'synaptic'; did you mean synaptic_op"):
            device("odin").price("synaptic")


class TestFiles:
    @pytest.mark.parametrize(
        ("row", "message"),
        [
            (PLAIN.replace("1.0", "1,0"), "row 3: 12 cells"),
            (PLAIN.replace("1.0", "cheap"), "row 3 \\(one, a\\): could not convert"),
            (PLAIN.replace("1.0", "nan"), "row 3 \\(one, a\\): Price 'a': value must be finite"),
            (PLAIN.replace("1.0", "-1"), "row 3 \\(one, a\\).*at least 0, got -1"),
            (PLAIN.replace("1.0", ""), "row 3 \\(one, a\\).*None goes with"),
            (PLAIN.replace("pJ/op", "pJ"), "row 3 \\(one, a\\).*not J"),
            (PLAIN.replace("primary", "sure"), "row 3 \\(one, a\\).*evidence 'sure'"),
            (PLAIN.replace(",here", ","), "row 3 \\(one, a\\).*source must not be empty"),
            (PLAIN.replace("gpu,a", "cpu,c"), "row 3 \\(one, c\\): kind 'cpu', but 'gpu' before"),
            (PLAIN, "profiles.csv row 2 \\(one\\).*terms stand twice"),
            (PLAIN.replace("one,", "two,"), "profiles.csv: lacks \\['two'\\]"),
        ],
    )
    def test_malformed_rows_are_named(self, row, message):
        with pytest.raises(ValueError, match=message):
            read_devices([FIGURES, PLAIN, row], [PROFILES, "one,One,,"])

    @pytest.mark.parametrize(
        ("profiles", "message"),
        [
            ([PROFILES, "one,One,two,"], "unknown alternatives \\['two'\\]"),
            ([PROFILES, "one,One,,", "one,One,,"], "row 3 \\(one\\)"),
            ([PROFILES, "two,Two,,"], "row 2 \\(two\\)"),
            (["name,title"], "columns must be name, title"),
        ],
    )
    def test_malformed_profiles(self, profiles, message):
        with pytest.raises(ValueError, match=message):
            read_devices([FIGURES, PLAIN], profiles)

    def test_malformed_records(self):
        lines = resources.files("cusnn.energy").joinpath("records.csv").read_text().splitlines()
        for old, new in (("measured", "guessed"), ("9.941", ""), ("9.941", "-1"), ("uJ/op", "uJ")):
            with pytest.raises(ValueError, match=r"row 2 .van Albada"):
                read_records([lines[0], lines[1].replace(old, new)])

    def test_the_table_of_hardware_is_that_of_the_data(self):
        written = resources.files("cusnn.energy").joinpath("hardware.md").read_text("utf-8")
        assert written == hardware_markdown(), "python -m cusnn.energy.hardware writes it anew"

    def test_the_table_of_hardware_tells_what_is_published(self):
        lines = hardware_markdown().splitlines()
        row = next(line for line in lines if line.startswith("| TrueNorth at 20 Hz"))
        assert "| 2014 |" in row
        assert "| 72 mW (operating point) |" in row
        assert "synaptic operations 26 pJ (21.7 to 26.8)" in row
        assert "| all in | secondary |" in row
        loihi2 = next(line for line in lines if line.startswith("| Loihi 2 "))
        assert "synaptic op none published" in loihi2


@pytest.mark.usefixtures("registered")
class TestRegister:
    def test_a_device_is_known_by_name(self):
        mine = register_device("mine", [op(3.0)], title="My chip")
        assert device("mine") is mine
        assert devices()["mine"].title == "My chip"
        assert "My chip" not in hardware_markdown()
        assert register_device("mine", [op(4.0)], replace=True).value("a") == 4.0

    def test_names_that_are_taken(self):
        register_device("mine", [op()])
        with pytest.raises(ValueError, match=r"'mine' is taken.*replace=True"):
            register_device("mine", [op()])
        with pytest.raises(ValueError, match=r"'odin' is taken by ODIN; take another name$"):
            register_device("odin", [op()], replace=True)

    def test_unknown_alternatives_and_kinds(self):
        with pytest.raises(ValueError, match="no alternative 'loihi'; did you mean loihi1"):
            register_device("mine", [op()], alternatives=["loihi"])
        with pytest.raises(TypeError, match="alternatives must be a list, got 'odin'"):
            register_device("mine", [op()], alternatives="odin")
        with pytest.raises(TypeError, match="prices must be a list"):
            register_device("mine", op())
        with pytest.raises(ValueError, match="kind 'chip' is unknown"):
            register_device("mine", [op()], kind="chip")
        assert "mine" not in devices()
