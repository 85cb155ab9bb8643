"""What records say: scores, rankings, comparisons and trends."""
