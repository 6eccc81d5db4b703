"""Published networks as functions that return a ``Network``."""
