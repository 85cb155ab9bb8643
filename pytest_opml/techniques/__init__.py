"""From a trained model to an artifact: one module for each family of techniques."""
