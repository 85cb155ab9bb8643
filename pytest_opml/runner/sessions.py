"""One run on one device or on several: a session for each, which are parts of the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DeviceError, SettingsError
from ..gate.run_cost import check_prices
from .journal import RunPart
from .session import Session

if TYPE_CHECKING:
    from ..case import Case
    from ..progress import Progress
    from ..records.run import RunRecord
    from ..settings import Settings
    from .fleet.fleet_run import FleetRun
    from .plan import CollectedRun


def _fleet(
    settings: Settings,
    root: Path,
    plans: Mapping[str, CollectedRun],
    on_progress: Callable[[Case | None, Progress], None],
) -> FleetRun:
    from ..progress import Progress
    from .fleet.fleet_run import FleetRun

    return FleetRun(settings, root, plans, lambda text: on_progress(None, Progress(text, is_waiting=True)))


@contextmanager
def _making_named(settings: Settings, plans: Mapping[str, CollectedRun]) -> Iterator[None]:
    """Around what refuses kinds of nodes: name the option that asks for the one that only makes models.

    Raises:
        DeviceError: as raised inside.
    """
    try:
        yield
    except DeviceError as error:
        kind = settings.make_on
        if kind is None or kind in plans:
            raise
        raise DeviceError(str(error).replace(f"--opml-gpu={kind}:", f"--opml-make-on={kind}:")) from error


class Sessions:
    """The sessions of a run, by the devices that were asked for.

    Args:
        settings: of the run.
        root: the user's project.
        on_progress: is told how far a case has come; of no case, what the run waits for.
        part: of the run, that this process does; None for the whole.
        plans: what was collected for each of the devices; one at least.

    Attributes:
        journal_folder: where their results are written ahead; None where they are not.

    Raises:
        UsageError: on construction, when the run cannot begin on one of the devices.
    """

    def __init__(
        self,
        settings: Settings,
        root: Path,
        on_progress: Callable[[Case | None, Progress], None],
        *,
        part: RunPart | None = None,
        plans: Mapping[str, CollectedRun],
    ) -> None:
        if settings.fleet and part:
            raise SettingsError("--opml-fleet: its nodes work side by side already; leave -n of pytest-xdist out")
        # before a cluster is asked; what auto is, each session finds out
        kinds = dict.fromkeys([*plans, *([settings.make_on] if settings.make_on and settings.fleet else [])])
        check_prices(settings.prices, settings.gate.max_cost, [gpu for gpu in kinds if gpu not in ("auto", "gpu")])
        with _making_named(settings, plans):
            self._fleet = _fleet(settings, root, plans, on_progress) if settings.fleet else None
        part, self._settings = part or RunPart.alone(), settings
        try:
            self._sessions = {
                gpu: Session(
                    settings.on(gpu),
                    root,
                    on_progress,
                    part=part if len(plans) == 1 else part.on(gpu),
                    plan=plan,
                    fleet=self._fleet,
                )
                for gpu, plan in plans.items()
            }
            if self._fleet:
                self._fleet.start()
        except BaseException:
            self.close()
            raise
        self.journal_folder = self.first.journal.folder

    def close(self) -> None:
        """End what still runs for this run on the nodes of a fleet."""
        if self._fleet:
            self._fleet.close()

    @property
    def is_remote(self) -> bool:
        """Whether other machines run the cases."""
        return self._fleet is not None

    @property
    def first(self) -> Session:
        """The session of the first device."""
        return next(iter(self._sessions.values()))

    def on(self, gpu: str | None) -> Session:
        """Return the session of one of the devices; None for the only one."""
        return self.first if gpu is None else self._sessions[gpu]

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each thing to be told before the run; one that holds for several devices once."""
        return tuple(dict.fromkeys(note for session in self._sessions.values() for note in session.notes))

    @property
    def journal_notes(self) -> tuple[str, ...]:
        """A line that says what was not safe before the end; none where all was."""
        return tuple(dict.fromkeys(note for session in self._sessions.values() for note in session.journal.notes))

    def forget(self) -> None:
        """Remove what was written ahead, since the record is safe."""
        for session in self._sessions.values():
            session.journal.remove()

    def record(self) -> RunRecord:
        """Return the run so far, its checks apart."""
        from ..records.run import merge

        records = [session.record() for session in self._sessions.values()]
        return self._with_making(records[0] if len(records) == 1 else merge(records))

    def _with_making(self, record: RunRecord) -> RunRecord:
        """The run with what it used of nodes that have only made what others measured."""
        from ..records.node_use import NodeUse

        kind = self._settings.make_on
        if not (self._fleet and kind) or kind in self._sessions or record.node_use is None:
            return record
        nodes, seconds = self._fleet.node_seconds.of(kind)
        price = self._settings.prices.get(kind)
        use = NodeUse(profile=kind, nodes=nodes, seconds=seconds, price_per_hour=price)
        return record.model_copy(update={"node_use": (*record.node_use, use)})
