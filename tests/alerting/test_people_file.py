"""The operator's file of people: a mistake in it is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenops_alerting import people
from greenops_core.errors import ConfigError

GOOD = """\
people:
  me:
    webhook: http://127.0.0.1:9843
pages: me
tickets: me
heartbeat: me
"""
SAID = "3: people.me.webhook: "
BAD = [
    pytest.param(GOOD + "pgaes: me\n", "7: pgaes: unknown key 'pgaes'; did you mean 'pages'?", id="unknown key"),
    pytest.param(
        GOOD.replace("webhook", "webhok"),
        "3: people.me.webhok: unknown key 'webhok'; did you mean 'webhook'?",
        id="unknown way",
    ),
    pytest.param(
        GOOD + "  \nmail: {server: mail.example.org:587, from: a@b.c}\n",
        "8: mail.from: unknown key 'from'; known: password_file, sender, server, user",
        id="unknown key of mail",
    ),
    pytest.param(
        GOOD.replace("tickets: me", "tickets: mee"),
        "5: tickets: there is nobody called 'mee'; did you mean 'me'?",
        id="unknown person",
    ),
    pytest.param(
        GOOD + "sites:\n  north: {pages: yu}\n",
        "8: sites.north.pages: there is nobody called 'yu'; known: me",
        id="unknown duty",
    ),
    pytest.param(
        GOOD + "sites:\n  south: {pages: me}\n  north:\n    page: me\n",
        "10: sites.north.page: unknown key 'page'; did you mean 'pages'?",
        id="unknown kind of duty",
    ),
    pytest.param(
        GOOD.replace("\n    webhook: http://127.0.0.1:9843", " {}"),
        "2: people.me: cannot be reached; give a webhook, an email or a slack channel",
        id="nobody reachable",
    ),
    pytest.param(
        GOOD.replace("webhook: http://127.0.0.1:9843", "email: [a@b.c]"),
        "2: people.me: e-mail needs the block 'mail' with server and sender",
        id="no mail",
    ),
    pytest.param(
        GOOD.replace("webhook: http://127.0.0.1:9843", "slack: '#a'"),
        "2: people.me: Slack needs the block 'slack' with url_file",
        id="no slack",
    ),
    pytest.param(
        GOOD + "slack: {url_file: /s}\n" + "mail: {server: m:25, sender: a@b.c, user: me}\n",
        "8: mail: user and password_file go together",
        id="a user without a password",
    ),
    pytest.param(
        GOOD.replace("http:", "ftp:"),
        SAID + "'ftp://127.0.0.1:9843' is not an address; write for example http://127.0.0.1:9090",
        id="no web address",
    ),
    pytest.param(
        GOOD.replace("http://", "http://me:pw@"),
        "2: people.me: a webhook's address holds no password; put the secret into a file and name it: "
        "webhook_credentials_file",
        id="a password in an address",
    ),
    pytest.param(
        GOOD.replace("webhook: http://127.0.0.1:9843", "email: [a@b.c, nobody]"),
        "3: people.me.email[1]: expected text matching regex '^[^\\\\s@,]+@[^\\\\s@,]+$'; found 'nobody'",
        id="no mail address",
    ),
    pytest.param(
        GOOD.replace("  me:\n    webhook: http://127.0.0.1:9843", "  {}"),
        "1: people: expected mapping of length >= 1; found {}",
        id="nobody at all",
    ),
    *(
        pytest.param(
            GOOD.replace("me", name),
            f"2: people.{name}: the name '{name}' is taken by a receiver of ours; choose another",
            id=f"the reserved name {name}",
        )
        for name in ("heartbeat", "nobody")
    ),
    pytest.param(GOOD + "pages: me\n", "7: the key 'pages' already stands on line 4", id="a key twice"),
    pytest.param("people: [\n", "2:1: not YAML: ", id="not YAML"),
    pytest.param("", "1: the key 'people' is missing", id="empty"),
]


@pytest.mark.parametrize(("content", "message"), BAD)
def test_a_mistake_in_the_file_is_named_with_its_line(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "routes.yml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        people.load(file)
    assert str(raised.value).startswith(f"{file}:{message}")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: cannot be read: No such file"):
        people.load(tmp_path / "none.yml")
