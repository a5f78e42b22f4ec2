"""Do one thing for the first time in a process, and say so: `python first.py nothing|index|get|put [NAME]`.

What every one of them begins with, the import of `azure.functions`, is the floor. The app is indexed as the Python
worker does it (azure-functions-python-worker, loader.py and functions.py). Nothing else may be imported here.
"""

import os
import sys

import azure.functions as func

DOCUMENT = b'{"location":"eastus","replication_locations":[{"location":"eastus"},{"location":"eastus2"}]}'
KEY = "a-key-for-measuring"
ADDRESS = "http://127.0.0.1:7071/api/registries"


def main(what: str, name: str = "") -> None:
    """Do it, and tell how many modules are there then."""
    if what != "nothing":
        functions = index()
        if what != "index":
            _ask(functions, what, name)
    print(len(sys.modules), flush=True)


def index() -> "dict[str, object]":
    """Return the functions of the app by their names."""
    import inspect  # noqa: PLC0415 - part of what is measured
    import typing  # noqa: PLC0415 - the same

    import function_app  # noqa: PLC0415 - the same

    functions: dict[str, object] = {}
    for function in function_app.app.get_functions():
        call = function.get_user_function()
        inspect.signature(call)
        typing.get_type_hints(call)
        function.get_raw_bindings()
        functions[str(function.get_function_name())] = call
    return functions


def request(method: str, name: str, document: bytes = DOCUMENT) -> func.HttpRequest:
    """Return a request as the host hands it over, with the access token of the environment if there is one."""
    token = os.environ.get("ACCESS_TOKEN")
    proof = {"authorization": f"Bearer {token}"} if token else {"x-functions-key": KEY}
    return func.HttpRequest(
        method.upper(),
        f"{ADDRESS}/{name}",
        headers={**proof, "content-type": "application/json", "content-length": str(len(document))},
        params={},
        route_params={"name": name},
        body=document if method == "put" else b"",
    )


def _ask(functions: "dict[str, object]", method: str, name: str) -> None:
    import asyncio  # noqa: PLC0415 - part of what is measured

    answer = asyncio.run(functions[f"{method}_registry"](request(method, name)))  # type: ignore[operator]
    if answer.status_code not in {200, 201}:
        sys.exit(answer.get_body().decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
