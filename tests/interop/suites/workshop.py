"""A workshop: the folder in which one suite's client and its tests are installed.

What: `virtualenv`, `sdist`, `npm_package` and `debian_packages` fetch from the registry of that
kind and return a path. What is there already is not fetched again.

Why not the machine's own packages: a suite must find the same versions everywhere, and nobody
should need root, or be left with a changed system, for having run it. Debian packages are therefore
unpacked into a folder and not installed.
"""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.interop.suites.command import TookTooLong, run_command

INSTALL_SECONDS_MAX = 300
LOG_LINES_SHOWN = 15


class InstallationFailed(Exception):
    """A registry did not answer, or a tool to ask it is not there; the text says which."""


class Workshop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "installation.log"
        self._lock = threading.Lock()

    def virtualenv(self, *requirements: str) -> Path:
        """A virtual environment with these packages; returns its interpreter."""

        def make(place: Path) -> None:
            # Our own pip does for it: one that is installed there takes longer than all the rest.
            self._run(sys.executable, "-m", "venv", "--without-pip", place)
            pip = (sys.executable, "-m", "pip", "--python", place / "bin" / "python")
            self._run(*pip, "install", "--quiet", *requirements)

        return self._once("venv", requirements, make) / "bin" / "python"

    def sdist(self, requirement: str, *, without: str = "") -> Path:
        """A source distribution of PyPI, unpacked; `without` the package that would otherwise be
        imported in place of the installed one."""
        name = requirement.partition("==")[0]

        def make(place: Path) -> None:
            download = ("pip", "download", "--quiet", "--no-deps", "--no-binary", name)
            self._run(sys.executable, "-m", *download, "--dest", place, requirement)
            self._unpack(place)
            if without:
                shutil.rmtree(place / without)

        return self._once("sdist", (requirement,), make)

    def npm_package(self, specification: str, *more: str) -> Path:
        """A package of npm, unpacked, with what it needs and `more` installed below it."""

        def make(place: Path) -> None:
            self._run("npm", "pack", "--silent", "--pack-destination", place, specification)
            self._unpack(place)
            # Its own tools for development are old and many; the suite needs `more` only.
            description = json.loads((place / "package.json").read_text())
            for unwanted in ("devDependencies", "scripts"):
                description.pop(unwanted, None)
            (place / "package.json").write_text(json.dumps(description))
            install = ("install", "--no-audit", "--no-fund", "--ignore-scripts")
            self._run("npm", *install, *more, folder=place)

        return self._once("npm", (specification, *more), make)

    def debian_packages(self, *names: str) -> Path:
        """Packages of Debian, unpacked side by side; returns what would be the root folder."""

        def make(place: Path) -> None:
            packages = place / "packages"
            packages.mkdir()
            self._run("apt-get", "download", "--quiet", *names, folder=packages)
            for package in sorted(packages.glob("*.deb")):
                self._run("dpkg-deb", "-x", package, place)
            shutil.rmtree(packages)

        return self._once("debian", names, make)

    def _once(self, kind: str, contents: Sequence[str], make: Callable[[Path], None]) -> Path:
        """A folder that is made only if it was not finished before, or for something else."""
        with self._lock:
            return self._made(kind, contents, make)

    def _made(self, kind: str, contents: Sequence[str], make: Callable[[Path], None]) -> Path:
        place = self.folder / kind
        stamp = self.folder / f"{kind}.finished"
        wanted = "\n".join((sys.version, *contents))
        if stamp.exists() and stamp.read_text() == wanted:
            return place
        stamp.unlink(missing_ok=True)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        make(place)
        stamp.write_text(wanted)
        return place

    def _unpack(self, place: Path) -> None:
        (archive,) = place.glob("*gz")
        self._run("tar", "-xf", archive, "-C", place, "--strip-components", "1")
        archive.unlink()

    def _run(self, *command: str | Path, folder: Path | None = None) -> None:
        try:
            status = run_command(
                command, seconds_max=INSTALL_SECONDS_MAX, log=self.log, folder=folder
            )
        except (TookTooLong, OSError) as error:
            raise InstallationFailed(str(error)) from error
        if status:
            said = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
            raise InstallationFailed("\n".join((f"{command[0]} failed, {self.log}:", *said)))
