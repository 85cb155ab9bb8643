"""The mission as pure functions over frozen records: cases, scores, ranking, budgets."""
