"""What an operator is told about a broker that refuses, says goodbye or hangs up. Pure."""

from __future__ import annotations

from greenops_core.duration import Duration
from greenops_core.errors import DecodeError
from greenops_gateway.mqtt.configuration import MqttLink
from greenops_gateway.mqtt.packet import Connack, Disconnect, Grant, Suback
from greenops_gateway.mqtt.property import Property
from greenops_gateway.mqtt.reason import BAD_LEVEL, BAD_LEVEL_3, FAILED, TAKEN_OVER, said


def refused(link: MqttLink, client_id: str, answer: Connack) -> str:
    """A CONNACK that is no welcome."""
    level = link.level() if answer.code >= FAILED else 4
    why = said(answer.code, level, answer.properties)
    if answer.code in {BAD_LEVEL, BAD_LEVEL_3}:
        other = "3.1.1" if link.level() == 5 else "5"
        return f"{link.where} does not speak MQTT {link.version} ({why}); write version: {other}"
    who = f"user {link.user}" if link.user is not None else "a client without a user"
    return f"{link.where} refuses {who} with client_id {client_id}: {why}"


def unwelcome(link: MqttLink) -> str:
    """A broker that hangs up before it answers CONNECT gives no reason; the likely ones."""
    if link.tls is not None:
        asked = "want a client certificate" if link.tls.certificate is None else "trust tls.certificate"
    else:
        asked = "want TLS, or speak only MQTT 3.1.1 (version: 3.1.1)" if link.level() == 5 else "want TLS"
    return f"{link.where} closed the connection instead of an answer to CONNECT; does it {asked}?"


def ended(link: MqttLink, client_id: str, last: Disconnect) -> str:
    """A DISCONNECT of the broker's, which MQTT 5 has."""
    if last.code == TAKEN_OVER:
        return f"another client uses client_id {client_id}; give each its own"
    return f"{link.where} ended the connection: {said(last.code, 5, last.properties)}"


def unsubscribed(link: MqttLink, filter_: str, code: int, answer: Suback) -> str:
    """A subscription that is refused."""
    why = said(code, 5, answer.properties) if link.level() == 5 else "it does not say why; not allowed?"
    return f"{link.where} refuses the subscription to '{filter_}': {why}"


def granted(link: MqttLink, grant: Grant) -> str:
    """A subscription with less than was asked for."""
    lost = "what is sent while the gateway is away, or while there is too much, is lost"
    return f"{link.where} gives '{grant.filter}' only with QoS {grant.qos}, not {grant.asked}: {lost}"


def forgetful(link: MqttLink, answer: Connack) -> str:
    """A CONNACK with a shorter life of the session than was asked for; empty when it is as long."""
    kept = answer.properties.get(Property.SESSION_EXPIRY)
    asked = int(link.session_expiry or 0)
    if not isinstance(kept, int) or kept >= asked:
        return ""
    return f"{link.where} keeps messages for us only {Duration(kept)}, not the {Duration(asked)} of session_expiry"


def foreign(link: MqttLink, client_id: str) -> str:
    """A message with QoS 2, which is never subscribed to here."""
    return (
        f"{link.where} sends a message with QoS 2, which the gateway never asks for: another program used client_id "
        f"{client_id} and left its subscriptions; give the link a client_id of its own, or delete that session there"
    )


def closed(link: MqttLink, client_id: str, why: str) -> str:
    """A connection that ended without a word, but perhaps one of the system's."""
    told = "" if link.level() == 5 else f"; if that repeats: does another client use client_id {client_id}?"
    return f"{link.where} closed the connection{f': {why}' if why else ''}{told}"


def unreadable(link: MqttLink, error: DecodeError) -> str:
    """Bytes that are no packet."""
    advice = "; raise max_packet" if "largest" in str(error) else ""
    return f"{link.where} sends no MQTT {link.version}: {error}{advice}"
