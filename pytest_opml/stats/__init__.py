"""Numbers in, intervals and decisions out."""
