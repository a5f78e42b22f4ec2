"""The functions that the conformance table talks to."""

import json
from http import HTTPStatus

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def _as_seen(req: func.HttpRequest, **more: str) -> func.HttpResponse:
    """Answer with everything that the function has received."""
    body = req.get_body()
    seen = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route_params": dict(req.route_params),
        "body": body.decode("latin-1"),
        "body_type": type(body).__name__,
        **more,
    }
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="echo", methods=["GET", "POST"])
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Run on the event loop."""
    return _as_seen(req)


@app.route(route="echo-sync", methods=["GET", "POST"])
def echo_sync(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Run in a thread, with a context."""
    return _as_seen(req, function=context.function_name, trace=context.trace_context.trace_parent or "")


@app.route(methods=["GET"])
async def no_route(req: func.HttpRequest) -> func.HttpResponse:
    """Be found by name."""
    return _as_seen(req)


@app.route(route="any-method")
async def any_method(req: func.HttpRequest) -> func.HttpResponse:
    """Answer every method."""
    return _as_seen(req)


@app.route(route="order/{id}", methods=["GET"])
async def order_a_parameter(req: func.HttpRequest) -> func.HttpResponse:
    """Come before `order_b_literal`, because of the name alone."""
    return func.HttpResponse(f"parameter {req.route_params['id']}")


@app.route(route="order/recent", methods=["GET"])
async def order_b_literal(req: func.HttpRequest) -> func.HttpResponse:
    """Never be reached."""
    return func.HttpResponse("literal")


@app.route(route="same", methods=["GET"])
async def same_get(req: func.HttpRequest) -> func.HttpResponse:
    """Share the template with `same_put`."""
    return func.HttpResponse("get")


@app.route(route="same", methods=["PUT"])
async def same_put(req: func.HttpRequest) -> func.HttpResponse:
    """Share the template with `same_get`."""
    return func.HttpResponse("put")


@app.route(route="optional/{first}/{second?}", methods=["GET"])
async def optional(req: func.HttpRequest) -> func.HttpResponse:
    """Have a parameter that may be absent."""
    return _as_seen(req)


@app.route(route="files/{*rest}", methods=["GET"])
async def catch_all(req: func.HttpRequest) -> func.HttpResponse:
    """Take the rest of the path."""
    return _as_seen(req)


@app.route(route="typed/{number:int:min(3)}", methods=["GET"])
async def typed(req: func.HttpRequest) -> func.HttpResponse:
    """Have constraints."""
    return _as_seen(req)


@app.route(route="body-json", methods=["POST"])
async def body_json(req: func.HttpRequest) -> func.HttpResponse:
    """Parse the body."""
    try:
        return func.HttpResponse(f"{req.get_json()}")
    except ValueError:
        return func.HttpResponse("not JSON", status_code=HTTPStatus.BAD_REQUEST)


@app.route(route="returns/{what}", methods=["GET", "HEAD"])
async def returns(req: func.HttpRequest) -> func.HttpResponse:
    """Return one of many kinds of response."""
    cookies = func.HttpResponse("cookies")
    for cookie in (
        "plain=bar",
        "full=42; Domain=example.com; Expires=Thu, 12 Jan 2017 13:55:08 GMT; Path=/; Max-Age=10; Secure; HttpOnly",
    ):
        cookies.headers.add("Set-Cookie", cookie)
    bad_cookie = func.HttpResponse("bad", headers={"Set-Cookie": "a=b; Expires=Dummy"})
    repeated = func.HttpResponse("repeated")
    repeated.headers.add("X-Repeated", "first")
    repeated.headers.add("X-Repeated", "last")
    answers = {
        "text": func.HttpResponse("grüße"),
        "bytes": func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream"),
        "json": func.HttpResponse("{}", mimetype="application/json"),
        "own-type": func.HttpResponse("<p>", headers={"Content-Type": "text/html; charset=latin-1"}),
        "teapot": func.HttpResponse(status_code=418),
        "no-content": func.HttpResponse(status_code=HTTPStatus.NO_CONTENT),
        "cookies": cookies,
        "bad-cookie": bad_cookie,
        "repeated": repeated,
        "custom": func.HttpResponse("custom", headers={"X-Custom": "from the function"}),
    }
    return answers[req.route_params["what"]]


@app.route(route="returns-none", methods=["GET"])
async def returns_none(req: func.HttpRequest):  # type: ignore[no-untyped-def]  # noqa: ANN201 - that is the case
    """Return nothing."""


@app.route(route="returns-str", methods=["GET"])
async def returns_str(req: func.HttpRequest) -> str:
    """Return text alone."""
    return "only text"


@app.route(route="raises", methods=["GET"])
async def raises(req: func.HttpRequest) -> func.HttpResponse:
    """Fail on the event loop."""
    raise LookupError("secret detail")


@app.route(route="raises-sync", methods=["GET"])
def raises_sync(req: func.HttpRequest) -> func.HttpResponse:
    """Fail in a thread."""
    raise LookupError("secret detail")
