"""The function app: registers the blueprints, nothing else."""

import azure.functions as func

from registry_api.http import rim
from registry_api.worker import provisioning

app = func.FunctionApp()
app.register_functions(rim.blueprint)
app.register_functions(provisioning.blueprint)
