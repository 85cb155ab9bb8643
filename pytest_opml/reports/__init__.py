"""What a run shows and writes: the ranking in the terminal and the record as JSON."""
