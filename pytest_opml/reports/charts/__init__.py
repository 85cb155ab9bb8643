"""The pictures of the pages and of `opml trend`, one a module."""
