"""Niteru beside ONNX Runtime and OpenVINO: the same networks, the same weights, one interleaved run."""
