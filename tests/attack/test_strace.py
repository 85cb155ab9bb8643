"""What strace has printed is read rightly: a write outside of the folders, and a call over a network, are seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.attack.strace import broken, calls
from tests.support.small_project import Places

PLACES = Places(Path("/p"), Path("/c"), Path("/t"), Path("/home/u"))


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD</p>, "/home/u/.keras/keras.json", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 3</home/u/x>',
        'openat(16</home/u/.cache>, "file", O_RDWR|O_CLOEXEC) = 3</home/u/.cache/file>',
        'mkdir("/home/u/.keras", 0777) = 0',
        'unlink("/usr/lib/x") = -1 EACCES (Permission denied)',
        'rename("/p/a", "/home/u/a") = 0',
        'linkat(16</p>, "a", 16</home/u>, "a", 0) = 0',
        'symlink("/p/a", "/home/u/a") = 0',
        'connect(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("1.2.3.4")}, 16) = 0',
        "connect(9<socket:[1]>, {sa_family=AF_INET6, sin6_port=htons(53)}, 28) = -1 EINPROGRESS (now in progress)",
        'connect(9<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/dbus/socket"}, 28) = 0',
        'sendto(9<socket:[1]>, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(53)}, 16) = 1',
    ],
)
def test_what_nobody_has_asked_for_is_seen(line: str) -> None:
    assert len(broken(calls(line, PLACES.project), PLACES)) == 1


@pytest.mark.parametrize(
    "line",
    [
        'openat(AT_FDCWD</p>, "/usr/lib/x.py", O_RDONLY|O_CLOEXEC) = 3</usr/lib/x.py>',
        'openat(AT_FDCWD</p>, ".opml/history.db", O_RDWR|O_CREAT, 0644) = 3</p/.opml/history.db>',
        'openat(AT_FDCWD</p>, "/dev/null", O_RDWR) = 3</dev/null>',
        'openat(AT_FDCWD</p>, "/proc/self/task/1/comm", O_RDWR) = 3</proc/1/task/1/comm>',
        'mkdir("/home/u", 0777) = -1 EEXIST (File exists)',
        'mkdir(".benchmarks", 0777) = 0',
        'symlink("/usr/lib/a", "/t/a") = 0',
        'connect(9<socket:[1]>, {sa_family=AF_UNIX, sun_path="/t/pymp-1/listener-2"}, 51) = 0',
        'connect(9<socket:[1]>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 51) = -1 ENOENT (No such file)',
        'sendto(9<socket:[1]>, "x", 1, 0, NULL, 0) = 1',
        'connect(9<socket:[1]>, {sa_family=AF_INET, sin_port=htons(5), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        "+++ exited with 0 +++",
    ],
)
def test_what_a_session_may_do_is_not(line: str) -> None:
    assert broken(calls(line, PLACES.project), PLACES) == []
