"""Run the stand-in: `python -m devstack.resource_manager FOLDER [--port N] [--clock-stands-still]`."""

import argparse
import asyncio
import socket
from pathlib import Path

import uvicorn

from devstack.certificate import Certificate
from devstack.resource_manager.app import READY, ResourceManager
from devstack.resource_manager.cloud import Clock

_HOST = "127.0.0.1"


async def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(prog="devstack.resource_manager", description=__doc__)
    parser.add_argument("folder", type=Path, help="where its certificate is put")
    parser.add_argument("--port", type=int, default=0, help="0 lets the operating system choose")
    parser.add_argument("--clock-stands-still", action="store_true", help="time passes only when it is told to")
    arguments = parser.parse_args()
    certificate = Certificate(arguments.folder)
    certificate.make_unless_valid()
    app = ResourceManager(Clock(stands_still=arguments.clock_stands_still))
    with socket.create_server((_HOST, arguments.port)) as listening:
        app.url = f"https://{_HOST}:{listening.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_level="warning",
            access_log=False,
            ssl_certfile=str(certificate.file),
            ssl_keyfile=str(certificate.key),
        )
        print(f"{READY}{app.url}", flush=True)  # whoever connects before it serves waits
        await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    asyncio.run(main())
