"""The paper that the method comes from: its published tables."""
