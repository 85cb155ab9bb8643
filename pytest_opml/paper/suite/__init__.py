"""The paper's experiments as a suite of benchmarks, one file for each table or figure."""
