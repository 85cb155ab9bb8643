"""A static site over a whole history: pages that are the same for every build, and data files that grow."""
