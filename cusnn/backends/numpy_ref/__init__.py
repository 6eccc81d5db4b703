"""The reference: plain NumPy, written to be read; it says what is right."""
