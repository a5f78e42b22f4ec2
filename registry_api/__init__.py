"""A serverless control plane for Azure Machine Learning registries."""
