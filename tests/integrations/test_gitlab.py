from __future__ import annotations

from collections.abc import Iterator

import pytest

from pytest_opml.errors import SettingsError, StorageError
from pytest_opml.integrations.gitlab import GitLab
from tests.support.fake_forges import NUMBER, PROJECT, TOKEN, FakeGitLab, Reply, said, serving


@pytest.fixture
def forge() -> Iterator[FakeGitLab]:
    with serving(FakeGitLab()) as served:
        assert isinstance(served, FakeGitLab)
        yield served


def client(forge: FakeGitLab, token: str = TOKEN, page: str = "") -> GitLab:
    return GitLab(PROJECT, NUMBER, token, forge.address, sleep=lambda _: None, page=page)


def test_what_gitlab_itself_wrote_is_no_comment(forge: FakeGitLab) -> None:
    forge.write("added 1 commit", system=True)
    forge.write("hello", "somebody")
    assert [comment.body for comment in client(forge).comments()] == ["hello"]


def test_a_note_is_linked_where_the_page_of_the_project_is_known(forge: FakeGitLab) -> None:
    forge.write("hello")
    assert client(forge).comments()[0].url == ""
    address = client(forge, page="https://gitlab.example/group/models").comments()[0].url
    assert address == "https://gitlab.example/group/models/-/merge_requests/7#note_1"


def test_pages_are_followed_by_a_link_where_there_are_no_numbers(forge: FakeGitLab) -> None:
    for number in range(3):
        forge.write(f"note {number}")
    entries = list(forge.comments.values())
    after = f"{forge.address}{forge.list_path}?page=2"
    replies = [
        Reply(200, entries[:2], {"Link": f'<{after}>; rel="next"'}),
        Reply(200, entries[2:], {"Link": f'<{after}>; rel="first"'}),
    ]
    forge.before = lambda _: replies.pop(0)
    assert [comment.number for comment in client(forge).comments()] == [1, 2, 3]


def test_a_page_whose_notes_may_not_be_seen_is_not_the_last(forge: FakeGitLab) -> None:
    forge.page_size = 2
    for number in range(5):
        forge.write(f"note {number}", "somebody", unseen=number < 4)
    assert [comment.body for comment in client(forge).comments()] == ["note 4"]


def test_a_limit_of_requests_is_waited_for_(forge: FakeGitLab) -> None:
    forge.before = lambda _: Reply(429, {"message": {"error": "This endpoint has been requested too many times."}})
    pauses: list[float] = []
    with pytest.raises(StorageError, match=r"limits the requests \(status 429\)"):
        GitLab(PROJECT, NUMBER, TOKEN, forge.address, pauses.append).comments()
    assert pauses == [60, 60]


def test_a_token_that_is_wrong_is_said(forge: FakeGitLab) -> None:
    with pytest.raises(SettingsError) as error:
        client(forge, "glpat-wrong").author()
    assert str(error.value) == (
        "merge request 7 of group/models: GitLab refuses (401: 401 Unauthorized): the token is wrong or expired: give "
        "a valid one in GITLAB_TOKEN (CI_JOB_TOKEN cannot write notes)"
    )


@pytest.mark.parametrize(
    ("reply", "part"),
    [
        (said(403, "403 Forbidden"), "it needs the scope api, and the role Reporter"),
        (Reply(403, {"error": "insufficient_scope", "error_description": "needs api"}), "(403: needs api)"),
        (said(404, "404 Project Not Found"), "there is no such merge request"),
        (Reply(400, {"message": {"note": ["is too long"]}}), "(400: note is too long)"),
        (Reply(200, "page"), "may not be GitLab's REST interface"),
    ],
)
def test_each_refusal_is_one_line_with_what_the_server_said(forge: FakeGitLab, reply: Reply, part: str) -> None:
    forge.before = lambda _: reply
    with pytest.raises(SettingsError) as error:
        client(forge).comments()
    assert part in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["models", "group/", "a b/c", "12x", "group/models?x=1", "/group/models"])
def test_what_is_no_project_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="is no project: write its path"):
        GitLab(name, 1, TOKEN)
