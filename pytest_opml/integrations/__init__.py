"""Other tools that a run is handed to."""
