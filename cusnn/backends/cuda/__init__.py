"""CUDA: which kernel, how many threads, which arguments."""
