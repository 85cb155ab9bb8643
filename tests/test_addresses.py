"""Addresses as they may be shown: nothing of a password is in what is written."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.addresses import (
    NOT_SHOWN,
    argument_secrets,
    environment_secrets,
    read_address,
    shown_command,
    without_secrets,
)
from pytest_opml.cli import main
from pytest_opml.errors import OpmlError
from pytest_opml.history.store import open_store
from pytest_opml.integrations.mlflow import call_apart
from tests.support.passwords import FORMS, PASSWORDS, repeats


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:secret@host:5000/x", "http://me:***@host:5000/x"),
        ("https://t0k3n@host/x", "https://***@host/x"),
        ("postgresql+psycopg://ada:se%40cret@[::1]:5432/db", "postgresql+psycopg://ada:***@[::1]:5432/db"),
        ("postgresql://:secret@host/db", "postgresql://:***@host/db"),
        ("https://host/?token=secret&more=1", "https://host/?token=***&***"),
        (
            "postgresql:///db?user=ci&sslpassword=x&sslmode=require",
            "postgresql:///db?user=ci&sslpassword=***&sslmode=require",
        ),
        ("postgresql://%2Fvar%2Frun/db", "postgresql://%2Fvar%2Frun/db"),
        ("sqlite:////a/job@2/b.db?timeout=0.1", "sqlite:////a/job@2/b.db?timeout=0.1"),
        ("sqlite:///file:/a@b/c.db?mode=ro&uri=true", "sqlite:///file:/a@b/c.db?mode=ro&uri=true"),
        ("sqlite://", "sqlite://"),
        ("databricks", "databricks"),
        ("/home/ada/mlruns", "/home/ada/mlruns"),
        ("nosql://ada:s:e/c@r@et@host/db", NOT_SHOWN),
        ("postgresql://host/db;password=secret", NOT_SHOWN),
        ("postgresql://ci%3Asecret%40host/db", NOT_SHOWN),
        ("sqlite:///ada:secret@host/db", NOT_SHOWN),
        ("ada:secret@host/db", NOT_SHOWN),
        ("host=h password=secret", NOT_SHOWN),
        ("secret", NOT_SHOWN),
    ],
)
def test_what_lets_anybody_in_is_not_shown(address: str, shown: str) -> None:
    assert read_address(address).shown == shown


def test_what_others_say_is_shown_without_what_they_repeat() -> None:
    text = 'could not translate host name "TAIL@host": connection failed'
    assert without_secrets(text, ["s3cr3t@tail"]) == 'could not translate host name "***@host": connection failed'
    assert without_secrets(text, ["abc", ""]) == text
    secrets = read_address("host=h password=s3cr3t").secrets
    assert without_secrets("no password, s3cr3t: host", secrets) == "no password, ***: host"


def test_secrets_of_the_environment() -> None:
    variables = {
        "PGPASSWORD": "s3cr3t",
        "HTTPS_PROXY": "http://ada:tail@proxy:1",
        "http_proxy": "proxy:1",
        "AWS_SECRET_ACCESS_KEY": "of a bucket",
        "AWS_ENDPOINT_URL": "http://ada:of-a-server@host:9000",
        "USER": "me",
    }
    assert set(environment_secrets(variables)) == {"s3cr3t", "tail", "of a bucket", "of-a-server"}


def test_a_command_is_shown_without_passwords() -> None:
    command = [
        "pytest",
        "bench",
        "--opml-store=postgresql://ci:s3cr3t@h/d",
        "--store",
        "s3cr3t",
        "models:/x@best",
        "-k",
    ]
    shown = f"pytest bench --opml-store=postgresql://ci:***@h/d --store {NOT_SHOWN} models:/x@best -k"
    assert shown_command(command) == shown
    assert argument_secrets(["--store=none", "a@b", "models:/x@best"]) == ()


def written(form: str, password: str) -> str:
    """An address with a password as it is; in the place of a name its colon is escaped, since it would end the name."""
    return FORMS[form].format(password.replace(":", "%3A") if form == "http token" else password)


@given(st.sampled_from(sorted(FORMS)), PASSWORDS, st.booleans())
def test_no_part_of_a_password_is_shown(form: str, password: str, is_quoted: bool) -> None:
    address = FORMS[form].format(quote(password, safe="")) if is_quoted else written(form, password)
    shown, secrets, _ = read_address(address)
    assert not repeats(shown, password)
    assert not repeats(without_secrets(f"the driver says {address} and {password}", secrets), password)
    assert not repeats(shown_command(["pytest", f"--opml-store={address}", "--opml-mlflow", address]), password)


@settings(max_examples=20, deadline=None)
@given(form=st.sampled_from(sorted(FORMS)), password=PASSWORDS)
def test_no_part_of_a_password_is_printed(form: str, password: str) -> None:
    runner, address = CliRunner(), written(form, password)
    for arguments in (["history", "--store", address], ["gate", address], ["history", address], [address]):
        result = runner.invoke(main, arguments)
        assert result.exit_code == 4, arguments
        assert not repeats(result.output, password), result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)


@settings(max_examples=15, deadline=None)
@given(form=st.sampled_from(sorted(FORMS)), password=PASSWORDS)
def test_no_part_of_a_password_is_in_a_traceback(form: str, password: str) -> None:
    address = written(form, password)

    def refuse() -> None:
        raise OSError(f"cannot reach {address}: {password}")

    for use in (lambda: open_store(address), lambda: call_apart(address, refuse)):
        with pytest.raises(OpmlError) as caught:
            use()
        assert not repeats(str(caught.getrepr(style="native", chain=True)), password)
