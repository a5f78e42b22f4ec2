"""Import a function app and index its functions, once, as the Python worker does."""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from azure.functions import FunctionRegister

from devhost.refusal import RefusedError


@dataclass(frozen=True)
class Function:
    """One indexed function: its Python callable and its bindings as the host receives them."""

    name: str
    bindings: tuple[Mapping[str, Any], ...]
    call: Callable[..., Any]
    retries: bool = False

    @property
    def triggers(self) -> list[Mapping[str, Any]]:
        """Return the bindings that can start the function."""
        return [binding for binding in self.bindings if str(binding["type"]).lower().endswith("trigger")]

    @property
    def trigger(self) -> Mapping[str, Any]:
        """Return the one trigger of a function that has passed the checks."""
        return self.triggers[0]

    @property
    def kind(self) -> str:
        """Return the trigger's type, for example `httpTrigger`."""
        return str(self.trigger["type"])

    @property
    def methods(self) -> frozenset[str] | None:
        """Return the HTTP methods in upper case, None for every method."""
        methods = self.trigger.get("methods")
        return frozenset(str(method).upper() for method in methods) if methods else None

    @property
    def route(self) -> str:
        """Return the route without prefix: the function's name if none is given."""
        route = str(self.trigger.get("route") or "")
        return route if route.strip() else self.name

    @cached_property
    def is_async(self) -> bool:
        """Return whether the worker awaits the function instead of giving it a thread."""
        return inspect.iscoroutinefunction(self.call)

    @cached_property
    def parameters(self) -> frozenset[str]:
        """Return the names of the Python parameters."""
        return frozenset(inspect.signature(self.call).parameters)

    @cached_property
    def annotations(self) -> dict[str, Any]:
        """Return the resolved type annotations."""
        return typing.get_type_hints(self.call)

    @property
    def wants_context(self) -> bool:
        """Return whether the function asks for its invocation context (worker, functions.py)."""
        return "context" in self.parameters and all(b["name"] != "context" for b in self.bindings)

    @cached_property
    def directory(self) -> str:
        """Return the folder of the function's source, which the context shows."""
        return str(Path(inspect.getfile(self.call)).parent)

    def is_disabled(self, environment: Mapping[str, str]) -> bool:
        """Tell whether a setting switches the function off (azure-webjobs-sdk, HostListenerFactory.cs)."""
        names = (f"AzureWebJobs.{self.name}.Disabled", f"AzureWebJobs_{self.name}_Disabled")
        return any(environment.get(name, "").lower() in ("true", "1") for name in names)


def enter(app_dir: Path) -> None:
    """Make the app's folder the working directory and the last entry of the import path.

    The worker does the same locally (azure-functions-python-worker, utils/dependency.py): installed packages
    win over modules of the app that have the same name. The folder that `python -m devhost` was started in is
    taken away, or its modules would be found first.
    """
    started_in = Path.cwd()
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() not in (started_in, app_dir)]
    sys.path.append(str(app_dir))
    os.chdir(app_dir)


def load(app_dir: Path, environment: Mapping[str, str]) -> FunctionRegister:
    """Import the app's script and return its one function app object (worker, loader.py).

    Raises:
        RefusedError: There is no script, or not exactly one app object in it.
    """
    script = environment.get("PYTHON_SCRIPT_FILE_NAME", "function_app.py")
    if not (app_dir / script).is_file():
        raise RefusedError(f"{script} is missing in {app_dir}: no job functions found.")
    module = importlib.import_module(Path(script).stem)
    apps = [value for value in vars(module).values() if isinstance(value, FunctionRegister)]
    if not apps:
        raise RefusedError(f"Could not find top level function app instances in {script}.")
    if len(apps) > 1:
        raise RefusedError(
            f"More than one {type(apps[0]).__name__} or other top level function app instances are defined."
        )
    return apps[0]


def index(app: FunctionRegister, allowed: Iterable[str] | None = None) -> list[Function]:
    """Read the functions of an app in the host's order: by name, ignoring case.

    Args:
        app: The app, which the library allows to be read only once.
        allowed: The names in host.json's `functions`, if it has such a list.

    Raises:
        RefusedError: The library refuses the app, or no function is left.
    """
    try:
        functions = [
            Function(
                name=str(function.get_function_name()),
                bindings=tuple(json.loads(raw) for raw in function.get_raw_bindings()),
                call=function.get_user_function(),
                retries=function.get_settings_dict("retry_policy") is not None,
            )
            for function in app.get_functions()
        ]
    except ValueError as error:
        raise RefusedError(str(error)) from error
    if allowed is not None:
        names = {name.lower() for name in allowed}
        functions = [function for function in functions if function.name.lower() in names]
    if not functions:
        raise RefusedError("No job functions found.")
    # azure-functions-host, FunctionMetadataManager.cs: OrdinalIgnoreCase compares in upper case.
    return sorted(functions, key=lambda function: function.name.upper())
