"""The charts of a page and of the command."""
