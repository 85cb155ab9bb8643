"""The tests mirror the package: one file for each module."""

import os

from hypothesis import settings

# A loaded machine is no defect: no test has a time limit, hypothesis' own of 200 ms an example included.
settings.register_profile("opml", settings.get_profile(settings.get_current_profile_name()), deadline=None)
settings.load_profile("opml")

# MLflow would report what the tests do with it; tests/integrations/test_mlflow.py holds what the package does.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
