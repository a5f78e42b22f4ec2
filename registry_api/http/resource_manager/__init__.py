"""The Resource Manager door: registries as Microsoft.MachineLearningServices has them, for its official clients.

A thin adapter in front of the same service as the registry door. Bodies, headers and polling are what azure-ai-ml
1.35.2 and azure-mgmt-machinelearningservices 2.0.0b2 need; docs/clients.md says how to point clients here.
"""

from registry_api.http.resource_manager.routes import ROUTES

__all__ = ["ROUTES"]
