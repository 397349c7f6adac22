"""One model in other forms, each giving the same score: a Python file, SQL, ONNX, paper."""
