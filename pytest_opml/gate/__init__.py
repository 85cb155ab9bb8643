"""Budgets, and the verdicts that records come to under them."""
