"""What a queue message is to a function."""

from typing import Any

import azure.functions as func
import pytest

from devhost.app import Function, index
from devhost.inputs import Delivery, queue_input
from devhost.queues import decode


@pytest.mark.parametrize(
    ("content", "expected"),
    [("aGk=", b"hi"), (" aG\nk= ", b"hi"), ("", b""), ("hi!", None), ("abc", None), ("grüße", None)],
)
def test_base64_is_decoded_strictly(content: str, expected: bytes | None) -> None:
    """White space is allowed as in .NET, anything else that is not base64 is not."""
    assert decode(content, "base64") == expected


def _reader(annotation: Any, **trigger: Any) -> Function:
    app = func.FunctionApp()

    def reader(msg: Any) -> None:
        return None

    reader.__annotations__["msg"] = annotation
    app.queue_trigger(arg_name="msg", queue_name="work", connection="Storage", **trigger)(reader)
    return index(app)[0]


def test_the_function_gets_a_message_or_its_text() -> None:
    """The annotation decides between the library's message and a str; BINARY keeps the bytes."""
    delivery = Delivery(id="1", text=b"\xff{", dequeue_count=2)
    message = queue_input(_reader(func.QueueMessage), delivery)
    assert isinstance(message, func.QueueMessage)
    assert (message.id, message.dequeue_count, message.get_body()) == ("1", 2, "\ufffd{".encode())
    assert queue_input(_reader(str), delivery) == "\ufffd{"
    binary = queue_input(_reader(func.QueueMessage, data_type=func.DataType.BINARY), delivery)
    assert isinstance(binary, func.QueueMessage)
    assert binary.get_body() == b"\xff{"
