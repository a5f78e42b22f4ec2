"""The function app: registers the functions, and does not start where somebody would be let in by mistake.

Settings are read at the first use, as that makes starts fast; on a developer's machine at once, to say what is wrong.
"""

import gc
import os

import azure.functions as func

from registry_api import startup, telemetry
from registry_api.http import functions as http
from registry_api.worker import functions as worker

# A start makes many objects and no garbage, a request little of it: by default, 60 collections look for it in a start.
gc.set_threshold(10_000)
# Otherwise pydantic reads the metadata of every package that is installed, to look for plugins.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
telemetry.install()
startup.check(os.environ)
if startup.is_development(os.environ):
    from registry_api import bootstrap

    bootstrap.settings()

app = func.FunctionApp()
app.register_functions(http.blueprint)
app.register_functions(worker.blueprint)
