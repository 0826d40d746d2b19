"""Writes testdata/pictures: small pictures, what Keras's utilities make of them, and the orders of its shuffles.

    KERAS_BACKEND=tensorflow python tools/oracle/pictures.py

Needs tensorflow-cpu and pillow beside what requirements.txt asks for.
"""

import pathlib
import random

import keras
import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).parents[2] / "testdata/pictures"
rng = np.random.default_rng(5)


def smooth(rows, columns, channels):
    """Waves and noise: nothing that filters leave as it is."""
    y, x = np.mgrid[:rows, :columns]
    waves = [127 + 90 * np.sin(x / (2 + c) + y / (3 - c / 2)) for c in range(channels)]
    return np.clip(np.stack(waves, -1) + rng.normal(0, 25, (rows, columns, channels)), 0, 255).astype("uint8")


def main():
    colors = FOLDER / "colors"
    for folder in [colors / "b", colors / "a" / "more", colors / "a-c"]:
        folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(smooth(13, 9, 3)).save(colors / "b/rgb.png")
    Image.fromarray(smooth(10, 17, 4)).save(colors / "b/rgba.PNG")
    Image.fromarray(smooth(12, 12, 1)[..., 0]).save(colors / "a/grey.png")
    Image.fromarray(smooth(11, 8, 3)).quantize(13).save(colors / "a/palette.png")
    Image.fromarray(smooth(7, 9, 3)).save(colors / "a/more/rgb.bmp")
    Image.fromarray(smooth(9, 7, 1)[..., 0]).save(colors / "a-c/grey.bmp")
    Image.fromarray(smooth(8, 8, 3)).quantize(16).save(colors / "a-c/first.gif")
    Image.fromarray(smooth(9, 9, 3)).convert("1").save(colors / "a-c/bits.png")
    Image.fromarray((smooth(6, 7, 1)[..., 0].astype("uint16") * 257)).save(FOLDER / "deep.png")
    Image.fromarray(smooth(40, 40, 3)).save(FOLDER / "photo.jpg", quality=90)
    (colors / "b/note.txt").write_text("no picture")

    arrays = {}
    load, array = keras.utils.load_img, keras.utils.img_to_array
    files = sorted(str(f.relative_to(FOLDER)) for f in colors.rglob("*.*") if f.suffix != ".txt")
    for file in files:
        for mode in ["rgb", "rgba", "grayscale"]:
            arrays[f"load|{file}|{mode}"] = array(load(FOLDER / file, color_mode=mode)).astype("uint8")
    for file in ["colors/b/rgb.png", "colors/b/rgba.PNG"]:
        mode = "rgba" if "rgba" in file else "rgb"
        for filter in ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"]:
            for size in [(5, 4), (20, 31), (13, 30), (26, 5)]:
                for keep in [False, True]:
                    x = load(FOLDER / file, mode, size, filter, keep)
                    name = f"resize|{file}|{mode}|{filter}|{size[0]}|{size[1]}|{int(keep)}"
                    arrays[name] = array(x).astype("uint8")
    arrays["jpeg"] = array(load(FOLDER / "photo.jpg")).astype("uint8")

    # One file after another, in the order of their paths.
    for filter in ["bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"]:
        for size in [(6, 5), (16, 21)]:
            for fit in ["", "pad"] if filter in ["gaussian", "mitchellcubic"] else ["", "crop", "pad"]:
                dataset = keras.utils.image_dataset_from_directory(
                    colors, image_size=size, interpolation=filter, shuffle=False, batch_size=20, verbose=False,
                    crop_to_aspect_ratio=fit == "crop", pad_to_aspect_ratio=fit == "pad",
                )  # fmt: skip
                x, y = next(iter(dataset))
                arrays[f"folder|{filter}|{size[0]}|{size[1]}|{fit}"] = x.numpy()
                arrays["folder labels"] = y.numpy()
    np.savez_compressed(FOLDER / "expected.npz", **arrays)

    lines = ["classes " + " ".join(dataset.class_names)]
    names = lambda d: " ".join(str(pathlib.Path(f).relative_to(colors)) for f in d.file_paths)
    lines.append("unshuffled " + names(dataset))
    for seed in [0, 1337]:
        both = keras.utils.image_dataset_from_directory(colors, validation_split=0.3, subset="both", seed=seed, verbose=False)
        lines += [f"training {seed} {names(both[0])}", f"validation {seed} {names(both[1])}"]
    x = np.arange(11)
    for seed in [3, 1 << 35]:
        left, right = keras.utils.split_dataset(x, left_size=0.4, shuffle=True, seed=seed)
        lines.append(f"split {seed} " + " ".join(str(int(v)) for part in [left, right] for v in part))
    (FOLDER / "expected.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    random.seed(0)
    main()
