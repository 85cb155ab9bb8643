"""Runs on a fleet: a cluster of Ray's on this machine, whose nodes pretend to have accelerators."""
