"""Clocks, sizes, memory, quality and devices."""
