"""Small models of OpenVINO, made without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from tests.support.linear_onnx import save_linear


def save_linear_openvino(folder: Path, *, precision: str | None = None) -> Path:
    """Write the model of ``save_linear`` into a folder, as one that may ask for a precision."""
    import openvino

    source = save_linear(folder.parent / f"{folder.name}.onnx")
    model = openvino.Core().read_model(str(source))
    if precision:
        model.set_rt_info(precision, "opml_precision")
    openvino.save_model(model, str(folder / "model.xml"), compress_to_fp16=False)
    return folder
