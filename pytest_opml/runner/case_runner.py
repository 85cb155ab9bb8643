"""One case once: made and measured."""

from __future__ import annotations

from collections.abc import Callable

from ..case import Case
from ..progress import Progress
from ..records.result import Result
from .launchers.base import ProcessLimits, WorkerFailed
from .launchers.process import _run, _unheard
from .options import Options
from .tasks import make_artifact, measure_artifact


def run_case(
    case: Case,
    options: Options,
    limits: ProcessLimits,
    *,
    vs_reference: bool = False,
    on_progress: Callable[[Progress], None] = _unheard,
) -> Result:
    """Make and measure a case's artifact, each in a fresh process.

    Args:
        case: the case.
        options: of the run.
        limits: what the case may take in all.
        vs_reference: whether to time it beside its reference's artifact too.
        on_progress: is told how far it has come.

    Raises:
        WorkerFailed: with the kind of failure; the session can go on with the next case.
    """
    gpu = options.device.gpu
    measure = (measure_artifact, (case, options, vs_reference))
    # What finds nothing in the cache has run nothing yet, and costs a fraction of a second.
    spent = 0.0
    for function, arguments in (measure, (make_artifact, (case, options)), measure):
        done = _run(function, arguments, gpu, limits, spent, on_progress)
        spent += done.seconds
        if isinstance(done.value, Result):
            return done.value
    raise WorkerFailed("error", "the artifact was removed from the cache before it was measured", "")
