"""Errors, named by who must act."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

FEW = 30


class GreenopsError(Exception):
    """Whatever this project raises on purpose."""


class ConfigError(GreenopsError):
    """The operator must change a file. Raised at start-up or reload only.

    *path* leads to the offending key, outermost first; it grows by ``under`` on the way out.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def under(self, *outer: str | int) -> ConfigError:
        """The same error as seen from further out."""
        return type(self)(self.message, (*outer, *self.path))

    def __str__(self) -> str:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path).lstrip(".")
        return f"{where}: {self.message}" if where else self.message


class DeviceError(GreenopsError):
    """The device or the link to it failed. Retrying may help."""


class DecodeError(GreenopsError):
    """The bytes make no sense for this point. Retrying will not help."""


@contextmanager
def within(*outer: str | int) -> Iterator[None]:
    """Whatever ConfigError is raised inside leads there from *outer*.

    >>> with within("devices", 0):
    ...     raise ConfigError("no such port", ("port",))
    Traceback (most recent call last):
    greenops_core.errors.ConfigError: devices[0].port: no such port
    """
    try:
        yield
    except ConfigError as error:
        raise error.under(*outer) from None


def nearest(wrong: str, known: Iterable[str]) -> str:
    """The end of an error message that offers the nearest right name, or all of them when few.

    >>> nearest("holdin", ["holding", "input"])
    "; did you mean 'holding'?"
    >>> nearest("x", ["holding", "input"])
    '; known: holding, input'
    """
    import difflib  # noqa: PLC0415  # whoever makes no mistake does without it

    names = sorted(known)
    in_lower_case = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wrong.lower(), in_lower_case, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{in_lower_case[close[0]]}'?"
    return f"; known: {', '.join(names)}" if 0 < len(names) <= FEW else ""
