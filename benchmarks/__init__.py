"""Speed, measured: see README.md here. Nothing outside this folder imports it."""

import sys

# PyTorch for CUDA brings triton, and its LLVM beside TensorFlow's ends the process in a segmentation fault. Nothing
# here needs it.
sys.modules.setdefault("triton", None)
