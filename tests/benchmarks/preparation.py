"""Seconds that each embedded data set needs to be prepared, each in a new process and a new directory.

python tests/benchmarks/preparation.py [NAME …]
"""

import platform
import subprocess
import sys
import tempfile
import time

from utils import datasets

CODE = "import sys; from utils import datasets; datasets.load(sys.argv[1], 'test', sys.argv[2])"

if __name__ == "__main__":
    print(f"Python {platform.python_version()}; start of Python and TensorFlow included")
    for name in sys.argv[1:] or datasets.names():
        with tempfile.TemporaryDirectory() as directory:
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", CODE, name, directory], check=True, stderr=subprocess.DEVNULL)
            print(f"{name:15} {time.perf_counter() - start:5.1f} s", flush=True)
