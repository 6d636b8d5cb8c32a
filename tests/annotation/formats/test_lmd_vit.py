"""LMD-ViT's `.npy` dicts: numpy reads what is written, and nothing that is read can run."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.formats.array_pickle import load_arrays
from annotation.formats.model import Reading
from annotation.mask import MaskError
from tests.annotation.formats.world import only, ring, write


def npy(content: Any) -> bytes:
    """As the authors of LMD-ViT write their files."""
    out = io.BytesIO()
    np.save(out, content)
    return out.getvalue()


def dict_file(folder: Path, blur_mask: Any, protocol: int = 4) -> Path:
    content = {
        "img_blur": np.zeros((3, 4, 3), np.uint8),
        "img_gt": np.zeros((3, 4, 3), np.uint8),
        "blur_mask": blur_mask,
    }
    head = npy({})[: npy({}).index(b"\n") + 1]
    (folder / "a.npy").write_bytes(head + pickle.dumps(np.array(content, dtype=object), protocol=protocol))
    return folder


MASK = np.array([[0, 1, 0, 1], [1, 1, 0, 0], [0, 0, 0, 1]])


def test_numpy_reads_what_is_written(tmp_path: Path) -> None:
    write("lmd-vit", {"s01/00": ring()}, tmp_path)
    data = (tmp_path / "s01" / "00.npy").read_bytes()
    theirs = np.load(io.BytesIO(data), allow_pickle=True).item()
    assert sorted(theirs) == ["blur_mask", "img_blur", "img_gt"]
    assert (theirs["blur_mask"].dtype, theirs["img_gt"].dtype) == (np.float32, np.uint8)
    assert np.array_equal(theirs["blur_mask"], ring())
    assert theirs["img_blur"].shape == (30, 40, 3)
    assert not np.array_equal(theirs["img_blur"], theirs["img_gt"])
    assert b"numpy._core" not in data  # a name that older versions of numpy do not know


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize(
    "stored",
    [
        MASK.astype(np.uint8),
        MASK.astype(np.bool_),
        MASK.astype(np.float64),
        MASK.astype(">f4"),
        MASK.astype(np.int64),
        MASK.astype(np.uint8) * 255,
        MASK.astype(np.float32)[:, :, None],
        np.asfortranarray(MASK.astype(np.float32)),
    ],
    ids=lambda stored: f"{stored.dtype} {stored.shape} {'F' if np.isfortran(stored) else 'C'}",
)
def test_masks_of_every_type_are_read(stored: Any, protocol: int, tmp_path: Path) -> None:
    assert np.array_equal(only("lmd-vit", dict_file(tmp_path, stored, protocol)).load((4, 3)), MASK.astype(bool))


def test_a_file_that_numpy_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy({"blur_mask": MASK.astype(np.float32)}))
    assert np.array_equal(only("lmd-vit", tmp_path).load((4, 3)), MASK.astype(bool))


@pytest.mark.parametrize("stored", [MASK * 0.5, MASK.astype(np.uint8) * 200, np.where(MASK, np.nan, 0.0)])
def test_soft_masks_count_only_when_asked(stored: Any, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="not only 0 and"):
        only("lmd-vit", dict_file(tmp_path, stored)).load((4, 3))
    found = only("lmd-vit", dict_file(tmp_path, stored), Reading(any_nonzero=True))
    assert np.array_equal(found.load((4, 3)), MASK.astype(bool))


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (np.zeros((3, 5), np.uint8), "the mask is 5x3, its image 4x3"),
        (np.zeros((3, 4, 3), np.uint8), r"the shape \(3, 4, 3\)"),
        (np.zeros((3, 4), np.complex64), "is an array of"),
        (np.zeros((3, 4), "S3"), "is an array of"),
        ("no array", "no array blur_mask"),
        (None, "no array blur_mask"),
    ],
)
def test_masks_that_are_none(stored: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=says):
        only("lmd-vit", dict_file(tmp_path, stored)).load((4, 3))


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", npy(np.zeros(3)), npy({})[:60], b"PK\x03\x04" + bytes(100)])
def test_files_that_hold_no_dict(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(MaskError, match=r"no \.npy file"):
        only("lmd-vit", tmp_path).load((4, 3))


# Pickles that want to run something. Each would leave a file behind, or end the test, if anything in it ran.


class Runs:
    """Pickles as a call of any function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


def hostile(trace: Path) -> dict[str, bytes]:
    import os
    import subprocess

    touch = f"open({str(trace)!r}, 'w')"
    calls = {
        "os.system": Runs(os.system, f"touch {trace}"),
        "subprocess": Runs(subprocess.call, ["touch", str(trace)]),
        "eval": Runs(eval, touch),
        "exec": Runs(exec, touch),
        "import": Runs(__import__, "os"),
        "open": Runs(open, str(trace), "w"),
        "numpy.load": Runs(np.load, str(trace), None, True),
        "numpy.fromfile": Runs(np.fromfile, str(trace)),
        "pickle.loads": Runs(pickle.loads, pickle.dumps(Runs(os.system, f"touch {trace}"))),
    }
    found = {name: pickle.dumps({"blur_mask": call}, protocol) for name, call in calls.items() for protocol in (3, 4)}
    found["in the array"] = pickle.dumps(np.array(calls["os.system"], dtype=object))
    # Written by hand: a name with dots, the same function twice, attributes of a function.
    found["dotted"] = b"\x80\x04\x8c\x05numpy\x94\x8c\x11ndarray.__class__\x94\x93\x94."
    found["nested module"] = b"\x80\x04\x8c\x0anumpy.core\x94\x8c\x19multiarray._reconstruct.f\x94\x93\x94."
    found["old global"] = f"cos\nsystem\n(S'touch {trace}'\ntR.".encode()
    found["instance"] = f"(S'touch {trace}'\nios\nsystem\n.".encode()
    found["extension"] = b"\x80\x02\x82\x01."
    found["persistent"] = b"\x80\x02Pabc\n."
    return found


NAMES = tuple(hostile(Path("trace")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("boxed", [True, False], ids=("in a file", "alone"))
def test_nothing_in_a_pickle_runs(name: str, boxed: bool, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    data = hostile(trace)[name]
    with pytest.raises(MaskError, match=r"which a dict of arrays does not need|no dict of arrays"):
        if boxed:
            head = npy({})[: npy({}).index(b"\n") + 1]
            (tmp_path / "a.npy").write_bytes(head + data)
            only("lmd-vit", tmp_path).load((4, 3))
        else:
            load_arrays(data)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\x80\x04r\xff\xff\xff\xff.", "exhausts memory"),
        (b"\x80\x04N" + b"0N" * 5000 + b".", "does not need"),
        (b"\x80\x04" + b"]" * 5000 + b".", "more instructions"),
        (b"\x80\x04\x8e" + (2**60).to_bytes(8, "little") + b"abc.", "too early"),
        (b"\x80\x04B" + (2**31).to_bytes(4, "little") + b"abc.", "too early"),
        (b"\x80\x04cnumpy", "too early"),
        (b"\x80\x04", "too early"),
        (b"", "too early"),
        (b"\x80\x04b.", "damaged"),
        (b"\x80\x04cnumpy\nndarray\n}b.", "damaged|no dict"),
    ],
)
def test_pickles_that_only_hurt(data: bytes, says: str) -> None:
    with pytest.raises(MaskError, match=says):
        load_arrays(data)


class Stated:
    """An array that says of itself what it likes."""

    def __init__(self, shape: Any, kind: str, raw: Any) -> None:
        self.parts = shape, kind, raw

    def __reduce__(self) -> Any:
        shape, kind, raw = self.parts
        function, arguments, _ = np.zeros(0).__reduce__()
        return function, arguments, (1, shape, np.dtype(kind), False, raw)


@pytest.mark.parametrize(
    ("shape", "kind", "raw"),
    [
        ((3, 4), "u1", bytes(11)),
        ((10**5, 10**5), "u1", bytes(12)),
        ((-3, -4), "u1", bytes(12)),
        ((2**40, 0), "u1", b""),
        ((1, 1, 1, 1, 12), "u1", bytes(12)),
        ("ab", "u1", bytes(12)),
        ((3, 4), "O", bytes(96)),
        ((3, 4), "O", [None] * 12),
        ((3, 4), "u1", "text"),
        ((3, 4), "u1,f4", bytes(60)),
        ((3, 4), "V8", bytes(96)),
    ],
)
def test_arrays_that_do_not_fit_themselves(shape: Any, kind: str, raw: Any) -> None:
    with pytest.raises(MaskError):
        load_arrays(pickle.dumps({"blur_mask": Stated(shape, kind, raw)}, 4))
