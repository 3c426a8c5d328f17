"""Makes ``.venv`` hold what a lock file says, and does nothing when it already does.

    python3 .ci/environment.py runtime | development

The development lock holds the runtime lock and more, so an environment made for development also
serves. Anything else there (of an older lock, another Python, a half-finished install) is thrown
away and built anew, so that nothing stays behind that no lock names.

Only the standard library, in syntax that old Pythons can parse: the complaint about them is here.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
LOCKS = {"runtime": "requirements.lock", "development": "requirements-dev.lock"}
ENVIRONMENT = Path(".venv")
PYTHON = ENVIRONMENT / "bin" / "python"
STAMP = ENVIRONMENT / ".installed"


def stamp_of(kind):  # noqa: ANN001, ANN201
    """Names a lock, an interpreter and a place: a moved environment no longer works."""
    locks = b"".join(Path(lock).read_bytes() for lock in LOCKS.values())
    return "{} {} {}.{} {} {}".format(
        kind,
        hashlib.sha256(locks).hexdigest(),
        *sys.version_info[:2],
        sys.base_prefix,
        ENVIRONMENT.resolve(),
    )


def held():  # noqa: ANN201
    """The kind of environment that is there, whole and current; None if it is not."""
    try:
        stamp = STAMP.read_text(encoding="utf-8")
    except OSError:
        return None
    kinds = [kind for kind in LOCKS if stamp == stamp_of(kind)]
    return kinds[0] if kinds and PYTHON.exists() else None


def create():  # noqa: ANN201
    """An empty environment; returns the pip command that fills it."""
    if ENVIRONMENT.exists():
        shutil.rmtree(str(ENVIRONMENT))
    # Some systems ship Python without ensurepip, but with a pip that can install for another one.
    if subprocess.call([sys.executable, "-c", "import ensurepip"], stderr=subprocess.DEVNULL) == 0:
        subprocess.check_call([sys.executable, "-m", "venv", str(ENVIRONMENT)])  # noqa: S603
        return [str(PYTHON), "-m", "pip"]
    pip = [sys.executable, "-m", "pip"]
    if subprocess.call([*pip, "--version"], stdout=subprocess.DEVNULL) != 0:  # noqa: S603
        sys.exit("This Python has neither ensurepip nor pip: install python3-venv or python3-pip.")
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", str(ENVIRONMENT)])  # noqa: S603
    return [*pip, "--python", str(PYTHON)]


def install(kind):  # noqa: ANN001, ANN201
    print("Installing {} into {} ...".format(LOCKS[kind], ENVIRONMENT), flush=True)  # noqa: T201
    if held() == "runtime" and (ENVIRONMENT / "bin" / "pip").exists():
        STAMP.unlink()
        pip = [str(PYTHON), "-m", "pip"]
    else:
        pip = create()
    options = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
    if subprocess.call([*pip, "install", *options, "-r", LOCKS[kind]]) != 0:  # noqa: S603
        sys.exit("{} did not install; the next try starts afresh.".format(LOCKS[kind]))
    STAMP.write_text(stamp_of(kind), encoding="utf-8")


def main(kind):  # noqa: ANN001, ANN201
    if sys.version_info[:2] < OLDEST:
        sys.exit(
            "storegraph needs Python {}.{} or newer; {} is {}. "
            "Name another one: make PYTHON=python3.13 ...".format(
                *OLDEST, sys.executable, sys.version.split()[0]
            )
        )
    os.chdir(str(Path(__file__).resolve().parent.parent))
    enough = ("runtime", "development") if kind == "runtime" else ("development",)
    if held() in enough:
        return
    import fcntl  # noqa: PLC0415

    # Two targets started at once must not build into one another.
    with open(".venv.lock", "w", encoding="utf-8") as turn:  # noqa: PTH123
        fcntl.flock(turn, fcntl.LOCK_EX)
        if held() not in enough:
            install(kind)


if __name__ == "__main__":
    main(sys.argv[1])
