"""A run as a page, in Markdown or HTML."""
