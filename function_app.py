"""The function app: registers the blueprints, and does not start where its settings are wrong."""

import azure.functions as func

from registry_api import bootstrap
from registry_api.http import rim
from registry_api.worker import notification, provisioning

bootstrap.settings()
app = func.FunctionApp()
app.register_functions(rim.blueprint)
app.register_functions(provisioning.blueprint)
app.register_functions(notification.blueprint)
