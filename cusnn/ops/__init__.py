"""The front doors: they document, check, allocate and dispatch; backends compute."""
