"""What ``codec`` leaves to the library's decoder, in the same shape as ``codec`` gives it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary

from greenops_core.errors import DecodeError
from greenops_gateway.opcua import codec
from greenops_gateway.opcua.codec import Item, Placed, Publication, Value

T = TypeVar("T")


def read_answer(body: bytes) -> list[Item]:
    """As ``codec.read_answer``, for every type there is. Raises what ``channel.told`` knows."""
    return _either(codec.read_answer, _read_answer, body)


def publication(body: bytes) -> Publication:
    """As ``codec.publication``, for every kind of notification. Raises what ``channel.told`` knows."""
    return _either(codec.publication, _publication, body)


def item(found: ua.DataValue) -> Item:
    """A datum from the library's."""
    status = 0 if found.StatusCode is None else int(found.StatusCode.value)
    value = None if found.Value is None else _value(found.Value.Value)
    # The library looks for the fraction of the source's time behind the server's time, the standard puts it before
    # (part 6, 5.2.2.17): then what it takes for the server's time is none.
    server = None if found.SourcePicoseconds is not None else found.ServerTimestamp
    return value, status, _ticks(found.SourceTimestamp), _ticks(server)


def notified(parts: Iterable[Any]) -> tuple[list[Placed], int]:
    """Client handles with their data, and what became of the subscription, from a message's parts."""
    items: list[Placed] = []
    status = 0
    for part in parts:
        if isinstance(part, ua.DataChangeNotification):
            items += [(int(one.ClientHandle), item(one.Value)) for one in part.MonitoredItems or ()]
        elif isinstance(part, ua.StatusChangeNotification):
            status = int(part.Status.value)
    return items, status


def response(body: bytes, kind: type[T]) -> T:
    """An answer of the library's type *kind* from its bytes.

    Raises:
        DecodeError: it is an answer to another request.
        UaError: its bytes make no sense, or the server refused.
    """
    found: Any = struct_from_binary(kind, Buffer(body))
    if found.TypeId != kind().TypeId:  # type: ignore[attr-defined]  # every response of the library has one
        raise DecodeError("an answer to another request")
    found.ResponseHeader.ServiceResult.check()
    answer: T = found
    return answer


def _either(fast: Callable[[bytes], T], slow: Callable[[bytes], T], body: bytes) -> T:
    try:
        return fast(body)
    except DecodeError:
        return slow(body)


def _read_answer(body: bytes) -> list[Item]:
    return [item(found) for found in response(body, ua.ReadResponse).Results]


def _publication(body: bytes) -> Publication:
    result = response(body, ua.PublishResponse).Parameters
    message = result.NotificationMessage
    items, status = notified(message.NotificationData or ())
    available = tuple(int(number) for number in result.AvailableSequenceNumbers or ())
    alive = not message.NotificationData
    return Publication(
        int(result.SubscriptionId),
        available,
        bool(result.MoreNotifications),
        int(message.SequenceNumber),
        items,
        status,
        alive,
    )


def _value(value: object) -> Value:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, list):
        flat: list[Any] = ua.flatten(value) or []
        return tuple(flat) if all(isinstance(one, bool | int | float) for one in flat) else None
    return None


def _ticks(moment: datetime | None) -> int:
    if moment is None:
        return 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return codec.ticks(aware.timestamp())
