"""Images with labels: where they come from, and how they are divided and resized."""
