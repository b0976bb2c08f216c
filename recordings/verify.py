"""Tells, without a server, whether a recording is as it was signed, or names the first record that is not.

    python -m recordings.verify FOLDER [--public-key KEY]

FOLDER is one recording, or a folder of many. The answer is a line for each; the exit code is 0 when all are whole, 1
when one is not, 2 when there is nothing to verify. Without a key the signature only says that whoever wrote the
manifest wrote all of it: the installation's own key is printed by every line and belongs somewhere safe.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recordings.log import signing
from recordings.log.seals import Fault, faults_of_segment, utc
from recordings.log.segment_log import SUFFIX

WHOLE, ALTERED, NOTHING = 0, 1, 2
SUMS = {"audio": "samples of sound", "missing": "samples of gaps", "gaps": "gaps", "bytes": "bytes"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one recording."""

    folder: Path
    fault: Fault | None
    sentence: str


def verify(folder: Path, public_key: str = "") -> Verdict:
    """Look at one recording's folder. Raises OSError when it cannot be read."""
    try:
        manifest = _read_manifest(folder / "manifest.json")
        fault = manifest if isinstance(manifest, Fault) else next(_faults(folder, manifest, public_key), None)
        if fault is None and not isinstance(manifest, Fault):
            return Verdict(folder, None, f"whole {folder.name}: {_summary(folder, manifest)}")
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        fault = Fault("manifest.json", f"or the index does not say what it should: {error!r}")
    return Verdict(folder, fault, f"NOT WHOLE {folder.name}: {fault}")


def recordings_in(folder: Path) -> list[Path]:
    """Return the folders of recordings at or below `folder`, by name; one without its manifest counts too."""
    found = {path.parent for pattern in ("manifest.json", f"*{SUFFIX}") for path in folder.rglob(pattern)}
    return sorted(found)


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each recording and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m recordings.verify", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="one recording, or a folder of many")
    parser.add_argument("--public-key", default="", help="the installation's key, as manifests name it")
    chosen = parser.parse_args(arguments)
    folders = recordings_in(chosen.folder)
    if not folders:
        sys.stderr.write(f"{chosen.folder} holds no recording\n")
        return NOTHING
    worst = WHOLE
    for folder in folders:
        try:
            verdict = verify(folder, chosen.public_key)
        except OSError as error:
            sys.stderr.write(f"{folder} cannot be read: {error}\n")
            return NOTHING
        sys.stdout.write(verdict.sentence + "\n")
        worst = ALTERED if verdict.fault else worst
    return worst


def _faults(folder: Path, manifest: Json, public_key: str) -> Iterator[Fault]:
    """Yield what is wrong, first what all else rests on: the manifest, then the index, then each segment in turn."""
    yield from _faults_of_signature(manifest, public_key)
    own = manifest["recording"].replace("-", "")
    if len(folder.name) == len(own) and folder.name != own:
        yield Fault("manifest.json", f"is that of another recording, {own}")
    entries, faults = _read_index(folder, manifest)
    yield from faults
    yield from _faults_of_sums(manifest, entries)
    for entry in entries:
        path = folder / Path(entry["name"]).name
        if path.exists():
            yield from faults_of_segment(path, entry)
        else:
            yield Fault(path.name, "is missing: the whole segment", 1, entry["until_us"])
    yield from _faults_of_rest(folder, manifest, entries)


def _read_manifest(path: Path) -> Json | Fault:
    if not path.exists():
        return Fault(path.name, "is missing: nothing here is signed")
    return _read_json(path.read_bytes()) or Fault(path.name, "cannot be read")


def _faults_of_signature(manifest: Json, public_key: str) -> Iterator[Fault]:
    signer = (manifest.get("signature") or {}).get("public_key", "nobody")
    if public_key and signer != public_key:
        yield Fault("manifest.json", f"is signed by {signer}, not by {public_key}")
    elif not signing.is_genuine(manifest):
        yield Fault("manifest.json", "was altered: its signature does not fit")


def _read_index(folder: Path, manifest: Json) -> tuple[list[Json], Iterator[Fault]]:
    """Return the index's lines as far as their chain holds, and what is wrong behind them."""
    path = folder / "segments.jsonl"
    lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    chain, entries = signing.first_link(str(manifest["recording"]).replace("-", "")), list[Json]()
    chains = [chain]
    for line in lines[:-1]:
        entry = _read_json(line)
        chain = signing.next_link(chain, entry) if entry else ""
        if entry is None or entry.get("chain") != chain:
            break
        entries.append(entry)
        chains.append(chain)
    return entries, _faults_of_index(manifest, lines, chains)


def _faults_of_index(manifest: Json, lines: list[bytes], chains: list[str]) -> Iterator[Fault]:
    holding, signed = len(chains) - 1, manifest["segments"]
    if holding < len(lines) - 1 or (lines[-1] and holding < signed):
        yield Fault("segments.jsonl", _what_broke(lines, chains), record=holding + 1)
    elif holding < signed:
        yield Fault("segments.jsonl", f"ends here, {signed} segments were signed", record=holding + 1)
    elif signed and chains[signed] != manifest["chain"]:
        yield Fault("segments.jsonl", "was rewritten: its chain does not end in what was signed", record=signed)
    elif holding > signed and manifest["state"] == "finished":
        yield Fault("segments.jsonl", f"goes on, though only {signed} segments were signed", record=signed + 1)


def _what_broke(lines: list[bytes], chains: list[str]) -> str:
    """Say what happened to the line after the last one whose chain holds, by what the others still tell."""
    due = len(chains) - 1
    numbers = [(_read_json(line) or {}).get("number") for line in lines[:-1]]
    found = numbers[due] if due < len(numbers) else None
    if found == due or not isinstance(found, int):
        return f"the line of segment {due + 1} was altered"
    if found < due:
        return f"the line of segment {found + 1} stands here again"
    if due in numbers:
        return f"the lines are reordered: that of segment {found + 1} stands here"
    return f"the line of segment {due + 1} is missing"


def _faults_of_sums(manifest: Json, entries: list[Json]) -> Iterator[Fault]:
    signed = entries[: manifest["segments"]]
    found = {
        "audio": sum(entry["audio"] for entry in signed),
        "missing": sum(gap["samples"] for entry in signed for gap in entry["gaps"]),
        "gaps": sum(len(entry["gaps"]) for entry in signed),
        "bytes": sum(entry["bytes"] for entry in signed),
    }
    for name, words in SUMS.items():
        if found[name] != manifest[name]:
            yield Fault("manifest.json", f"says {manifest[name]} {words}, its segments have {found[name]}")


def _faults_of_rest(folder: Path, manifest: Json, entries: list[Json]) -> Iterator[Fault]:
    """Files that no line of the index names: one, the next, is allowed while the recording goes on."""
    due = f"{len(entries):06d}-"
    for name in _unlisted(folder, entries):
        if manifest["state"] == "finished" or not name.startswith(due):
            yield Fault(name, "is in no line of the index")
            return


def _unlisted(folder: Path, entries: list[Json]) -> list[str]:
    return sorted({path.name for path in folder.glob(f"*{SUFFIX}")} - {entry["name"] for entry in entries})


def _summary(folder: Path, manifest: Json) -> str:
    rate = manifest["sample_rate_hz"]
    sentence = (
        f"{manifest['segments']} segments, {manifest['audio'] / rate:.3f} s of sound"
        f" and {manifest['missing'] / rate:.3f} s in {manifest['gaps']} declared gaps,"
        f" {utc(manifest['started_at_us'])} to {utc(manifest['until_us'])},"
        f" signed by {manifest['signature']['public_key']}"
    )
    if manifest["state"] == "finished":
        return sentence
    entries, _faults = _read_index(folder, manifest)
    open_bytes = sum((folder / name).stat().st_size for name in _unlisted(folder, entries))
    return f"{sentence}; not finished, {open_bytes} bytes are not signed yet"


def _read_json(data: bytes) -> Json | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


if __name__ == "__main__":
    sys.exit(main())
