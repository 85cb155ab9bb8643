"""One run on a fleet: which work goes to which kind of node, in which order, and what follows from a fault."""
