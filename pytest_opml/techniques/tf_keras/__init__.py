"""Techniques that need legacy Keras, in a process of its own."""
