"""Products of spikes with weights, and their gradients."""

from cusnn import driver
from cusnn.backends.cuda.arguments import int32s

INSTANTIATIONS = {
    "spike_matmul.cu": ("spike_matmul",),
    "spike_matmul_backward.cu": (
        "spike_matmul_backward<ToWeights>",
        "spike_matmul_backward<ToSpikes>",
    ),
    "spike_matmul_csr.cu": ("spike_matmul_csr",),
    "spike_matmul_csr_backward.cu": (
        "spike_matmul_csr_backward<ToWeights>",
        "spike_matmul_csr_backward<ToSpikes>",
    ),
}
MOST_BLOCKS = 2**31 - 1
FEW_BLOCKS = 1024  # below that many, narrower tiles keep more of the GPU busy
WARP = 32
MOST_THREADS = 256  # SUM_THREADS of spike_sums.cuh, THREADS of the CSR kernels
PER_THREAD = 4  # SUM_COLUMNS of spike_sums.cuh, OWN of spike_matmul_csr_backward.cu
TILE = 64  # of spike_matmul_backward.cu
TARGETS = 1024  # of spike_matmul_csr.cu
FLOAT = 4  # bytes


def spike_matmul(spikes, weights, product):
    rows, n = spikes.shape
    m = product.shape[1]
    block, tiles = _sum_tiles(rows, m)
    args = (spikes, weights, product, *int32s(rows, n, m, tiles))
    driver.launch("spike_matmul.cu", "spike_matmul", _blocks(rows * tiles), block, args)


def spike_matmul_backward(grad_product, spikes, weights, grad_weights, grad_spikes):
    rows, m = grad_product.shape
    n = len(weights)
    arrays = (grad_product, spikes, weights, grad_weights, grad_spikes)
    if grad_weights is not None:
        block, tiles = _sum_tiles(n, m)
        _backward("", "ToWeights", n * tiles, block, (*arrays, *int32s(rows, n, m, tiles)))
    if grad_spikes is not None:
        tiles = -(-n // TILE)
        items = -(-rows // TILE) * tiles
        _backward("", "ToSpikes", items, MOST_THREADS, (*arrays, *int32s(rows, n, m, tiles)))


def spike_matmul_csr(spikes, indptr, indices, weights, product):
    rows, n = spikes.shape
    m = product.shape[1]
    warps = min(MOST_THREADS // WARP, max(1, -(-m // TARGETS)))
    tiles = -(-m // (warps * TARGETS))
    args = (spikes, indptr, indices, weights, product, *int32s(rows, n, m, tiles))
    blocks = _blocks(rows * tiles)
    shared = FLOAT * min(m, warps * TARGETS)
    kernel = "spike_matmul_csr"
    driver.launch(f"{kernel}.cu", kernel, blocks, warps * WARP, args, shared=shared)


def spike_matmul_csr_backward(
    grad_product, spikes, indptr, indices, weights, grad_weights, grad_spikes
):
    rows, n = spikes.shape
    m = grad_product.shape[1]
    arrays = (grad_product, spikes, indptr, indices, weights, grad_weights, grad_spikes)
    if grad_weights is not None:
        block = _threads(min(m, indices.size))
        parts = -(-m // (PER_THREAD * block))
        _backward("_csr", "ToWeights", n * parts, block, (*arrays, *int32s(rows, n, m, parts)))
    if grad_spikes is not None:
        warps = -(-rows // PER_THREAD) * n
        blocks = -(-warps * WARP // MOST_THREADS)
        args = (*arrays, *int32s(rows, n, m, 1))
        _backward("_csr", "ToSpikes", blocks, MOST_THREADS, args)


def _backward(form, gradient, blocks, block, args):
    name = f"spike_matmul{form}_backward"
    driver.launch(f"{name}.cu", f"{name}<{gradient}>", _blocks(blocks), block, args)


def _threads(columns):
    """Threads of a block for as many columns: whole warps."""
    return min(MOST_THREADS, WARP * max(1, -(-columns // (WARP * PER_THREAD))))


def _sum_tiles(rows, columns):
    """Threads per block and tiles of columns, for sums of rows chosen by spikes."""
    block = _threads(columns)
    while block > WARP and rows * -(-columns // (PER_THREAD * block)) < FEW_BLOCKS:
        block = max(WARP, block // 2 // WARP * WARP)
    return block, -(-columns // (PER_THREAD * block))


def _blocks(items):
    return min(items, MOST_BLOCKS)
