from __future__ import annotations

import sys
import time
from importlib import import_module

import pytest

from pytest_opml.errors import MissingDependencyError, StorageError
from pytest_opml.storage import object_store
from pytest_opml.storage.entry_store import StoreUnavailable
from pytest_opml.storage.object_store import ObjectStore
from pytest_opml.storage.shared_cache import SharedCache
from tests.support.object_server import REFUSED, ObjectServer
from tests.support.passwords import repeats

SECRET = b"of the jobs that share"


def refusal(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        SharedCache(url, SECRET).check()
    return str(caught.value)


def test_a_store_that_answers_is_good_enough(url: str) -> None:
    SharedCache(url, SECRET).check()


def test_checking_a_store_leaves_nothing_in_it(bucket: str, s3: ObjectServer) -> None:
    SharedCache(f"{bucket}/prefix/", SECRET).check()
    ((method, path),) = s3.asked
    assert (method, path) == ("GET", f"{bucket[4:]}/prefix/entries/nothing-has-this-name/signature.json")


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_refused() -> None:
    assert refusal("s3://no-such-bucket/prefix") == (
        "shared cache s3://no-such-bucket/prefix: there is no such bucket; "
        "correct --opml-cache-shared or the credentials, or leave it out"
    )


def test_a_store_that_may_not_be_read_is_refused(bucket: str, s3: ObjectServer) -> None:
    s3.answers["GET"] = REFUSED
    assert refusal(bucket).startswith(f"shared cache {bucket}: Access Denied; ")


def test_a_store_that_is_not_there_is_refused_at_once(own_bucket: str, own_s3: ObjectServer) -> None:
    own_s3.stop()
    began = time.monotonic()
    assert refusal(own_bucket).startswith(f"shared cache {own_bucket}: Could not connect to the endpoint URL: ")
    assert time.monotonic() - began < object_store._ANSWER_S / 2


def test_a_store_that_does_not_answer_is_not_waited_for(
    own_bucket: str, own_s3: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_store, "_ANSWER_S", 0.3)
    own_s3.delay_s = 2.0
    began = time.monotonic()
    assert refusal(own_bucket).startswith(f"shared cache {own_bucket}: no answer in time; ")
    assert time.monotonic() - began < 2.0


def test_a_kind_of_store_that_fsspec_does_not_know_is_refused() -> None:
    assert refusal("nosuch://bucket").startswith("shared cache nosuch://bucket: Protocol not known: nosuch; ")


@pytest.mark.parametrize(
    ("scheme", "package", "wanted"),
    [
        ("s3", "fsspec", "pytest-opml[fleet]"),
        ("s3", "s3fs", "pytest-opml[fleet]"),
        ("gs", "gcsfs", "gcsfs"),
    ],
)
def test_a_package_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, scheme: str, package: str, wanted: str
) -> None:
    monkeypatch.delitem(import_module("fsspec.registry")._registry, scheme, raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # type: ignore[arg-type]
    with pytest.raises(MissingDependencyError) as caught:
        SharedCache(f"{scheme}://of-{package}/prefix", SECRET).check()
    assert str(caught.value).startswith(f"a shared cache at {scheme}:// needs the package {package}: pip install ")
    assert wanted in str(caught.value)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("url", ["s3://ada:ZqXVK9jvJQ@bucket/prefix", "s3://ada:ZqXVK9jvJQ@a@bucket"])
def test_a_password_is_not_shown(url: str) -> None:
    text = refusal(url)
    assert not repeats(text, "ZqXVK9jvJQ"), text
    shown = repr(SharedCache(url, SECRET))
    assert shown.startswith("SharedCache(")
    assert "ZqX" not in shown


def test_what_a_client_says_of_a_server_has_no_password_in_it(
    own_s3: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_s3.stop()
    monkeypatch.setenv("AWS_ENDPOINT_URL", own_s3.address.replace("//", "//ada:ZqXVK9jvJQ@"))
    text = refusal("s3://bucket-of-ada")
    assert not repeats(text, "ZqXVK9jvJQ"), text


def test_what_goes_wrong_in_a_client_is_the_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(scheme: str, host: str, process: int) -> None:
        raise RuntimeError("no credentials\nat all")

    monkeypatch.setattr(object_store, "_opened", fail)
    with pytest.raises(StoreUnavailable, match=r"^no credentials$"):
        ObjectStore("s3://bucket").check()
