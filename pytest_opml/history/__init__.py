"""What earlier runs left: the state of the repository that was measured, and the store of all runs."""
