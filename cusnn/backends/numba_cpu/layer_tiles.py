"""Tiles of columns of a layer: copied once, and the currents that arrive in them."""

import numba
import numpy as np

from cusnn.backends.numba_cpu.chosen_rows import add_rows, copy_row, inner
from cusnn.backends.numba_cpu.layer_lists import CHUNK

TOGETHER = 16  # samples whose neurons move together
ROWS = 256  # of gradients that are added to weights together: they fit in cache


def tile_width(m):
    """Columns of a tile: narrow ones where wide ones would leave threads without work."""
    return 32 if -(-m // 64) < 2 * numba.get_num_threads() else 64


def tile_table(table, m, width):
    """Coefficients by tile, sample and column: of one number for all, too, so that one program
    does for both."""
    tiles = -(-m // width)
    rows = (np.broadcast_to(row, m) for row in table)
    wide = (np.pad(row, (0, tiles * width - m), mode="edge") for row in rows)
    return tuple(
        np.repeat(row.reshape(tiles, 1, width), TOGETHER, axis=1).reshape(-1) for row in wide
    )


@inner
def copy_tile(matrix, left, right, width, out):
    """Columns of [R, M] as rows of ``width``; what is past the last column stays as it is."""
    rows, columns = matrix.shape
    flat = matrix.reshape(matrix.size)
    for row in range(rows):
        copy_row(flat, row * columns + left, out, row * width, right - left)


@inner
def copy_tile_back(tile, left, right, width, matrix):
    rows, columns = matrix.shape
    flat = matrix.reshape(matrix.size)
    for row in range(rows):
        copy_row(tile, row * width, flat, row * columns + left, right - left)


@inner
def load(rows, first, last, left, right, width, out):
    """Rows [S, B, M] of samples and columns, flat for each s."""
    count, batch, m = rows.shape
    flat, out = rows.reshape(rows.size), out.reshape(out.size)
    size = out.size // max(1, count)
    for s in range(count):
        for b in range(first, last):
            place = s * size + (b - first) * width
            copy_row(flat, (s * batch + b) * m + left, out, place, right - left)


@inner
def store(rows, first, last, left, right, width, out):
    count, batch, m = out.shape
    flat, rows = out.reshape(out.size), rows.reshape(rows.size)
    size = rows.size // max(1, count)
    for s in range(count):
        for b in range(first, last):
            place = s * size + (b - first) * width
            copy_row(rows, place, flat, (s * batch + b) * m + left, right - left)


@inner
def arrive(
    starts, chosen, tile, start, given, place, t, length, first, last, left, right, width, out
):
    """Currents of a segment, by step and sample, from out[place] on: given, or added up."""
    samples = last - first
    steps, batch, m = given.shape
    if steps > 0:
        flat = given.reshape(given.size)
        for k in range(length):
            for b in range(first, last):
                row = place + (k * samples + b - first) * width
                copy_row(flat, ((t + k) * batch + b) * m + left, out, row, right - left)
        return
    for k in range(length * samples):
        copy_row(start, 0, out, place + k * width, width)
    chunks = -(-(tile.size // width) // CHUNK)
    for chunk in range(chunks):
        for k in range(length):
            for b in range(first, last):
                row = place + (k * samples + b - first) * width
                entry = ((t + k) * batch + b) * chunks + chunk
                add_rows(width, out, row, tile, 0, width, chosen, starts[entry], starts[entry + 1])
