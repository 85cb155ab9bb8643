"""One run: from what was collected to the record of what was measured."""
