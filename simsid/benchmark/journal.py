"""What is done is kept: one JSON line for each finished case and seed, so that a sweep resumes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from simsid.errors import SimsidError
from simsid.files import write_text
from simsid.locked_folder import LockedFolder

Key = tuple[str, int]
_RENAMED = {"budget": "preset"}  # what settings were called once: folders and exports still say so


def present_settings(kept: dict[str, Any]) -> dict[str, Any]:
    """The same settings under the names that they have today."""
    return {_RENAMED.get(key, key): value for key, value in kept.items()}


class Journal(LockedFolder):
    """``settings.json`` and ``rows.jsonl`` of one sweep; as a context manager it holds their lock.

    Args:
        folder: made if absent.
        settings: what makes rows comparable (data, model, budget); plain JSON types.
    """

    work, remedy = "benchmark", "choose another --out"

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        super().__init__(folder)
        self.settings = settings
        self._rows, self._settings = folder / "rows.jsonl", folder / "settings.json"

    def done(self) -> dict[Key, dict[str, Any]]:
        """The last line of each case and seed, failures included; a line cut short is left out."""
        lines: dict[Key, dict[str, Any]] = {}
        if not self._rows.exists():
            return lines
        for text in self._rows.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
                lines[line["case"], line["seed"]] = line
            except (ValueError, KeyError, TypeError):  # cut short by a kill, or not ours
                continue
        return lines

    def append(self, line: dict[str, Any]) -> None:
        """Add a line and wait until it is on the disk."""
        with open(self._rows, "ab+") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - 1, 0))
            broken = file.read(1) not in (b"", b"\n")  # a kill left half a line: it stays, alone
            text = json.dumps(line, allow_nan=False, ensure_ascii=False)
            file.write(b"\n" * broken + text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def opened(self) -> None:
        """Compare settings.

        Raises:
            SimsidError: a sweep with other settings was at work here.
        """
        if not self._settings.exists():
            write_text(self._settings, json.dumps(self.settings, indent=1) + "\n")
            return
        try:
            kept = present_settings(json.loads(self._settings.read_text(encoding="utf-8")))
        except ValueError as error:
            raise SimsidError(f"{self._settings} is damaged: choose another --out") from error
        ours = json.loads(json.dumps(self.settings))
        for key in (*ours, *kept):
            if kept.get(key) != ours.get(key):
                raise SimsidError(
                    f"{self.path} holds a benchmark with {key.replace('_', ' ')} {kept.get(key)}, "
                    f"not {ours.get(key)}: rows would not compare. Choose another --out"
                )
