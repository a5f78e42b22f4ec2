"""The command line: `python -m devhost [APP_DIR]`."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import traceback
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from devhost import console
from devhost.host import DEFAULT_LEASE, Certificate, LoadedApp, Role, bind, load_app, run, url_of
from devhost.http import Cors
from devhost.refusal import RefusedError
from devhost.settings import DEFAULT_PORT, LocalSettings, read_local_settings
from devhost.supervisor import StartError, Supervisor, follow


def main(argv: Sequence[str] | None = None) -> int:
    """Run the host and return its exit code: 0 after a signal, 1 if the app cannot be run."""
    parser = _parser()
    options = parser.parse_args(argv)
    if (options.cert is None) != (options.key is None):
        parser.error("--cert and --key belong together")
    console.set_up_logging(os.environ)
    try:
        return _supervise(options) if options.split else _serve(options)
    except (RefusedError, StartError) as error:
        print(error, file=sys.stderr)
    except Exception:  # noqa: BLE001 - whatever the app raises while it is imported is the user's to see
        traceback.print_exc()
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="devhost", description="Run an Azure Functions Python v2 app without Core Tools."
    )
    parser.add_argument("app_dir", nargs="?", default=".", type=Path, help="the folder of function_app.py")
    parser.add_argument("--port", type=int, help=f"0 is a free one (default: local settings, {DEFAULT_PORT})")
    parser.add_argument("--address", help="default: local settings, 127.0.0.1")
    parser.add_argument("--cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the certificate's private key (PEM)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--split", action="store_true", help="HTTP and triggers in separate processes")
    how.add_argument("--only", type=Role, choices=(Role.HTTP, Role.TRIGGERS), help="run only these functions")
    parser.add_argument(
        "--queue-lease",
        type=_positive,
        default=int(DEFAULT_LEASE.total_seconds()),
        metavar="SECONDS",
        help="hide a queue message so long while it is worked on; the real host's 600 cannot be changed",
    )
    for name in ("--listen-fd", "--lifeline-fd", "--ready-fd"):  # how --split tells its children
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _serve(options: argparse.Namespace) -> NoReturn:
    if options.lifeline_fd is not None:
        follow(options.lifeline_fd)
    role = options.only or Role.ALL
    app_dir = options.app_dir.resolve()
    local = read_local_settings(app_dir)
    listener = None
    if role is not Role.TRIGGERS:
        listener = _listener(options, local)
    port = listener.getsockname()[1] if listener else _port(options, local)
    certificate = _certificate(options)
    scheme = "https" if certificate else "http"
    url = url_of(listener, certificate) if listener else f"{scheme}://{_address(options, local)}:{port}"
    app = load_app(app_dir, local, port)
    own = [function for function in app.functions if role.runs(function)]
    for line in console.describe(own, app.settings.route_prefix, url, app.environment):
        console.say(line)
    asyncio.run(
        _run_to_the_end(
            app,
            role=role,
            url=url,
            cors=Cors(local.cors, local.cors_credentials),
            lease=timedelta(seconds=options.queue_lease),
            listener=listener,
            certificate=certificate,
            ready=partial(_announce, role, url, options.ready_fd),
        )
    )


async def _run_to_the_end(app: LoadedApp, **how: Any) -> NoReturn:
    """Run the app, and end the process without a word to it: the real host does not tell its worker either."""
    if not await run(app, **how):
        print("Not everything has ended in time.", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _announce(role: Role, url: str, ready_fd: int | None) -> None:
    for name in (Role.HTTP, Role.TRIGGERS) if role is Role.ALL else (role,):
        console.announce(name)
    if ready_fd is None:
        console.say(console.NOT_MODELLED)
        console.say(f"ready: {url}")
    else:
        os.write(ready_fd, b"1")
        os.close(ready_fd)


def _supervise(options: argparse.Namespace) -> int:
    app_dir = options.app_dir.resolve()
    local = read_local_settings(app_dir)
    listener = _listener(options, local)
    certificate = _certificate(options)
    console.announce("supervisor")
    arguments = [
        str(app_dir),
        f"--port={listener.getsockname()[1]}",
        f"--address={_address(options, local)}",
        f"--queue-lease={options.queue_lease}",
    ]
    if certificate:
        arguments += [f"--cert={certificate.file}", f"--key={certificate.key}"]

    def ready() -> None:
        console.say(console.NOT_MODELLED)
        console.say(f"ready: {url_of(listener, certificate)}")

    asyncio.run(Supervisor(arguments, listener, ready).run())
    return 0


def _listener(options: argparse.Namespace, local: LocalSettings) -> socket.socket:
    if options.listen_fd is not None:
        return socket.socket(fileno=options.listen_fd)
    address, port = _address(options, local), _port(options, local)
    try:
        return bind(address, port)
    except OSError as error:
        raise RefusedError(f"Cannot listen on {address}:{port}: {error.strerror}.") from error


def _certificate(options: argparse.Namespace) -> Certificate | None:
    if options.cert is None:
        return None
    return Certificate(options.cert.resolve(), options.key.resolve())


def _port(options: argparse.Namespace, local: LocalSettings) -> int:
    if options.port is not None:
        return int(options.port)
    return DEFAULT_PORT if local.port is None else local.port


def _address(options: argparse.Namespace, local: LocalSettings) -> str:
    return str(options.address or local.address or "127.0.0.1")


if __name__ == "__main__":
    sys.exit(main())
