"""Records as text of a terminal."""
