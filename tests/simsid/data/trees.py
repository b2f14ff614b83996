"""Small synthetic data sets in the form in which their authors distribute them.

Films are 64 px and up, made of noise that differs from film to film; tables have the published
columns, and the rows that real tables have: laterals, uncertain labels, quoted lists, byte order
marks, Windows newlines, patients with several films. Every function returns the root to give.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

CHEXPERT = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
VINDR = ("Aortic enlargement", "Nodule/Mass", "Pleural effusion", "Pneumonia", "No finding")


def film(path: Path, size: tuple[int, int] = (64, 64), deep: bool = False) -> Path:
    """A film of (height, width) whose pixels follow from its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    pixels = rng.integers(0, 65536 if deep else 256, size)
    Image.fromarray(pixels.astype(np.uint16 if deep else np.uint8)).save(path)
    return path


def dicom(path: Path, size: tuple[int, int] = (64, 64)) -> Path:
    """A 12-bit MONOCHROME2 film without compression, as VinDr-CXR has them."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(path.name.encode()))
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.Rows, made.Columns = size
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.PixelData = rng.integers(0, 4096, size).astype("<u2").tobytes()
    made.save_as(path, enforce_file_format=True)
    return path


def table(path: Path, header: tuple[str, ...], rows: list[tuple], bom: bool = False) -> None:
    """A csv file with Windows newlines, as spreadsheets leave it; gzipped if it is named so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows([header, *rows])
    content = text.getvalue().encode("utf-8-sig" if bom else "utf-8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def zhanglab(root: Path, make=film) -> Path:
    """60 normals of 50 children and 40 pneumonias of 20; test has 6 + 6, one child in both."""
    base = root / "chest_xray"
    for child in range(40):
        make(base / f"train/NORMAL/IM-{child:04d}-0001.jpeg")
    for child in range(10):
        make(base / f"train/NORMAL/NORMAL2-IM-{child:04d}-0001.jpeg")
        make(base / f"train/NORMAL/NORMAL2-IM-{child:04d}-0001-0002.jpeg")
    for child in range(20):
        make(base / f"train/PNEUMONIA/person{child}_bacteria_{child + 100}.jpeg")
        make(base / f"train/PNEUMONIA/person{child}_virus_{child + 500}.jpeg")
    for child in range(6):
        make(base / f"test/NORMAL/IM-{900 + child:04d}-0001.jpeg")
    for child in range(5):
        make(base / f"test/PNEUMONIA/person{700 + child}_virus_{child}.jpeg")
    make(base / "test/PNEUMONIA/person3_virus_9.jpeg")  # person3 is in train, too
    (base / "train/NORMAL/._IM-0000-0001.jpeg").write_bytes(b"left by macOS")
    (base / "train/NORMAL/.DS_Store").write_bytes(b"left by macOS")
    return root


def chexpert(root: Path, make=film) -> Path:
    """80 PA normals and 40 PA abnormal ones to train, AP and laterals beside; 7 + 6 in valid."""
    base = root / "CheXpert-v1.0-small"
    header = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *CHEXPERT)

    def row(side, patient, labels, view="PA", frontal=True, study=1):
        name = f"view1_{'frontal' if frontal else 'lateral'}.jpg"
        place = f"{side}/patient{patient:05d}/study{study}/{name}"
        make(base / place)
        given = [labels.get(name, "") for name in CHEXPERT]
        sight = "Frontal" if frontal else "Lateral"
        return (f"CheXpert-v1.0-small/{place}", "Male" if patient % 2 else "Female",
                str(20 + patient % 60), sight, view if frontal else "", *given)  # fmt: skip

    normal = {"No Finding": "1.0"}
    rows = [row("train", patient, normal) for patient in range(1, 81)]
    rows += [row("train", p, {"Edema": "1.0", "Fracture": "-1.0"}) for p in range(101, 121)]
    rows += [row("train", p, {"Edema": "1.0", "Pneumonia": "1.0"}) for p in range(121, 141)]
    rows += [row("train", p, {"Pneumonia": "-1.0"}) for p in range(201, 206)]  # only perhaps
    rows += [row("train", p, normal | {"Edema": "-1.0"}) for p in range(211, 214)]
    rows += [row("train", p, normal, view="AP") for p in range(221, 226)]
    rows += [row("train", p, normal, frontal=False) for p in range(1, 11)]
    rows += [row("train", p, {}) for p in range(231, 234)]  # nothing said
    rows += [row("train", 241, normal | {"Support Devices": "1.0"})]
    rows += [row("train", 101, normal, study=2)]  # was ill, and is well again
    valid = [row("valid", p, dict.fromkeys(CHEXPERT, "0.0") | normal) for p in range(901, 908)]
    valid += [row("valid", p, {"Edema": "1.0", "No Finding": "0.0"}) for p in range(911, 917)]
    table(base / "train.csv", header, rows)
    table(base / "valid.csv", header, valid, bom=True)
    return root


def covidx(root: Path, make=film) -> Path:
    """60 negatives and 20 positives to train, 5 + 5 to test; patients of two sources share names."""
    lines = {"train": [], "test": []}

    def add(side, patient, file, label, source):
        make(root / side / file)
        lines[side].append(f"{patient} {file} {label} {source}")

    for index in range(60):
        add("train", index, f"{index:03d}.png", "negative", "rsna")
    for index in range(20):
        add("train", index // 2, f"ricord-{index} a.png", "positive", "ricord")  # a space within
    for index in range(5):
        add("test", f"t{index}", f"t{index}.png", "negative", "rsna")
        add("test", f"c{index}", f"c{index}.png", "positive", "ricord")
    for side, content in lines.items():
        (root / f"{side}.txt").write_bytes(("\r\n".join(content) + "\r\n").encode())
    return root


def padchest(root: Path, make=film, compressed: bool = False) -> Path:
    """80 PA normals and 40 PA abnormal ones, the rest not to be read; 16-bit films."""
    header = ("", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth",
              "PatientSex_DICOM", "Projection", "MethodLabel", "Report", "Labels")  # fmt: skip
    rows = []

    def add(patient, labels, projection="PA"):
        name = f"2168401113669640_{len(rows):03d}.png"
        folder = len(rows) % 3
        make(root / str(folder) / name, (72, 64), True)
        rows.append(
            (len(rows), name, folder, "20140915", f"s{len(rows)}", f"p{patient}", "1953.0", "F",
             projection, "Physician", 'torax "normal", sin cambios\nsegunda linea', labels)
        )  # fmt: skip

    for patient in range(80):
        add(patient, "['normal']")
    for patient in range(100, 120):
        add(patient, "['pneumonia', ' infiltrates', 'pneumonia']")
    for patient in range(120, 140):
        add(patient, "['', 'cardiomegaly']")
    for patient, labels in enumerate(["", "nan", "['exclude']", "['normal', 'COPD signs'",
                                      "['normal', 'scoliosis']", "['suboptimal study']"]):  # fmt: skip
        add(200 + patient, labels)
    add(300, "['normal', 'unchanged']", "AP_horizontal")
    for projection in ("L", "COSTAL", "EXCLUDE", ""):
        add(301, "['normal']", projection)
    name = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv" + ".gz" * compressed
    table(root / name, header, rows, bom=True)
    return root


def nih(root: Path, make=film, lists: bool = True) -> Path:
    """80 films of 60 normal patients and 30 of 20 others; 10 test films, one with two boxes."""
    header = ("Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age",
              "Patient Gender", "View Position", "OriginalImage[Width", "Height]",
              "OriginalImagePixelSpacing[x", "y]", "")  # fmt: skip
    rows = []

    def add(patient, visit, findings, view="PA"):
        name = f"{patient:08d}_{visit:03d}.png"
        make(root / f"images_{1 + len(rows) % 2:03d}" / "images" / name)
        rows.append((name, findings, visit, patient, "058Y" if patient == 1 else 30 + patient % 40,
                     "MF"[patient % 2], view, 2682, 2749, 0.143, 0.143, ""))  # fmt: skip
        return name

    for patient in range(1, 61):
        add(patient, 0, "No Finding", "AP" if patient % 3 == 0 else "PA")
        if patient <= 20:
            add(patient, 1, "No Finding")
    for patient in range(101, 121):
        add(patient, 0, "Effusion|Pneumonia" if patient % 2 else "Mass", "AP")
        if patient <= 110:
            add(patient, 1, "Mass")
    add(119, 2, "No Finding")
    tests = [add(patient, 0, "No Finding") for patient in range(201, 206)]
    tests += [add(patient, 0, "Atelectasis") for patient in range(206, 211)]
    table(root / "Data_Entry_2017_v2020.csv", header, rows)
    boxes = [(tests[-1], "Atelectasis", 256, 512.0, 128, 64.5, "", "", ""),
             (tests[-1], "Atelectasis", 0, 0, 1024, 1024, "", "", "")]  # fmt: skip
    table(root / "BBox_List_2017.csv",
          ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", ""), boxes)  # fmt: skip
    if lists:
        (root / "test_list.txt").write_bytes("\r\n".join(tests).encode())
        rest = [row[0] for row in rows if row[0] not in tests]
        (root / "train_val_list.txt").write_bytes("\r\n".join(rest).encode())
    return root


def vindr(root: Path, make=film, suffix: str = ".png") -> Path:
    """60 normals, 30 abnormal, 2 ties, 1 disputed film; test 5 + 5, boxes in pixels of 100x80."""
    labels, annotations = [], []

    def add(name, reads, side="train"):
        make(root / side / f"{name}{suffix}", (100, 80))
        for reader, ticked in enumerate(reads):
            who = (f"R{reader}",) if side == "train" else ()
            found = ticked or {"No finding"}
            labels.append((side, (name, *who, *(int(label in found) for label in VINDR))))
            for number, label in enumerate(sorted(ticked)):
                box = (8 + reader, 10, 40, 50 + number)
                annotations.append((side, (name, *who, label, *box)))
            if not ticked:
                annotations.append((side, (name, *who, "No finding", "", "", "", "")))

    for index in range(60):
        add(f"n{index:03d}", [set(), set(), {"Pneumonia"} if index % 5 == 0 else set()])
    for index in range(30):
        add(f"a{index:03d}", [{"Pneumonia"}, {"Pneumonia", "Nodule/Mass"}, set()])
    for index in range(2):
        add(f"t{index:03d}", [{"Pneumonia"}, set()])
    add("d000", [{"Pneumonia"}, {"Nodule/Mass"}, {"Pleural effusion"}])
    for index in range(5):
        add(f"x{index:03d}", [set()], "test")
        add(f"y{index:03d}", [{"Pleural effusion"}], "test")
    for side, who in (("train", ("rad_id",)), ("test", ())):
        table(root / f"annotations/image_labels_{side}.csv", ("image_id", *who, *VINDR),
              [row for part, row in labels if part == side])  # fmt: skip
        table(root / f"annotations/annotations_{side}.csv",
              ("image_id", *who, "class_name", "x_min", "y_min", "x_max", "y_max"),
              [row for part, row in annotations if part == side])  # fmt: skip
    return root


def reduced(root: Path, make=film, test: bool = False) -> Path:
    """The manifest form: 100 normals of 80 patients, 40 abnormal films of 20; test 6 + 6."""
    rows = []

    def add(label, split, patient, **told):
        name = f"{split}/{label}/{len(rows):04d}.png"
        make(root / name)
        more = [told.get(key, "") for key in ("findings", "age", "sex", "view", "boxes_1024")]
        rows.append((name, label, split, patient, *more))

    for index in range(100):
        add("normal", "train", f"p{index % 80}", findings="No Finding", age=index % 90, view="PA")
    for index in range(40):
        add("abnormal", "train", f"q{index % 20}", findings="Mass|Edema"[: 4 + index], view="AP")
    for index in range(6 * test):
        add("normal", "test", f"r{index}")
        add("abnormal", "test", f"s{index}", findings="Mass", boxes_1024="0,512,256,512")
    header = ("file", "label", "split", "patient", "findings", "age", "sex", "view", "boxes_1024")
    table(root / "manifest.csv", header, rows)
    return root


TREES = {
    "zhanglab": zhanglab,
    "chexpert": chexpert,
    "covidx": covidx,
    "padchest": padchest,
    "nih": nih,
    "vindr": vindr,
}
