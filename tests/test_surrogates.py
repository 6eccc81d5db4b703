"""Surrogates: primitives against finite differences, presets against the libraries' formulas, and
three float32 backends against float64 and against each other, bit for bit."""

import re

import emulator
import numpy as np
import pytest

from cusnn import driver, surrogates
from cusnn.backends.numba_cpu import surrogates as numba_cpu
from cusnn.backends.numpy_ref import surrogates as numpy_ref

PROBE = str(emulator.TESTS / "kernels_for_tests" / "surrogate_probe.cu")
FOUR = [(name, "f4") for name in "abcd"]
EPS = 2.0**-23
SMALLEST = 2.0**-126

# Each with the u where its derivative jumps or bends.
CASES = {
    "fast_sigmoid": (surrogates.FastSigmoid(), (0.0,)),
    "fast_sigmoid_other": (surrogates.FastSigmoid(1.7, 0.4), (0.0,)),
    "sparse_fast_sigmoid": (surrogates.SparseFastSigmoid(3.0, -0.75, 1.5), (-0.75, 0.0)),
    "sparse_above": (surrogates.SparseFastSigmoid(25.0, 1.0), (1.0,)),
    "atan": (surrogates.ATan(), ()),
    "atan_other": (surrogates.ATan(0.3, 2.5), ()),
    "gaussian": (surrogates.Gaussian(), ()),
    "gaussian_other": (surrogates.Gaussian(0.8, 1.3, -0.4), ()),
    "multi_gaussian": (surrogates.MultiGaussian(), ()),
    "multi_gaussian_other": (surrogates.MultiGaussian(0.9, 0.4, 3.0), ()),
    "triangle": (surrogates.Triangle(), (-1.0, 0.0, 1.0)),
    "triangle_other": (surrogates.Triangle(0.6, 2.2), (-0.6, 0.0, 0.6)),
    "sigmoid": (surrogates.Sigmoid(), ()),
    "sigmoid_other": (surrogates.Sigmoid(25.0, 0.7), ()),
    "tanh": (surrogates.Tanh(1.4, 0.6), ()),
    "straight_through": (surrogates.StraightThrough(0.7), ()),
    "exponential": (surrogates.Exponential(), (0.0,)),
    "exponential_other": (surrogates.Exponential(2.5, 0.8, 1.25), (1.25,)),
    "periodic": (surrogates.PeriodicExponential(), tuple(np.arange(17) / 2)),
    "periodic_other": (
        surrogates.PeriodicExponential(0.7, 1.5, 0.9, 2.0),
        tuple(0.75 * np.arange(12)),
    ),
    "rectangle": (surrogates.Rectangle(), (-0.5, 0.5)),
    "rectangle_leaky": (surrogates.Rectangle(1.25, 0.4, 0.01), (-1.25, 1.25)),
    "step": (surrogates.Step(), (0.0,)),
    "step_closed": (surrogates.Step(-0.75, -0.5, 1.5, closed=True), (-0.75,)),
    "reciprocal": (surrogates.Reciprocal(0.8, 1.2), (0.0,)),
    "capped_reciprocal": (surrogates.CappedReciprocal(0.4, 0.8), (-2.0, 2.0)),
    "circ": (surrogates.Circ(0.7, 1.1), ()),
    "power_2": (surrogates.Power(2.0, 2), (0.0,)),
    "power_7": (surrogates.Power(0.9, 7, 1.2), (0.0,)),
    "power_13": (surrogates.Power(0.4, 13), (0.0,)),
    "power_15": (surrogates.Power(0.3, 15, 0.5), (0.0,)),
    "s2nn": (surrogates.S2NN(3.0, 0.8), (0.0,)),
}
SYMMETRIC = [
    name
    for name, (surrogate, _) in CASES.items()
    if surrogate.kind not in ("PeriodicExponential", "S2NN", "Step")
    and not getattr(surrogate, "center", 0.0)
    and not hasattr(surrogate, "edge")
]


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def preset_id(entry):
    return f"{entry.library}-{entry.name}".replace(" ", "_")


def with_values(entry, missing=1.5, factor=1.0):
    """The preset and its parameters, the defaults times ``factor``."""
    values = {
        name: missing if value is None else value * factor
        for name, value in entry.parameters.items()
    }
    return surrogates.preset(entry.library, entry.name, **values), values


# ------------------------------------------------------------------ float64


def test_derivatives_worked_by_hand():
    def g(surrogate, *u):
        return surrogate.derivative(np.array(u)).tolist()

    assert g(surrogates.FastSigmoid(2.0), 0.0, 0.5, -1.5) == [1.0, 0.25, 0.0625]
    assert g(surrogates.SparseFastSigmoid(2.0, -1.0), -1.5, -1.0, 0.5) == [0.0, 0.0, 0.25]
    assert g(surrogates.ATan(2.0), 0.5 / np.pi, 0.0) == pytest.approx([0.5, 1.0])
    assert g(surrogates.Gaussian(2.0, 3.0), 2.0) == pytest.approx([3.0 * np.exp(-0.5)])
    assert g(surrogates.Triangle(2.0, 0.3), -1.0, 2.5) == pytest.approx([0.15, 0.0])
    assert g(surrogates.Sigmoid(4.0), 0.0, np.log(3) / 4) == pytest.approx([1.0, 0.75])
    assert g(surrogates.Tanh(), np.log(2)) == pytest.approx([1 - 0.6**2])
    assert g(surrogates.StraightThrough(0.5), -7.0, 9.0) == [0.5, 0.5]
    assert g(surrogates.Exponential(2.0, 3.0, 1.0), 1.5) == pytest.approx([3.0 / np.e])
    wave = surrogates.PeriodicExponential(1.0, 2.0, 1.0, 1.0)
    assert g(wave, -3.0, 0.5, 1.0, 2.0, 3.5) == pytest.approx(np.exp([-3.0, -0.5, -1.0, 0.0, -0.5]))
    assert g(surrogates.Rectangle(0.5, 2.0, 0.1), -0.5, -0.25, 0.5) == [0.1, 2.0, 0.1]
    assert g(surrogates.Step(1.0, 5.0, 2.0), 0.0, 1.0, 2.0) == [2.0, 2.0, 5.0]
    assert g(surrogates.Step(1.0, 5.0, 2.0, closed=True), 0.0, 1.0, 2.0) == [2.0, 5.0, 5.0]
    assert g(surrogates.Reciprocal(0.5), -0.5, 1.5) == [1.0, 0.5]
    assert g(surrogates.CappedReciprocal(0.25), 0.0, 2.0, -8.0) == [0.25, 0.25, 0.125]
    assert g(surrogates.Circ(2.0), 2.0) == pytest.approx([2.0**-1.5])
    assert g(surrogates.Power(1.0, 3), 1.0) == [0.125]
    assert g(surrogates.S2NN(4.0, 3.0), -np.log(3) / 4, 0.0, 2.0) == pytest.approx([0.75, 3, 1])
    flank = np.exp(-0.5 * (1 / 6) ** 2) / (3.0 * np.sqrt(2 * np.pi))
    centre = 1.15 / (0.5 * np.sqrt(2 * np.pi))
    assert g(surrogates.MultiGaussian(), 0.0) == pytest.approx([centre - 0.3 * flank])


def check_primitive(surrogate, kinks):
    """Central differences; their error is h^2 g'' / 6 and rounding of the primitive over h."""
    h = 1e-6
    u = np.linspace(-3.987, 4.013, 1601)
    for kink in kinks:
        u = u[np.abs(u - kink) > 2 * h]
    slope = (surrogate.primitive(u + h) - surrogate.primitive(u - h)) / (2 * h)
    np.testing.assert_allclose(slope, surrogate.derivative(u), rtol=1e-7, atol=1e-7)


def test_primitive_by_finite_differences(case):
    check_primitive(*case)


def test_primitive_is_continuous(case):
    surrogate, kinks = case
    near = np.array([0.0, *kinks])
    jump = surrogate.primitive(near + 1e-9) - surrogate.primitive(near - 1e-9)
    np.testing.assert_allclose(jump, 0.0, atol=1e-7)


def test_results_are_float64_of_the_same_shape(case):
    surrogate, _ = case
    for u in (np.float32(0.3), np.zeros((2, 3), np.float32), [0.1, -0.1], np.zeros(0)):
        for function in (surrogate.derivative, surrogate.primitive):
            result = function(u)
            assert np.shape(result) == np.shape(u)
            assert np.asarray(result).dtype == np.float64


def test_sigmoid_of_far_voltages_is_zero():
    for surrogate in (surrogates.Sigmoid(25.0), surrogates.Tanh(9.0), surrogates.S2NN()):
        assert surrogate.derivative(-1e6) == 0.0


# ------------------------------------------------------------------ presets

# g(0) at the defaults (1.5 for a parameter without one), as checked against the libraries' code.
PEAKS = {
    ("snntorch", "atan"): 1,
    ("snntorch", "fast_sigmoid"): 1,
    ("snntorch", "sigmoid"): 6.25,
    ("snntorch", "triangular"): -1,
    ("snntorch", "straight_through_estimator"): 1,
    ("snntorch", "heaviside"): 0,
    ("snntorch", "spike_rate_escape"): 9.19699,
    ("snntorch", "LSO"): 0.1,
    ("snntorch", "SFS"): 0,
    ("spikingjelly", "Sigmoid"): 1,
    ("spikingjelly", "ATan"): 1,
    ("spikingjelly", "PiecewiseQuadratic"): 1,
    ("spikingjelly", "PiecewiseExp"): 0.5,
    ("spikingjelly", "SoftSign"): 1,
    ("spikingjelly", "SuperSpike"): 1,
    ("spikingjelly", "Erf"): 1.12838,
    ("spikingjelly", "NonzeroSignLogAbs"): 1,
    ("spikingjelly", "PiecewiseLeakyReLU"): 0.5,
    ("spikingjelly", "PiecewiseLeakyReLU (CuPy, before 2.0)"): 1,
    ("spikingjelly", "S2NN"): 1,
    ("spikingjelly", "QPseudoSpike"): 1,
    ("spikingjelly", "Rect"): 1,
    ("spikingjelly", "FakeNumericalGradient"): 0.3,
    ("spikingjelly", "LeakyKReLU"): 1,
    ("norse", "super"): 1,
    ("norse", "tanh"): 1,
    ("norse", "triangle"): 0.3,
    ("norse", "circ"): 1,
    ("norse", "heavi_erfc"): 1.12838,
    ("sinabs", "SingleExponential"): 2,
    ("sinabs", "PeriodicExponential"): 1,
    ("sinabs", "Gaussian"): 0.797885,
    ("sinabs", "MultiGaussian"): 0.878223,
    ("sinabs", "Heaviside"): 1,
    ("rockpool", "StepPWL"): 1,
    ("rockpool", "PeriodicExponential"): 1,
    ("lava-dl", "slayer"): 0.5,
    ("spyx", "superspike"): 1,
    ("spyx", "arctan"): 0.31831,
    ("spyx", "tanh"): 1,
    ("spyx", "boxcar"): 0.5,
    ("spyx", "triangular"): 1,
}


def normal(x, mean, deviation):
    return np.exp(-((x - mean) ** 2) / (2 * deviation**2)) / (deviation * np.sqrt(2 * np.pi))


def evaluate(formula, x, values):
    """A library's formula on voltages x over threshold."""
    threshold = values.get("threshold", values.get("spike_threshold", 1.0))
    names = {
        **values,
        "x": x,
        "v": x + threshold,
        "pi": np.pi,
        "abs": np.abs,
        "exp": np.exp,
        "sqrt": np.sqrt,
        "tanh": np.tanh,
        "sign": np.sign,
        "where": np.where,
        "maximum": np.maximum,
        "minimum": np.fmin,
        "frac": lambda v: v - np.floor(v),
        "sigmoid": lambda v: 1.0 / (1.0 + np.exp(-v)),
        "normal": normal,
    }
    with np.errstate(divide="ignore", invalid="ignore"):
        return eval(formula, {"__builtins__": {}}, names)


def test_every_preset_is_there():
    assert {(entry.library, entry.name) for entry in surrogates.presets()} == set(PEAKS)


@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("entry", surrogates.presets(), ids=preset_id)
def test_preset_is_the_library_formula(entry, factor):
    """To 1e-12, on a grid of dyadic numbers, so that edges are hit exactly; the absolute term is
    for formulas that subtract nearly equal numbers."""
    if entry.name == "QPseudoSpike":
        factor = max(factor, 1.0)  # its alpha must be whole and above 1
    surrogate, values = with_values(entry, factor=factor)
    x = np.arange(-256, 257) / 64.0
    expected = evaluate(entry.formula, x, values)
    found = surrogate.derivative(x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15 * scale)


@pytest.mark.parametrize("entry", surrogates.presets(), ids=preset_id)
def test_preset_at_threshold(entry):
    surrogate, _ = with_values(entry)
    assert surrogate.derivative(0.0) == pytest.approx(PEAKS[entry.library, entry.name], rel=1e-5)


@pytest.mark.parametrize("entry", surrogates.presets(), ids=preset_id)
def test_preset_by_finite_differences(entry):
    surrogate, _ = with_values(entry)
    reach = [getattr(surrogate, name, 0.0) for name in ("width", "edge", "center")]
    reach.append(1.0 / getattr(surrogate, "cap", 1.0))
    kinks = {0.0, *reach, *(-r for r in reach), *np.arange(-8, 9) / 2}
    check_primitive(surrogate, kinks)


def test_defaults_are_the_library_defaults():
    assert surrogates.preset("snntorch", "atan") == surrogates.ATan(1.0, 1.0)
    assert surrogates.preset("snntorch", "atan", alpha=4) == surrogates.ATan(2.0, 2.0)
    assert surrogates.preset("spyx", "arctan", k=1) == surrogates.ATan(1.0, 1 / np.pi)
    exodus = surrogates.preset("exodus", "Heaviside", window=0.5)
    assert exodus == surrogates.Step(-0.5, closed=True)


@pytest.mark.parametrize(
    ("library", "name", "parameters", "text"),
    [
        ("snntorch", "SSO", {}, "random"),
        ("spikingjelly", "LogTailedReLU", {}, "not been transcribed"),
        ("spikingjelly", "SquarewaveFourierSeries", {}, "not been transcribed"),
        ("spikingjelly", "MultiLevelSpikeCount", {}, "not been transcribed"),
        ("snntorch", "arctan", {}, "no preset snntorch arctan: snntorch has atan, fast_sigmoid"),
        ("torch", "atan", {}, "the libraries are snntorch, spikingjelly"),
        ("snntorch", "atan", {"k": 3}, "takes alpha, got k"),
        ("snntorch", "heaviside", {"k": 3}, "takes no parameters, got k"),
        ("norse", "circ", {}, "needs alpha: it has no default"),
        ("norse", "circ", {"alpha": None}, "needs alpha"),
        ("snntorch", "atan", {"alpha": -1}, "with alpha=-1.0: .*must be positive"),
        ("snntorch", "atan", {"alpha": "2"}, "alpha must be a number, got '2'"),
        ("snntorch", "atan", {"alpha": np.nan}, "alpha must be finite"),
        ("spikingjelly", "QPseudoSpike", {"alpha": 2.5}, "whole number from 2 to 15, got 2.5"),
        ("spikingjelly", "QPseudoSpike", {"alpha": 1}, "with alpha=1.0"),
        ("spikingjelly", "Rect", {"alpha": 0}, "with alpha=0.0"),
    ],
)
def test_presets_that_cannot_be(library, name, parameters, text):
    with pytest.raises(ValueError, match=text):
        surrogates.preset(library, name, **parameters)


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: surrogates.FastSigmoid(slope=0), "FastSigmoid: slope must be positive, got 0"),
        (lambda: surrogates.FastSigmoid(-1.0), "slope must be positive"),
        (lambda: surrogates.FastSigmoid(amplitude=np.nan), "amplitude must be finite"),
        (lambda: surrogates.FastSigmoid(slope=np.inf), "slope must be finite"),
        (lambda: surrogates.FastSigmoid(slope="2"), "slope must be a number"),
        (lambda: surrogates.FastSigmoid(slope=np.ones(3)), "slope must be a number"),
        (lambda: surrogates.FastSigmoid(slope=True), "slope must be a number"),
        (lambda: surrogates.FastSigmoid(slope=1e39), "too large for float32"),
        (lambda: surrogates.FastSigmoid(slope=1e-39), "too small for float32"),
        (lambda: surrogates.Gaussian(width=0.0), "Gaussian: width must be positive"),
        (lambda: surrogates.Gaussian(width=1e-40), "too large for float32"),
        (lambda: surrogates.Gaussian(center=np.inf), "center must be finite"),
        (lambda: surrogates.MultiGaussian(height=-0.1), "height must not be negative"),
        (lambda: surrogates.Triangle(width=-2), "width must be positive"),
        (lambda: surrogates.Triangle(width=5e-324), "inf is too large for float32"),
        (lambda: surrogates.Rectangle(outside=-1), "outside must not be negative"),
        (lambda: surrogates.Step(closed=1), "closed must be True or False"),
        (lambda: surrogates.Reciprocal(offset=1e-30, amplitude=1e30), "too large for float32"),
        (lambda: surrogates.Power(power=1), "whole number from 2 to 15"),
        (lambda: surrogates.Power(power=16), "whole number from 2 to 15"),
        (lambda: surrogates.Power(power=2.5), "whole number from 2 to 15"),
    ],
)
def test_bad_parameters(build, text):
    with pytest.raises(ValueError, match=text):
        build()


def test_frozen_and_compared_by_value():
    assert surrogates.FastSigmoid(10) == surrogates.FastSigmoid(10.0)
    assert hash(surrogates.FastSigmoid(10)) == hash(surrogates.FastSigmoid(np.float64(10)))
    assert surrogates.FastSigmoid(10) != surrogates.FastSigmoid(11)
    with pytest.raises(AttributeError):
        surrogates.FastSigmoid().slope = 3.0


def test_coefficients(case):
    surrogate, _ = case
    coefficients = surrogate.coefficients()
    assert coefficients.kind in numba_cpu.KINDS
    assert coefficients.values.dtype == np.float32
    assert coefficients.values.shape == (4,)
    assert not coefficients.values.flags.writeable
    assert not np.isnan(coefficients.values).any()


def test_one_list_of_kinds_in_every_room():
    structs = re.findall(r"^struct (\w+) \{", driver.headers()["surrogates.cuh"], re.M)
    assert structs.pop() == "Surrogate"  # any of those before it, chosen while it runs
    assert tuple(structs) == numba_cpu.KINDS == tuple(numpy_ref.FORMULAS)
    assert {surrogate.kind for surrogate, _ in CASES.values()} == set(numba_cpu.KINDS)


# ------------------------------------------------------------------ float32


def float32_grid(surrogate, kinks=()):
    """Near threshold, far away, every exponent, random bits, zeros, subnormals, and the kinks
    with their neighbours."""
    rng = np.random.default_rng(11)
    bits = rng.integers(0, 2**32, 20000, dtype=np.uint32).view(np.float32)
    edges = np.array([0.0, *kinks, 1.0], np.float32)
    edges = [np.nextafter(edges, np.float32(way)) for way in (-np.inf, np.inf)] + [edges]
    special = [0.0, -0.0, 1e-45, 1e-40, 1.17549435e-38, 1e38, 3.4028235e38, 2.0**24, 2.0**25]
    parts = [
        rng.normal(0.0, 1.0, 4000),
        rng.normal(0.0, 30.0, 4000),
        2.0 ** rng.uniform(-126, 128, 4000),
        bits[np.isfinite(bits)],
        *edges,
        special,
    ]
    u = np.concatenate([np.asarray(part, np.float32) for part in parts])
    return np.concatenate([u, -u])


def run(room, coefficients, u):
    """g(u) of one backend; the Numba one in place, as a backward pass may do it."""
    kind = numba_cpu.KINDS.index(coefficients.kind)
    if room == "numpy":
        return numpy_ref.derivative(coefficients.kind, coefficients.values, u)
    if room == "numba":
        g = u.copy()
        numba_cpu.derivative_block(kind, coefficients.values, g, g)
        return g
    emulator.require()
    g = np.full_like(u, np.nan)
    values = np.array(tuple(coefficients.values), FOUR)[()]
    args = (np.int32(kind), u, g, np.int32(u.size), values)
    emulator.launch(PROBE, "surrogate_probe", 1, 32, args)
    return g


def assert_same_bits(found, expected):
    assert found.dtype == expected.dtype == np.float32
    np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("room", ["numba", "emulated"])
def test_same_bits_in_every_room(case, room):
    surrogate, kinks = case
    coefficients = surrogate.coefficients()
    u = float32_grid(surrogate, kinks)
    assert_same_bits(run(room, coefficients, u), run("numpy", coefficients, u))


@pytest.mark.parametrize("room", ["numpy", "numba", "emulated"])
def test_nan_stays_nan_in_every_room(case, room):
    """A NaN among numbers, and infinities, which no formula may turn into another NaN."""
    surrogate, _ = case
    coefficients = surrogate.coefficients()
    u = np.array([0.3, np.nan, -0.3, -np.nan, np.inf, -np.inf, 1.0, np.nan] * 5, np.float32)
    g = run(room, coefficients, u)
    np.testing.assert_array_equal(np.isnan(g), np.isnan(u))
    numbers = ~np.isnan(u)
    assert np.isnan(surrogate.derivative(u[~numbers])).all()
    assert_same_bits(g[numbers], run("numpy", coefficients, u[numbers]))


@pytest.mark.parametrize("n", [0, 1, 31, 33, 257, 1000])
@pytest.mark.parametrize("room", ["numpy", "numba"])
def test_every_element_of_odd_blocks(room, n):
    """Vector loops have a tail, and a block may be written elsewhere."""
    coefficients = surrogates.Exponential(1.5, 0.5).coefficients()
    u = np.random.default_rng(n).normal(size=n).astype(np.float32)
    expected = run("numpy", coefficients, np.tile(u, 2))[:n]
    before = u.copy()
    if room == "numpy":
        g = run("numpy", coefficients, u)
    else:
        g = np.full(n + 1, np.nan, np.float32)
        kind = numba_cpu.KINDS.index(coefficients.kind)
        numba_cpu.derivative_block(kind, coefficients.values, u, g[:n])
        assert np.isnan(g[n])
        g = g[:n]
    assert_same_bits(g, expected)
    np.testing.assert_array_equal(u, before)


def float32_tolerance(surrogate, u):
    """What float32 may be off by.

    Rounding of the arguments (slope u and u - center: three roundings, and one of the parameter)
    moves g as a shift of u by four half-units in the last place would; four more units are for
    the operations after that and the exponential, one for each factor of a power. Exponentials
    below exp(-87) = 1.4 smallest normal numbers are 0, times up to four peaks. The multi-Gaussian
    also subtracts, and its flanks stand at +-width.
    """
    centre = abs(getattr(surrogate, "center", 0.0))
    if surrogate.kind == "MultiGaussian":
        centre = surrogate.width
    shift = 2.0 * EPS * (np.abs(u) + centre)
    g = surrogate.derivative(u)
    moved = [np.abs(surrogate.derivative(u + sign * shift) - g) for sign in (-1.0, 1.0)]
    peak = np.abs(g).max()
    rest = EPS * peak if surrogate.kind == "MultiGaussian" else 0.0
    units = 4.0 + getattr(surrogate, "power", 0.0)
    return moved[0] + moved[1] + units * EPS * np.abs(g) + 6.0 * SMALLEST * max(1.0, peak) + rest


def check_float32(surrogate, kinks):
    u = float32_grid(surrogate, kinks)
    if surrogate.kind == "PeriodicExponential":
        # Beyond, float32 no longer resolves the phase of the wave.
        u = u[np.abs(u) < 1000.0]
    exact = u.astype(np.float64)
    error = np.abs(run("numpy", surrogate.coefficients(), u) - surrogate.derivative(exact))
    worst = np.argmax(error - float32_tolerance(surrogate, exact))
    assert (error <= float32_tolerance(surrogate, exact)).all(), (u[worst], error[worst])


def test_float32_against_float64(case):
    check_float32(*case)


@pytest.mark.parametrize("entry", surrogates.presets(), ids=preset_id)
def test_float32_of_presets_against_float64(entry):
    check_float32(with_values(entry)[0], ())


def test_finite_everywhere(case):
    """No NaN and no infinity for any finite voltage, and nothing left where g vanishes."""
    surrogate, kinks = case
    coefficients = surrogate.coefficients()
    g = run("numpy", coefficients, float32_grid(surrogate, kinks))
    assert np.isfinite(g).all()
    far = np.array([-1e38, 1e38, 3.4028235e38], np.float32)
    if surrogate.kind not in ("Step", "StraightThrough", "Rectangle", "PeriodicExponential"):
        assert np.abs(run("numpy", coefficients, far)).max() < 1e-37


def test_steepest_and_flattest_parameters_stay_finite():
    """0 times infinity is where a NaN would come from: the smallest factors, the largest u."""
    tiny, huge = 2e-38, 1e37
    cases = [
        surrogates.FastSigmoid(tiny, huge),
        surrogates.FastSigmoid(huge, tiny),
        surrogates.ATan(huge, huge),
        surrogates.Gaussian(huge, huge, -3e38),
        surrogates.Exponential(tiny, huge, -3e38),
        surrogates.MultiGaussian(1e30, 1.0, 1e6),
        surrogates.Triangle(huge, tiny),
        surrogates.PeriodicExponential(1e-30, 1e-37, 1.0, 1e-6),
        surrogates.Reciprocal(huge, huge),
        surrogates.CappedReciprocal(huge, huge),
        surrogates.Circ(1e-37, 1.0),
        surrogates.Power(huge, 15),
        surrogates.S2NN(huge, huge),
    ]
    for surrogate in cases:
        g = run("numpy", surrogate.coefficients(), float32_grid(surrogate))
        assert np.isfinite(g).all(), surrogate


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric(name):
    coefficients = CASES[name][0].coefficients()
    u = float32_grid(CASES[name][0])
    assert_same_bits(run("numpy", coefficients, -u), run("numpy", coefficients, u))


@pytest.mark.parametrize("name", ["rectangle", "rectangle_leaky", "step", "step_closed"])
def test_edges_are_exact(name):
    """On the edge and on both its neighbours: the float32 result is the float64 one, rounded."""
    surrogate, kinks = CASES[name]
    edge = np.float32(kinks)
    for u in (edge, np.nextafter(edge, np.float32(-9)), np.nextafter(edge, np.float32(9))):
        expected = surrogate.derivative(u).astype(np.float32)
        assert_same_bits(run("numpy", surrogate.coefficients(), u), expected)


def test_exponential_within_two_units():
    """exp(-m) over its whole range, in units in the last place of the exact value."""
    rng = np.random.default_rng(2)
    m = np.concatenate([rng.uniform(0, 87, 400000), 2.0 ** rng.uniform(-40, 6.4, 400000)])
    m = m[m <= 87.0].astype(np.float32)
    exact = np.exp(-m.astype(np.float64))
    unit = np.spacing(exact.astype(np.float32)).astype(np.float64)
    error = np.abs(numpy_ref.exp_minus(m) - exact) / unit
    assert error.max() < 1.5


def test_exponential_at_its_ends():
    m = np.array([0.0, 1e-45, 87.0, np.nextafter(np.float32(87), np.float32(88)), 1e38, np.inf])
    e = numpy_ref.exp_minus(m.astype(np.float32))
    assert e[0] == e[1] == 1.0
    assert e[2] == pytest.approx(np.exp(-87.0), rel=1e-6)
    assert (e[3:] == 0.0).all()


def test_presets_in_any_case():
    for entry in surrogates.presets():
        if None in entry.parameters.values():
            continue
        same = surrogates.preset(entry.library, entry.name)
        assert surrogates.preset(entry.library.upper(), entry.name.swapcase()) == same
    assert surrogates.preset("snnTorch", "ATan") == surrogates.preset("snntorch", "atan")
