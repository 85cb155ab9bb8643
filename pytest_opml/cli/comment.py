"""``opml comment``: post a run as the one comment on a pull or merge request."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import (
    RUN_ARGUMENT,
    as_json,
    judge_again,
    resolve_run,
    root_of,
    settings_of,
    show,
    show_document,
    show_json,
    show_note,
    with_gate,
    with_store,
)
from .report import baselines_of

if TYPE_CHECKING:
    from ..integrations.github import GitHub
    from ..integrations.gitlab import GitLab

_NOTHING = "not a pull request: nothing to comment"
_SAID = {
    "created": "wrote the comment",
    "updated": "updated the comment",
    "unchanged": "the comment has this text already",
}


@click.command(short_help="Post a run as the one comment on a pull request.")
@RUN_ARGUMENT
@click.option("--github", "repository", metavar="OWNER/NAME", help="The repository on GitHub; by default the job's.")
@click.option("--gitlab", "project", metavar="PROJECT", help="The project on GitLab; by default the job's.")
@click.option("--request", "number", metavar="N", type=click.IntRange(1), help="The pull or merge request.")
@click.option("--name", metavar="NAME", help="Of the comment, where a request has several; by default the job's.")
@click.option("--author", metavar="LOGIN", help="Who the token is of, where the server does not tell: my-app[bot].")
@click.option("--against", metavar="WHAT", help="A baseline to compare with, as --opml-baseline of pytest.")
@click.option("--link", metavar="URL", default="", help="Of the whole report, for the first lines.")
@click.option("--dry-run", is_flag=True, help="Print the comment, and send nothing.")
@with_gate
@with_store
@as_json
def comment(
    run: str | None,
    repository: str | None,
    project: str | None,
    number: int | None,
    name: str | None,
    author: str | None,
    against: str | None,
    link: str,
    dry_run: bool,
    config: Path,
    gate: tuple[str, ...],
    store: str | None,
    json_wanted: bool,
) -> None:
    """Post a run as one comment on a pull request of GitHub or a merge request of GitLab; later runs change it.

    RUN is the file that --opml-json wrote, or a run of the history, as `opml report` takes it. Without it, the newest
    run is meant. In a job of GitHub Actions or GitLab CI, the request is that of the job. The token is that of
    OPML_COMMENT_TOKEN, or else of GITHUB_TOKEN, GH_TOKEN or GITLAB_TOKEN; no output shows it.

    \b
      opml comment
      opml comment run.json --link https://ci.example/report.html
      opml comment --github acme/models --request 7 --name nightly
      opml comment --dry-run

    The exit code is 0, also where the job is not for a request, or 4 where the comment cannot be posted.
    """
    from ..history.ci import read_job
    from ..integrations.comments import marker_of, name_of
    from ..integrations.forges import find_forge
    from ..reports.page.build import page_of
    from ..reports.page.markdown import LONGEST, MarkdownReporter

    job = read_job() and (os.environ.get("CI_JOB_NAME") or os.environ.get("GITHUB_JOB"))
    marker = marker_of(name_of(job) if name is None else name)
    forge = None if dry_run else find_forge(repository, project, number)
    longest = LONGEST if forge is None else forge.longest
    reporter = MarkdownReporter(longest - len(marker) - 1, link)
    if forge is None and not dry_run:
        show_json({"change": "none", "url": "", "deleted": 0}) if json_wanted else show([_NOTHING])
        return
    settings, root = settings_of(config, gate=gate, store=store), root_of(config)
    record = judge_again(resolve_run(run, settings, root), settings.gate)
    baselines = None if against is None else baselines_of(against, record, settings, root)
    text = reporter.render(page_of(record, settings.gate, baselines, against or ""))
    if forge is None:
        show_document(f"{marker}\n{text}")
    else:
        _post(forge, marker, text, author, json_wanted=json_wanted)


def _post(forge: GitHub | GitLab, marker: str, text: str, author: str | None, *, json_wanted: bool) -> None:
    from ..integrations.comments import post_comment

    outcome = post_comment(forge, marker, text, author)
    if json_wanted:
        show_json(outcome._asdict())
        return
    show([f"{forge.described}: {_SAID[outcome.change]}{f' {outcome.url}' if outcome.url else ''}"])
    if outcome.deleted:
        show_note(f"deleted {outcome.deleted} further comments of the same name")
