"""The parts of the plugin: what pytest, pytest-benchmark and pytest-xdist see of it."""
