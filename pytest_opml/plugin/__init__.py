"""The pytest plugin; pytest loads its module ``hooks``."""
