"""How CUDA threads share neurons: several a thread, 16 bytes a load, numbers of 16 bits."""

import re

import emulator
import numpy as np
import pytest
from conftest import skip, use_emulator

import cusnn
from cusnn import ALIF, LIF, CobaLIF, CubaLIF, contract, driver, surrogates
from cusnn.backends.cuda import arguments
from cusnn.backends.cuda import neuron as cuda

PROBE = str(emulator.TESTS / "kernels_for_tests" / "reals_probe.cu")
NEURONS = {
    "LIF": LIF(t_refractory=2.0),
    "CubaLIF": CubaLIF(r=1.0, v_leak=0.0, v_threshold=1.0, v_reset=0.0, tau_syn=5.0),
    "ALIF": ALIF(v_threshold=1.0, jump=0.2, tau_adaptation=50.0, t_refractory=1.0),
}
MEANS = {"LIF": 1.2, "CubaLIF": 0.2, "ALIF": 1.2}
# T, B, N and interval: rows of whole loads, and of no whole ones; with several warps of lanes in a
# row, and with few neurons; segments that end within a round of loads, and one that is shorter.
SHAPES = {
    "whole": (37, 2, 520, 16),
    "whole in all": (21, 4, 34, 16),
    "odd": (19, 3, 67, 5),
    "one": (3, 1, 1, 16),
    "few": (34, 5, 24, 7),
}


@pytest.fixture(autouse=True)
def under_the_harness(monkeypatch):
    use_emulator(monkeypatch)


def halves(dtype: str):
    """The NumPy dtype; that of bfloat16 comes from a package that CuPy wants for it too."""
    if dtype == "bfloat16":
        try:
            import ml_dtypes
        except ModuleNotFoundError:
            skip("ml_dtypes", "ml_dtypes is not installed")
        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(dtype)


def bits(array):
    return np.ascontiguousarray(array).view(f"u{array.dtype.itemsize}")


def assert_same(found, expected):
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(bits(found), bits(expected))


def inputs(model, dtype, shape):
    steps, batch, n, _ = SHAPES[shape]
    rng = np.random.default_rng(steps)
    neuron = NEURONS[model]
    current = rng.standard_normal((steps, batch, n), dtype=np.float32) + np.float32(MEANS[model])
    grads = rng.standard_normal((steps, batch, n), dtype=np.float32)
    state = np.zeros((len(neuron.state), batch, n), np.float32)
    state[0] = 0.9 * rng.random((batch, n), dtype=np.float32)
    dtype = halves(dtype)
    return current.astype(dtype), state, grads.astype(dtype), rng.standard_normal(state.shape)


# ------------------------------------------------------------------ the same numbers as NumPy's


@pytest.mark.parametrize("packed", [False, True], ids=["dense", "packed"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("model", NEURONS)
def test_forward_is_that_of_float32(model, dtype, shape, packed):
    current, state, _, _ = inputs(model, dtype, shape)
    options = {"checkpoints": True, "interval": SHAPES[shape][3], "packed": packed}
    wide = current.astype(np.float32)
    expected = cusnn.neuron_forward(wide, state, NEURONS[model], backend="numpy", **options)
    found = cusnn.neuron_forward(
        current, state, NEURONS[model], backend="cuda", spikes_dtype=dtype, **options
    )
    if current.size > 100:
        assert 0.003 < expected.spikes.mean() < 0.5
    assert_same(found.spikes, expected.spikes.astype(current.dtype))
    assert_same(found.final_state, expected.final_state)
    assert_same(found.checkpoints, expected.checkpoints)
    assert (found.packed is None) is not packed
    if packed:
        assert_same(found.packed, expected.packed)


@pytest.mark.parametrize("in_place", [False, True], ids=["new", "in place"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("model", NEURONS)
def test_backward_is_that_of_float32_rounded(model, dtype, shape, in_place):
    current, state, grads, grad_final = inputs(model, dtype, shape)
    grad_final = grad_final.astype(np.float32)
    options = {"interval": SHAPES[shape][3], "grad_final_state": grad_final, "coefficients": True}
    options["surrogate"] = surrogates.ATan()
    wide = current.astype(np.float32)
    points = cusnn.neuron_forward(
        wide, state, NEURONS[model], checkpoints=True, interval=options["interval"], backend="numpy"
    ).checkpoints
    expected = cusnn.neuron_backward(
        wide, points, grads.astype(np.float32), NEURONS[model], backend="numpy", **options
    )
    found = cusnn.neuron_backward(
        current,
        points,
        grads,
        NEURONS[model],
        backend="cuda",
        out_grad_current=grads if in_place else None,
        **options,
    )
    assert (found.current is grads) is in_place
    assert_same(found.current, expected.current.astype(current.dtype))
    assert_same(found.state, expected.state)
    for name, gradient in expected.coefficients.items():
        assert_same(found.coefficients[name], gradient)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_static_input_of_16_bits_is_summed_in_float32(dtype):
    current, state, grads, _ = inputs("LIF", dtype, "few")
    current = current[0].copy()
    steps = len(grads)
    wide = current.astype(np.float32)
    points = cusnn.neuron_forward(
        wide, state, NEURONS["LIF"], steps=steps, checkpoints=True, backend="numpy"
    )
    found = cusnn.neuron_forward(
        current, state, NEURONS["LIF"], steps=steps, checkpoints=True, backend="cuda"
    )
    assert_same(found.spikes, points.spikes)
    assert found.spikes.any()
    given = (points.checkpoints, grads.astype(np.float32), NEURONS["LIF"])
    expected = cusnn.neuron_backward(wide, *given, backend="numpy")
    given = (points.checkpoints, grads, NEURONS["LIF"])
    found = cusnn.neuron_backward(current, *given, backend="cuda")
    assert_same(found.current, expected.current.astype(current.dtype))
    assert_same(found.state, expected.state)


@pytest.mark.parametrize("n", [64, 67])
def test_parameters_per_neuron(n):
    neuron = LIF(tau_mem=np.linspace(5, 40, n), v_threshold=np.linspace(0.5, 1.0, n))
    rng = np.random.default_rng(2)
    current = rng.standard_normal((20, 3, n), dtype=np.float32) + np.float32(1)
    state = np.zeros((2, 3, n), np.float32)
    found, expected = (
        cusnn.neuron_forward(current, state, neuron, checkpoints=True, backend=name)
        for name in ("cuda", "numpy")
    )
    assert_same(found.spikes, expected.spikes)
    assert_same(found.checkpoints, expected.checkpoints)
    found, expected = (
        cusnn.neuron_backward(
            current, expected.checkpoints, current, neuron, coefficients=True, backend=name
        )
        for name in ("cuda", "numpy")
    )
    assert_same(found.current, expected.current)
    for name, gradient in expected.coefficients.items():
        assert_same(found.coefficients[name], gradient)


# ------------------------------------------------------------------ who loads how


def launches(monkeypatch):
    seen = []
    launch = driver.launch

    def record(source, kernel, grid, block, args, **options):
        seen.append((kernel, grid, block, args, options))
        launch(source, kernel, grid, block, args, **options)

    monkeypatch.setattr(driver, "launch", record)
    return seen


@pytest.mark.parametrize(
    ("dtype", "batch", "n", "packed", "joined"),
    [
        ("float32", 2, 8, True, 1),
        ("float32", 2, 6, False, 1),  # rows are not whole, but all neurons together are
        ("float32", 2, 6, True, 0),
        ("float16", 2, 8, True, 1),
        ("float16", 1, 12, False, 0),
        ("float32", 1, 12, False, 1),
    ],
)
def test_neurons_lie_side_by_side_where_rows_are_whole(
    monkeypatch, dtype, batch, n, packed, joined
):
    seen = launches(monkeypatch)
    current = np.ones((2, batch, n), dtype)
    state = np.zeros((2, batch, n), np.float32)
    cusnn.neuron_forward(current, state, LIF(), packed=packed, backend="cuda")
    assert seen[0][3][-1] == joined


def test_an_array_that_does_not_begin_at_16_bytes(monkeypatch):
    memory = np.zeros(3 * 64 + 1, np.float32)
    current = memory[1:].reshape(3, 1, 64)
    current[:] = np.random.default_rng(0).random(current.shape) * 3
    assert current.ctypes.data % 16 == 4
    state = np.zeros((2, 1, 64), np.float32)
    expected = cusnn.neuron_forward(current, state, LIF(), packed=True, backend="numpy")
    seen = launches(monkeypatch)
    found = cusnn.neuron_forward(current, state, LIF(), packed=True, backend="cuda")
    assert seen[0][3][-1] == 0
    assert_same(found.packed, expected.packed)


def test_blocks_are_small_where_warps_are_few():
    assert [arguments.block_of(warps) for warps in (1, 511, 512, 10**6)] == [32, 32, 128, 128]
    assert [arguments.block_of(10**6, 1024 * kb // 128) for kb in (48, 49, 96, 97)] == [
        128,
        64,
        64,
        32,
    ]


def test_shared_memory_of_every_way_back_fits(monkeypatch):
    """48 KB are a block's everywhere, without being asked for."""
    for rows in {number for pair in cuda.KEPT.values() for number in pair}:
        each = (1 + rows) * 16 * cuda.LANES_BACK * 4
        for warps in (1, 10**6):
            assert arguments.block_of(warps, each) * each <= arguments.MOST_SHARED


def test_what_structs_keep_is_what_the_host_makes_room_for():
    text = "".join(driver.headers().values())
    for model in cuda.MODELS:
        body = re.search(rf"^struct {model} \{{.*?^\}};", text, re.M | re.S).group()
        found = [re.search(rf" {name} = (\d+);", body) for name in ("KEPT", "KEPT_ALL")]
        if model not in cuda.KEPT:
            assert found == [None, None]
            continue
        assert tuple(int(match[1]) for match in found) == cuda.KEPT[model]


# ------------------------------------------------------------------ 16 bits


def rounded(x, dtype):
    """x to the nearest number of 16 bits, ties to even, in float64; what is too large, infinite."""
    digits, smallest, largest = {"float16": (11, -24, 65504.0), "bfloat16": (8, -133, 2.0**128)}[
        dtype
    ]
    x = x.astype(np.float64)
    exponent = np.frexp(x)[1]
    unit = np.exp2(np.maximum(exponent - digits, smallest).astype(np.float64))
    result = np.rint(x / unit) * unit
    edge = 65520.0 if dtype == "float16" else largest
    return np.where(np.abs(result) >= edge, np.copysign(np.inf, x), result)


def value(bits16, dtype):
    """The numbers that 16 bits stand for, by the definition of the formats, in float64."""
    digits, bias = (10, 15) if dtype == "float16" else (7, 127)
    whole = bits16.astype(np.int64)
    fraction, exponent = whole % 2**digits, (whole >> digits) % 2 ** (15 - digits)
    top = 2 ** (15 - digits) - 1
    size = np.where(
        exponent == 0,
        np.ldexp(fraction.astype(float), 1 - bias - digits),
        np.ldexp((fraction + 2.0**digits), (exponent - bias - digits).astype(np.int64)),
    )
    size = np.where(exponent == top, np.where(fraction == 0, np.inf, np.nan), size)
    return np.where(whole >> 15 == 1, -size, size)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_every_number_of_16_bits_is_widened(dtype):
    all_bits = np.arange(2**16, dtype=np.uint16)
    x = np.full(2**16, 7, np.float32)
    args = (all_bits, x, np.int32(2**16), np.int32(dtype == "bfloat16"))
    emulator.launch(PROBE, "widen_probe", 2, 64, args)
    expected = value(all_bits, dtype)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(np.signbit(x), np.signbit(expected) | (all_bits >> 15 == 1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_numbers_are_rounded_to_the_nearest_even(dtype):
    """All numbers of 16 bits, the middles between them, the floats beside those, and others."""
    numbers = value(np.arange(2**15, dtype=np.uint16), dtype)
    numbers = numbers[np.isfinite(numbers)]
    middles = ((numbers[1:] + numbers[:-1]) / 2).astype(np.float32)
    beside = [np.nextafter(middles, np.float32(edge)) for edge in (0, np.inf)]
    others = np.random.default_rng(5).integers(0, 2**32, 20_000, dtype=np.uint32).view(np.float32)
    special = np.array([0.0, np.inf, np.nan, 65519.99, 65520.0, 3.4e38, 1e-45], np.float32)
    x = np.concatenate([numbers.astype(np.float32), middles, *beside, others, special])
    x = np.concatenate([x, -x])
    found = np.full(x.size, 7, np.uint16)
    args = (x, found, np.int32(x.size), np.int32(dtype == "bfloat16"))
    emulator.launch(PROBE, "narrow_probe", 2, 64, args)
    with np.errstate(invalid="ignore"):
        expected = rounded(x, dtype)
    np.testing.assert_array_equal(value(found, dtype), expected)
    known = ~np.isnan(x)
    np.testing.assert_array_equal(found[known] >> 15 == 1, np.signbit(x[known]))


CURRENT = np.ones((2, 1, 4), np.float16)
STATE = np.zeros((2, 1, 4), np.float32)
POINTS = np.zeros((1, 2, 1, 4), np.float32)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_16_bits_are_for_cuda(backend):
    with pytest.raises(TypeError, match="float16, which needs the backend 'cuda'; convert it"):
        cusnn.neuron_forward(CURRENT, STATE, LIF(), backend=backend)
    with pytest.raises(TypeError, match="float16, which needs the backend 'cuda'; convert it"):
        cusnn.neuron_backward(CURRENT, POINTS, CURRENT, LIF(), backend=backend)


def test_reals_of_a_call_are_of_one_kind():
    wide = CURRENT.astype(np.float32)
    with pytest.raises(TypeError, match="grad_spikes is float32, but current is float16"):
        cusnn.neuron_backward(CURRENT, POINTS, wide, LIF(), backend="cuda")
    with pytest.raises(TypeError, match="out_grad_current is float32, but current is float16"):
        cusnn.neuron_backward(
            CURRENT, POINTS, CURRENT, LIF(), out_grad_current=wide.copy(), backend="cuda"
        )
    with pytest.raises(TypeError, match="spikes_dtype is float16, but current is float32"):
        cusnn.neuron_forward(wide, STATE, LIF(), spikes_dtype="float16", backend="cuda")
    with pytest.raises(TypeError, match="must be float32 or float16 or bfloat16"):
        cusnn.neuron_forward(wide.astype(np.float64), STATE, LIF(), backend="cuda")
    with pytest.raises(TypeError, match="current is float16, which is for LIF, CubaLIF, ALIF"):
        cusnn.neuron_forward(CURRENT, np.zeros((4, 1, 4), "f4"), CobaLIF(), backend="cuda")
    swapped = wide.astype(">f4")
    with pytest.raises(TypeError, match="must be float32"):
        cusnn.neuron_forward(swapped, STATE, LIF(), backend="cuda")


def test_spikes_may_be_bytes_beside_16_bits():
    found = cusnn.neuron_forward(CURRENT * 40, STATE, LIF(), backend="cuda")
    assert found.spikes.dtype == np.uint8
    assert found.spikes.all()


# ------------------------------------------------------------------ outputs that are brought


def test_backward_writes_where_it_is_told():
    current, state, grads, _ = inputs("ALIF", "float32", "few")
    first = cusnn.neuron_forward(current, state, NEURONS["ALIF"], checkpoints=True, backend="numpy")
    points = first.checkpoints
    expected = cusnn.neuron_backward(current, points, grads, NEURONS["ALIF"], backend="numpy")
    for backend in ("numpy", "cuda"):
        places = np.full_like(current, np.nan), np.full_like(state, np.nan)
        found = cusnn.neuron_backward(
            current,
            points,
            grads,
            NEURONS["ALIF"],
            out_grad_current=places[0],
            out_grad_state=places[1],
            backend=backend,
        )
        assert found.current is places[0]
        assert found.state is places[1]
        assert_same(found.current, expected.current)
        assert_same(found.state, expected.state)


def test_nothing_is_allocated_where_outputs_are_brought(monkeypatch):
    """What a CUDA graph needs of a call that it captures."""
    current, state, grads, _ = inputs("LIF", "float32", "few")
    neuron = LIF(tau_mem=np.linspace(5, 30, current.shape[2]))
    first = cusnn.neuron_forward(current, state, neuron, checkpoints=True, backend="cuda")
    places = np.empty_like(current), np.empty_like(state)
    monkeypatch.setattr(contract, "new", lambda *args: pytest.fail(f"allocates {args[1]}"))
    cusnn.neuron_forward(current, state, neuron, checkpoints=True, out=first, backend="cuda")
    cusnn.neuron_backward(
        current,
        first.checkpoints,
        grads,
        neuron,
        out_grad_current=places[0],
        out_grad_state=places[1],
        backend="cuda",
    )
