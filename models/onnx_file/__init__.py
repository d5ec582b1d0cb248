"""ONNX files as bytes: what of a network lies in other files, found and packed in, without `onnx`."""
