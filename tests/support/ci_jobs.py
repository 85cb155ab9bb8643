"""Jobs of CI services, run on this machine from the very files that the services would read.

The ``run:`` and ``script:`` steps are run as the service runs them, by a shell in a checkout of a repository. What a
service does itself (caches, artifacts, checkouts) is done here by copying files. The step that installs pytest-opml is
left out, since the environment of the tests has it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

_INSTALL = "Install"
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_][\w.-]*\(?|&&|\|\||==|!=|[!(),]|\)|$)")
_WORDS = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}")
_GROOVY_SHELL = re.compile(r"\bsh '''\n(.*?)'''", re.DOTALL)


def load_yaml(text: str) -> Any:
    """Return a document of YAML 1.2, in which ``on`` is a text."""
    return YAML(typ="safe").load(text)


class Step(NamedTuple):
    """What came of one step."""

    name: str
    code: int
    output: str


@dataclass(kw_only=True)
class CiMachine:
    """What a service holds from one job to the next.

    Attributes:
        folder: for all of it.
        environment: of each step.
        caches: saved folders by their keys, the newest last.
        artifacts: files by the name of the artifact.
    """

    folder: Path
    environment: Mapping[str, str]
    caches: dict[str, dict[str, Path]] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def shell(self, command: list[str], script: str, where: Path, variables: Mapping[str, str]) -> Step:
        """Run a script by a shell, which reads it from a file, as services do."""
        path = self.folder / "script.sh"
        path.write_text(script)
        environment = {**self.environment, "HOME": str(self.home), **variables}
        done = subprocess.run(
            [*command, str(path)],
            cwd=where, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return Step("", done.returncode, done.stdout)

    def place(self, path: str, where: Path) -> Path:
        return self.home / path.removeprefix("~/") if path.startswith("~/") else where / path

    def save(self, key: str, paths: list[str], where: Path) -> None:
        """Store what is there under a key, which is never written twice."""
        if key in self.caches:
            return
        stored = {}
        for number, path in enumerate(paths):
            source = self.place(path, where)
            if source.exists():
                target = self.folder / "caches" / hashlib.sha256(key.encode()).hexdigest() / str(number)
                shutil.copytree(source, target, symlinks=True)
                stored[path] = target
        if stored:
            self.caches[key] = stored

    def restore(self, keys: list[str], where: Path) -> str:
        """Put back what is stored under the first key, or under the newest one that begins as one of the others."""
        for number, wanted in enumerate(keys):
            for key in reversed(self.caches):
                if key == wanted or (number and key.startswith(wanted)):
                    for path, stored in self.caches[key].items():
                        shutil.copytree(stored, self.place(path, where), dirs_exist_ok=True)
                    return key
        return ""


# --- GitHub


@dataclass(kw_only=True)
class GitHubJob:
    """The steps of a workflow's job, or of a composite action.

    Attributes:
        machine: with its caches.
        where: the checkout.
        context: values by their names in expressions, such as ``github.ref_name``.
        action: the folder of the action, where the steps are an action's.
        failed: whether a step has failed.
        summary: what the steps wrote to ``GITHUB_STEP_SUMMARY``.
    """

    machine: CiMachine
    where: Path
    context: dict[str, Any]
    variables: dict[str, str] = field(default_factory=dict)
    failed: bool = False
    summary: str = ""
    steps: list[Step] = field(default_factory=list)

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of GitHub, of the few kinds that our files have."""
        text, at = "", 0
        while at < len(expression.rstrip()):
            token = _TOKEN.match(expression, at)
            assert token, f"no token: {expression[at:]!r}"
            at, word = token.end(), token[1]
            if word.startswith("'"):
                text += repr(word[1:-1].replace("''", "'"))
            elif word.endswith("(") and len(word) > 1:
                text += f"call_{word}"
            else:
                text += _WORDS.get(word) or (f"lookup({word!r})" if re.match(r"[A-Za-z_]", word) else word)
        names = {
            "lookup": lambda name: self.context.get(name, ""),
            "call_hashFiles": self.hash_files,
            "call_cancelled": lambda: False,
            "call_success": lambda: not self.failed,
            "call_always": lambda: True,
        }
        return eval(text, {"__builtins__": {}}, names)

    def filled(self, text: Any) -> str:
        def value(match: re.Match[str]) -> str:
            of_expression = self.evaluate(match[1])
            return str(of_expression).lower() if isinstance(of_expression, bool) else str(of_expression)

        return _EXPRESSION.sub(value, str(text))

    def hash_files(self, *patterns: str) -> str:
        files = sorted({path for pattern in patterns for path in self.where.glob(pattern) if path.is_file()})
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest() if files else ""

    def run(self, steps: list[dict[str, Any]]) -> list[Step]:
        """Run the steps in their order; one without a condition of its own is left out after a failure."""
        for step in steps:
            condition = self._condition(str(step.get("if", "success()")))
            if not condition or step.get("name") == _INSTALL:
                continue
            outcome = self._use(step) if "uses" in step else self._shell(step)
            self.steps.append(outcome)
            self.failed = self.failed or outcome.code != 0
        return self.steps

    def _condition(self, text: str) -> bool:
        whole = _EXPRESSION.fullmatch(text)
        expression = whole[1] if whole else text
        is_on_success = not re.search(r"\b(always|cancelled|success|failure)\(", expression)
        return bool(self.evaluate(expression)) and not (is_on_success and self.failed)

    def _shell(self, step: dict[str, Any]) -> Step:
        assert "${{" not in step["run"], "a value that others choose would be read as shell"
        files = {name: self.machine.folder / name.lower() for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        given = {name: self.filled(value) for name, value in step.get("env", {}).items()}
        variables = {**self.variables, **{name: str(path) for name, path in files.items()}, **given}
        where = self.where / self.filled(step.get("working-directory", "."))
        outcome = self.machine.shell(["bash", "-e", "-o", "pipefail"], step["run"], where, variables)
        for line in files["GITHUB_OUTPUT"].read_text().splitlines():
            name, _, value = line.partition("=")
            self.context[f"steps.{step['id']}.outputs.{name}"] = value
        self.summary += files["GITHUB_STEP_SUMMARY"].read_text()
        return outcome._replace(name=step["name"])

    def _use(self, step: dict[str, Any]) -> Step:
        name = step["uses"].partition("@")[0]
        given = {key: self.filled(value) for key, value in step.get("with", {}).items()}
        paths = given.get("path", "").split("\n")
        paths = [path.strip() for path in paths if path.strip()]
        if name == "actions/cache/restore":
            key = self.machine.restore([given["key"], *given.get("restore-keys", "").split()], self.where)
            self.context[f"steps.{step.get('id')}.outputs.cache-hit"] = "true" if key == given["key"] else "false"
            return Step(name, 0, key)
        if name == "actions/cache/save":
            self.machine.save(given["key"], paths, self.where)
        elif name == "actions/upload-artifact":
            files = [path for path in map(self.where.joinpath, paths) if path.is_file()]
            self.machine.artifacts[given["name"]] = {path.name: path.read_bytes() for path in files}
        else:
            assert name in ("actions/checkout", "actions/setup-python"), f"{name} is not played here"
        return Step(name, 0, "")


# --- GitLab


def run_gitlab(
    job: Mapping[str, Any], machine: CiMachine, where: Path, variables: Mapping[str, str], install: str
) -> tuple[Step, Step]:
    """Run the script of a job, and then its ``after_script``, each by a shell of its own; return what came of both.

    Args:
        job: as its file has it.
        machine: with its caches.
        where: the checkout.
        variables: those that the service sets, and those of the rule that holds.
        install: the beginning of the line that installs pytest-opml.
    """
    given = dict(variables)
    for name, value in job["variables"].items():
        given[name] = _with_variables(value, given)
    for cache in job["cache"]:
        machine.restore([cache["key"]], where)
    script, after = (_without(job[key], install) for key in ("script", "after_script"))
    main = machine.shell(["bash", "-eo", "pipefail"], script, where, given)
    given["CI_JOB_STATUS"] = "failed" if main.code else "success"
    end = machine.shell(["bash", "-eo", "pipefail"], after, where, given)
    for cache in job["cache"]:
        if "push" in _with_variables(cache.get("policy", "pull-push"), given):
            machine.caches.pop(cache["key"], None)
            shutil.rmtree(machine.folder / "caches" / hashlib.sha256(cache["key"].encode()).hexdigest(), True)
            machine.save(cache["key"], cache["paths"], where)
    kept = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    machine.artifacts["gitlab"] = {name: (where / name).read_bytes() for name in kept if (where / name).is_file()}
    return main, end


def _with_variables(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$(\w+)", lambda match: variables.get(match[1], ""), str(text))


def _without(lines: list[str], install: str) -> str:
    return "\n".join(line for line in lines if not line.startswith(install))


# --- Jenkins


def jenkins_scripts(text: str) -> list[str]:
    """Return the shell scripts of a Jenkinsfile in their order, as Groovy reads them."""
    return [script.replace("\\\\", "\\") for script in _GROOVY_SHELL.findall(text)]


def jenkins_blocks(text: str) -> list[str]:
    """Return what opens each block of a Jenkinsfile, such as ``stage('Install')``.

    Raises:
        AssertionError: a brace is not closed, or closes nothing.
    """
    code = re.sub(r"'''.*?'''|'[^'\n]*'(?!\))|//[^\n]*", "", text, flags=re.DOTALL)
    depth, opened = 0, []
    for line in code.splitlines():
        for sign in re.findall(r"[{}]", line):
            depth += 1 if sign == "{" else -1
            assert depth >= 0, f"closes nothing: {line}"
        if "{" in line:
            opened.append(line.partition("{")[0].strip())
    assert depth == 0, "a brace is not closed"
    return opened


def fake_venv(where: Path) -> None:
    """Put the environment of the tests where a pipeline installs its own."""
    folder = where / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "activate").write_text(f'PATH="{Path(sys.executable).parent}:$PATH"\n')
