"""Figures and tables of a run as files, for papers and slides."""
