"""Makes crates/cornu/src/datasets/digits.npz from scikit-learn's copy of the UCI digits.

usage: python tools/make_digits.py      (needs scikit-learn and NumPy)
"""

import io
import pathlib
import zipfile

import numpy as np
from sklearn.datasets import load_digits

OUT = pathlib.Path(__file__).parent.parent / "crates/cornu/src/datasets/digits.npz"

digits = load_digits()
arrays = {"x": digits.images.astype(np.uint8), "y": digits.target.astype(np.uint8)}
assert arrays["x"].shape == (1797, 8, 8) and (arrays["x"] == digits.images).all()
with zipfile.ZipFile(OUT, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for name, array in arrays.items():
        npy = io.BytesIO()
        np.save(npy, array)
        # A fixed date, so that the same data gives the same file.
        info = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, npy.getvalue(), compresslevel=9)
print(OUT, OUT.stat().st_size, "bytes")
