"""How one function of a case is run: in a process of its own."""
