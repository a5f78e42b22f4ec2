"""What a test or a person says to the stand-in itself, and what no Azure has: time, faults, the log, other people.

`GET /control/log` has every request, `DELETE` empties it; `POST /control/faults` adds a fault, `DELETE` clears them;
`POST /control/clock` moves the time on; `PATCH /control/cloud` changes how long things take; `POST /control/taken`
gives a name to somebody else; `GET /control/things` shows everything, `PUT` puts something there, `PATCH` changes and
`DELETE` removes it behind everybody's back; `PUT /control/authorization` says who may do what; `POST /control/reset`
begins anew.
"""

import dataclasses
from http import HTTPStatus
from typing import Any

from devstack.resource_manager.authorization import Authorization
from devstack.resource_manager.cloud import Cloud, Durations, Thing
from devstack.resource_manager.faults import Fault, Faults
from devstack.resource_manager.messages import ArmError, Request, Response, not_found

CONTROL_PATH = "/control/"

_DONE = Response(HTTPStatus.OK, {})


class Control:
    """The control endpoint.

    Args:
        cloud: What there is.
        authorization: Who may do what.
        faults: What is to go wrong.
        log: Every request so far.
    """

    def __init__(self, cloud: Cloud, authorization: Authorization, faults: Faults, log: list[Any]) -> None:
        self._cloud = cloud
        self._authorization = authorization
        self._faults = faults
        self._log = log

    def answer(self, request: Request) -> Response:
        """Do what is asked.

        Raises:
            ArmError: If that is unknown.
        """
        handler = getattr(self, f"_{request.method.lower()}_{request.path.removeprefix(CONTROL_PATH)}", None)
        if handler is None:
            raise not_found(request.path)
        try:
            answer: Response = handler(request)
        except (KeyError, TypeError, ValueError) as error:
            raise ArmError(HTTPStatus.BAD_REQUEST, "InvalidControl", repr(error)) from error
        return answer

    def _get_log(self, request: Request) -> Response:
        del request
        return Response(HTTPStatus.OK, [dataclasses.asdict(entry) for entry in self._log])

    def _delete_log(self, request: Request) -> Response:
        del request
        self._log.clear()
        return _DONE

    def _post_faults(self, request: Request) -> Response:
        self._faults.add(Fault.read(request.body))
        return _DONE

    def _delete_faults(self, request: Request) -> Response:
        del request
        self._faults.clear()
        return _DONE

    def _post_clock(self, request: Request) -> Response:
        self._cloud.clock.advance(float(request.body["advance"]))
        return _DONE

    def _patch_cloud(self, request: Request) -> Response:
        given = dict(request.body)
        self._cloud.hides_new = bool(given.pop("hides_new", self._cloud.hides_new))
        self._cloud.durations = dataclasses.replace(self._cloud.durations, **given)
        return _DONE

    def _post_taken(self, request: Request) -> Response:
        self._cloud.taken.add((request.body["type"], request.body["name"].lower()))
        return _DONE

    def _get_things(self, request: Request) -> Response:
        del request
        self._cloud.settle()
        return Response(HTTPStatus.OK, [thing.shown() for thing in self._cloud.things.values()])

    def _put_things(self, request: Request) -> Response:
        thing = request.body
        self._cloud.make(Thing(thing["id"], thing["type"], thing.get("body", {})))
        return _DONE

    def _patch_things(self, request: Request) -> Response:
        thing = self._find(request)
        thing.state = request.body.get("state", thing.state)
        properties = {**thing.body.get("properties", {}), **request.body.get("properties", {})}
        thing.body = {**thing.body, **request.body.get("body", {}), "properties": properties}
        return _DONE

    def _delete_things(self, request: Request) -> Response:
        self._cloud.remove(self._find(request))
        return _DONE

    def _put_authorization(self, request: Request) -> Response:
        for name, value in request.body.items():
            setattr(self._authorization, name, value)
        return _DONE

    def _post_reset(self, request: Request) -> Response:
        del request
        cloud = self._cloud
        cloud.durations, cloud.hides_new = Durations(), False
        for kept in (cloud.things, cloud.operations, cloud.taken, cloud.removed_at):
            kept.clear()
        self._faults.clear()
        self._log.clear()
        for name, value in dataclasses.asdict(Authorization()).items():
            setattr(self._authorization, name, value)
        return _DONE

    def _find(self, request: Request) -> Thing:
        self._cloud.settle()
        thing = self._cloud.find(request.body["id"])
        if thing is None:
            raise not_found(request.body["id"])
        return thing
