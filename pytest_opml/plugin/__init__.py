"""The pytest plugin: hooks, options, fixtures and what they share."""
