"""Addresses with a password in each of the places that people put one, and whether a text repeats a part of it."""

from __future__ import annotations

from hypothesis import strategies as st

# None of them stands in a text of ours by chance.
PASSWORDS = st.text("ZXQJVKzxqjvk0189@:/?#%&=+;, ", min_size=4, max_size=16).map(lambda text: f"ZqX{text}")

FORMS = {
    "user": "postgresql://ci:{}@127.0.0.1:1/db",
    "psycopg": "postgresql+psycopg://ci:{}@127.0.0.1:1/db?connect_timeout=1",
    "no user": "postgres://:{}@127.0.0.1:1/db",
    "no host": "postgresql:///ci:{}@127.0.0.1/db",
    "user of a server": "postgresql://ci@x.org:{}@127.0.0.1:1/db",
    "port": "postgresql://ci:{}@127.0.0.1:port/db",
    "no scheme": "ci:{}@127.0.0.1:1/db",
    "no colon": "postgres//ci:{}@127.0.0.1:1/db",
    "libpq": "host=127.0.0.1 port=1 user=ci password={}",
    "parameter": "postgresql://127.0.0.1:1/db?user=ci&password={}",
    "parameter before": "postgresql://127.0.0.1:1/db?sslpassword={}&user=ci",
    "unknown parameter": "postgresql://127.0.0.1:1/db?passcode={}",
    "fragment": "postgresql://127.0.0.1:1/db#{}",
    "path": "postgresql://127.0.0.1:1/db;password={}",
    "file": "sqlite:///ci:{}@host/db",
    "http": "http://ci:{}@127.0.0.1:1/",
    "http token": "https://{}@127.0.0.1:1/x",
    "http parameter": "https://127.0.0.1:1/x?token={}",
}


def repeats(text: str, password: str) -> bool:
    """Tell whether a text has four characters in a row of a password."""
    return any(password[at : at + 4] in text for at in range(len(password) - 3))
