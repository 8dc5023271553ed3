"""Errors, named by who must act."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FEW = 30
MOST_TOLD = 50
"""Mistakes that a person can use; of the others, how many there are."""


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


class ConfigErrors(ConfigError):  # noqa: N818  # it is several
    """Several mistakes in one file, told one per line.

    >>> print(ConfigErrors([ConfigError("too short", ("a",)), ConfigError("too long", ("b",))]).under("c"))
    c.a: too short
    c.b: too long
    """

    def __init__(self, errors: Iterable[ConfigError]) -> None:
        self.errors = tuple(errors)
        more = len(self.errors) - MOST_TOLD
        told = [*map(str, self.errors[:MOST_TOLD]), *([f"and {more} more"] if more > 0 else [])]
        super().__init__("\n".join(told))

    def under(self, *outer: str | int) -> ConfigErrors:
        return ConfigErrors(error.under(*outer) for error in self.errors)


@dataclass(slots=True)
class Mistakes:
    """Collects ConfigErrors, so that an operator sees all of them at once."""

    errors: list[ConfigError] = field(default_factory=list)

    @contextmanager
    def within(self, *outer: str | int) -> Iterator[None]:
        """Whatever ConfigError is raised inside is kept, as seen from *outer*."""
        try:
            yield
        except ConfigError as error:
            self.keep(error.under(*outer))

    def keep(self, error: ConfigError) -> None:
        """Tell *error* with the others; of several in one, each."""
        self.errors += error.errors if isinstance(error, ConfigErrors) else (error,)

    def all(self) -> ConfigError:
        """What was kept: the one, or all of them in one."""
        return self.errors[0] if len(self.errors) == 1 else ConfigErrors(self.errors)

    def tell(self) -> None:
        """Raises ConfigError: something was kept."""
        if self.errors:
            raise self.all()


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
