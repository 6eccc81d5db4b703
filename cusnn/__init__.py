"""cusnn: CUDA kernels for spiking neural networks, a NumPy reference, and Numba on the CPU."""

__version__ = "0.1.0"
