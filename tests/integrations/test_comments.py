from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_opml.errors import SettingsError
from pytest_opml.integrations.comments import Outcome, marker_of, name_of, post_comment
from pytest_opml.integrations.github import GitHub
from pytest_opml.integrations.gitlab import GitLab
from pytest_opml.integrations.rest import Uncertain
from tests.support.fake_forges import (
    BROKEN,
    NUMBER,
    PROJECT,
    REPOSITORY,
    TOKEN,
    FakeForge,
    FakeGitHub,
    FakeGitLab,
    Reply,
    Request,
    said,
    serving,
)

MARKER = marker_of("bench")
TEXT = "## one\n\ntext\n"
BODY = f"{MARKER}\n{TEXT}"


@pytest.fixture(params=[FakeGitHub, FakeGitLab])
def forge(request: pytest.FixtureRequest) -> Iterator[FakeForge]:
    with serving(request.param()) as served:
        yield served


def client(forge: FakeForge) -> GitHub | GitLab:
    pauses: list[float] = []
    if isinstance(forge, FakeGitHub):
        return GitHub(REPOSITORY, NUMBER, TOKEN, forge.address, pauses.append)
    return GitLab(PROJECT, NUMBER, TOKEN, forge.address, pauses.append)


def post(forge: FakeForge, text: str = TEXT, author: str | None = None) -> Outcome:
    return post_comment(client(forge), MARKER, text, author, sleep=lambda _: None)


def test_the_first_run_writes_and_the_next_ones_change_it(forge: FakeForge) -> None:
    assert post(forge).change == "created"
    assert post(forge, "## two\n").change == "updated"
    assert forge.bodies() == [f"{MARKER}\n## two\n"]


def test_the_same_text_writes_nothing(forge: FakeForge) -> None:
    forge.write(BODY.replace("\n", "\r\n").strip())
    assert post(forge).change == "unchanged"
    assert forge.methods() == []


def test_a_comment_on_a_late_page_is_seen(forge: FakeForge) -> None:
    forge.page_size = 3
    for number in range(10):
        forge.write(f"comment {number}", "somebody")
    forge.write(f"{MARKER}\nold")
    forge.write("later", "somebody")
    assert post(forge).change == "updated"
    assert forge.bodies().count(BODY) == 1
    assert len(forge.comments) == 12


@pytest.mark.parametrize(
    ("body", "author"),
    [
        (f"> {MARKER}\n> old", None),  # a quotation
        (f"see {MARKER}", None),
        (f"\n{MARKER}\nold", None),
        (f"{MARKER} and more\nold", None),
        (f"{marker_of('bench2')}\nold", None),
        (f"{MARKER}\nold", "somebody"),
        (f"{MARKER}\nold", "another-app[bot]"),
    ],
)
def test_what_is_not_ours_stays(forge: FakeForge, body: str, author: str | None) -> None:
    forge.write(body, author)
    assert post(forge).change == "created"
    assert forge.bodies() == [body, BODY]


def test_of_several_the_oldest_stays(forge: FakeForge) -> None:
    forge.write(f"{MARKER}\nfirst")
    forge.write("in between", "somebody")
    forge.write(f"{MARKER}\nsecond")
    forge.write(f"{MARKER}\nthird")
    assert post(forge)[::2] == ("updated", 2)
    assert forge.bodies() == [BODY, "in between"]


def test_where_another_job_writes_at_the_same_time_one_comment_remains(forge: FakeForge) -> None:
    def write_before_the_post(request: Request) -> Reply | None:
        if request.method == "POST":
            forge.before = lambda _: None
            forge.write(f"{MARKER}\nof the other job")
        return None

    forge.before = write_before_the_post
    assert post(forge) == ("updated", client(forge).comments()[0].url, 1)
    assert forge.bodies() == [BODY]
    assert list(forge.comments) == [1]


def test_a_comment_that_another_job_writes_after_ours_is_deleted(forge: FakeForge) -> None:
    def write_after_the_post(request: Request) -> Reply | None:
        if request.method == "GET" and forge.comments:
            forge.before = lambda _: None
            forge.write(f"{MARKER}\nof the other job")
        return None

    forge.before = write_after_the_post
    assert post(forge)[::2] == ("created", 1)
    assert forge.bodies() == [BODY]


def test_of_jobs_that_post_at_the_same_moment_one_comment_remains(forge: FakeForge) -> None:
    together = Barrier(6)

    def wait_before_the_post(request: Request) -> Reply | None:
        if request.method == "POST":
            together.wait(timeout=30)
        return None

    forge.before = wait_before_the_post
    with ThreadPoolExecutor(6) as jobs:
        outcomes = list(jobs.map(lambda number: post(forge, f"of job {number}\n"), range(6)))
    assert [outcome.change for outcome in outcomes].count("created") == 1
    (body,) = forge.bodies()
    assert re.fullmatch(rf"{MARKER}\nof job [0-5]\n", body)
    assert list(forge.comments) == [1]


def test_jobs_that_post_at_the_same_moment_send_no_more_than_they_must(forge: FakeForge) -> None:
    together = Barrier(20)

    def wait_before_the_post(request: Request) -> Reply | None:
        if request.method == "POST":
            together.wait(timeout=30)
        return None

    forge.before = wait_before_the_post
    with ThreadPoolExecutor(20) as jobs:
        list(jobs.map(lambda number: post(forge, f"of job {number}\n"), range(20)))
    assert list(forge.comments) == [1]
    assert forge.methods().count("DELETE") <= 2 * 19  # each its own, and the writer of the first what it sees
    assert len(forge.methods()) <= 80  # what GitHub takes in a minute


def test_a_comment_that_a_job_left_when_it_was_ended_is_deleted_too() -> None:
    with serving(FakeGitHub("my-app[bot]")) as forge:  # which writes before it knows whose token it has
        for text in ("first", "of a job that was ended"):
            forge.write(f"{MARKER}\n{text}")
        assert post(forge)[::2] == ("updated", 2)
        assert forge.bodies() == [BODY]


def test_a_person_who_changes_the_text_of_ours_makes_no_second_one(forge: FakeForge) -> None:
    forge.write(f"{MARKER}  \r\n## edited by hand\r\n\r\nmore")
    assert post(forge).change == "updated"
    assert forge.bodies() == [BODY]


def test_a_locked_conversation_is_said(forge: FakeForge) -> None:
    forge.is_locked = True
    with pytest.raises(SettingsError, match=r"\(403: .*\): .*(unlock the conversation|in a locked discussion only)"):
        post(forge)


def test_a_text_that_is_too_long_is_refused_in_the_words_of_the_server(forge: FakeForge) -> None:
    with pytest.raises(SettingsError, match=rf"too long \(maximum is {forge.longest} characters\)"):
        post(forge, "x" * forge.longest)
    assert forge.comments == {}


def test_the_token_is_not_in_a_comment(forge: FakeForge) -> None:
    assert post(forge, f"GITHUB_TOKEN={TOKEN}\n").change == "created"
    assert forge.bodies() == [f"{MARKER}\nGITHUB_TOKEN=***\n"]


def test_a_post_whose_answer_is_lost_is_not_sent_twice(forge: FakeForge) -> None:
    def lose_the_answer(request: Request) -> Reply | None:
        if request.method != "POST":
            return None
        forge.before = lambda _: None
        forge.write(request.body["body"])
        return BROKEN

    forge.before = lose_the_answer
    assert post(forge).change == "unchanged"
    assert forge.bodies() == [BODY]


def test_a_post_that_a_broken_server_refuses_is_sent_again_after_a_look(forge: FakeForge) -> None:
    replies = [said(502, "Bad Gateway")]
    forge.before = lambda request: replies.pop() if request.method == "POST" and replies else None
    assert post(forge).change == "created"
    assert forge.bodies() == [BODY]


def test_a_server_that_loses_every_post_ends_the_command(forge: FakeForge) -> None:
    forge.before = lambda request: said(500, "Server Error") if request.method == "POST" else None
    with pytest.raises(Uncertain, match="a comment was sent, and it answered 500: Server Error"):
        post(forge)
    assert forge.methods() == ["POST"] * 3


def test_a_comment_that_is_deleted_meanwhile_is_written_anew(forge: FakeForge) -> None:
    forge.write(f"{MARKER}\nold")

    def delete_first(request: Request) -> Reply | None:
        if request.method == forge.update_method:
            forge.before = lambda _: None
            forge.comments.clear()
        return None

    forge.before = delete_first
    assert post(forge).change == "created"
    assert forge.bodies() == [BODY]


def test_a_duplicate_that_is_gone_already_is_no_error(forge: FakeForge) -> None:
    forge.write(BODY)
    second = forge.write(BODY)

    def delete_first(request: Request) -> Reply | None:
        if request.method == "DELETE":
            forge.comments.pop(second, None)
        return None

    forge.before = delete_first
    assert post(forge).change == "unchanged"
    assert forge.bodies() == [BODY]


def test_the_author_of_an_application_is_learnt_from_its_first_comment() -> None:
    with serving(FakeGitHub("my-app[bot]")) as forge:
        forge.write(f"{MARKER}\nof a run before")
        assert post(forge)[::2] == ("updated", 1)
        assert list(forge.comments) == [1]
        assert forge.bodies() == [BODY]
        forge.requests.clear()
        assert post(forge, "again", "my-app[bot]").change == "updated"
        assert forge.methods() == ["PATCH"]


def test_a_user_that_the_server_tells_is_the_author() -> None:
    with serving(FakeGitHub("Octo")) as forge:
        forge.tells_user = True
        forge.write(f"{MARKER}\nold", "octo")
        forge.write(f"{MARKER}\nold", "github-actions[bot]")
        assert post(forge).change == "updated"
        assert forge.bodies() == [BODY, f"{MARKER}\nold"]


@pytest.mark.parametrize("name", ["bench", "a", "bench-2.x_y", "A" * 64])
def test_a_name_is_in_the_marker(name: str) -> None:
    assert marker_of(name) == f"<!-- pytest-opml:{name} -->"


@pytest.mark.parametrize("name", ["", "a--b", "a-", "-a", "a>b", "a b", "a\n", "é", "A" * 65, "--><script>"])
def test_a_name_that_could_end_the_marker_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"--name: .* is no name of a comment: write up to 64 letters"):
        marker_of(name)


@given(st.text())
def test_any_job_has_a_name_that_is_taken(text: str) -> None:
    assert name_of(text) in marker_of(name_of(text))


@pytest.mark.parametrize(
    ("text", "name"),
    [("bench 1/3", "bench-1-3"), ("--x--y--", "x-y"), ("", "default"), (None, "default"), ("é", "default")],
)
def test_the_name_of_a_job_is_made_plain(text: str | None, name: str) -> None:
    assert name_of(text) == name
