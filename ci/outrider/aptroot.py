# SPDX-License-Identifier: BSD-2-Clause
"""A private apt root: resolves and downloads packages of any architecture without touching the host's dpkg.

Mirrors, keyring and proxy settings are the host's own.
"""

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
LISTS_MAX_AGE = 24 * 3600  # seconds; older package lists are fetched again before a download


class SetupError(Exception):
    """Something is missing or failed; the message says what and what to do."""


def cache_dir():
    """The cache folder, outside of the checkout."""
    base = os.environ.get("OUTRIDER_CACHE")
    if not base:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "outrider")
    path = Path(base).absolute()
    path.mkdir(parents=True, exist_ok=True)
    return path


def say(text):
    name = os.path.basename(sys.argv[0])
    name = "setup" if name == "fetch.py" else f"ci/{name}"
    print(f"{name}: {text}", file=sys.stderr, flush=True)


@contextmanager
def locked(name):
    """Hold an exclusive lock between processes."""
    path = cache_dir() / f".{name}.lock"
    with open(path, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def run(argv, env=None, cwd=None, title=None):
    """Run a program; its failure is a SetupError that carries what it said."""
    title = title or " ".join(map(str, argv[:6]))
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=cwd,
                              check=False)  # fmt: skip
    except FileNotFoundError as error:
        raise SetupError(f"{argv[0]} is not installed: run ci/setup") from error
    if done.returncode:
        raise SetupError(f"{title} … failed ({done.returncode}):\n{done.stderr.strip()[-2000:]}")
    return done.stdout


def unpack(deb, target):
    Path(target).mkdir(parents=True, exist_ok=True)
    run(["dpkg-deb", "-x", str(deb), str(target)])


def host_suite():
    """The host's Debian release, which is also the guest's userland."""
    if os.environ.get("OUTRIDER_SUITE"):
        return os.environ["OUTRIDER_SUITE"]
    text = Path("/etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=(\w+)", text, re.M)
    suite = found.group(1) if found else "unknown"
    if suite not in ("bookworm", "trixie"):
        raise SetupError(f"this host is '{suite}'; set OUTRIDER_SUITE=bookworm or trixie to choose the guest's release")
    return suite


def host_arch():
    return run(["dpkg", "--print-architecture"]).strip()


def _mirrors():
    """The host's (archive, security) mirror and the keyring which signs them."""
    archive, security, keyring = None, None, None
    out = run(["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(SIGNED_BY)", "Created-By: Packages"])
    for line in out.splitlines():
        uri, release, signed = (line.split("|") + ["", ""])[:3]
        if re.fullmatch(r"(bookworm|trixie|stable|oldstable)-security", release):
            security = security or uri
        elif re.fullmatch(r"(bookworm|trixie|stable|oldstable)", release):
            archive = archive or uri
            keyring = keyring or signed
    if not archive:
        raise SetupError("no Debian archive is in the sources of apt: add one and run apt-get update")
    security = security or archive.rstrip("/") + "-security"
    if not keyring or not keyring.startswith("/"):
        keyring = KEYRING
    return archive, security, keyring


class AptRoot:
    """Packages of one Debian release for arm64 (and the build machine's tools); or for one architecture alone."""

    def __init__(self, suite, archs=None):
        self.suite = suite
        self.path = cache_dir() / "apt" / (f"{suite}-{'-'.join(archs)}" if archs else suite)
        self.pool = cache_dir() / "pool"
        for sub in ("lists/partial", "cache/archives/partial", "etc/parts", "prefs"):
            (self.path / sub).mkdir(parents=True, exist_ok=True)
        self.pool.mkdir(exist_ok=True)
        (self.path / "status").touch()
        self.archs = archs = archs or ["arm64"] + [a for a in [host_arch()] if a != "arm64"]
        self.options = []
        for key, value in {
            "APT::Architecture": archs[0],
            "Dir::State": f"{self.path}",
            "Dir::State::lists": f"{self.path}/lists",
            "Dir::State::status": f"{self.path}/status",
            "Dir::State::extended_states": f"{self.path}/extended",
            "Dir::Cache": f"{self.path}/cache",
            "Dir::Cache::archives": f"{self.path}/cache/archives",
            "Dir::Etc::sourcelist": f"{self.path}/etc/sources.list",
            "Dir::Etc::sourceparts": f"{self.path}/etc/parts",
            "Dir::Etc::preferences": f"{self.path}/prefs/none",
            "Dir::Etc::preferencesparts": f"{self.path}/prefs",
            "APT::Sandbox::User": "root",
            "APT::Install-Recommends": "false",
            "APT::Get::Assume-Yes": "true",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "true",
        }.items():
            self.options += ["-o", f"{key}={value}"]
        # "::" appends; "#clear" is not available on the command line, so the list goes by environment file.
        conf = self.path / "etc" / "apt.conf"
        text = "#clear APT::Architectures;\n" + "".join(f'APT::Architectures:: "{a}";\n' for a in archs)
        text += "#clear APT::Update::Post-Invoke-Success;\n#clear APT::Update::Post-Invoke;\n"
        if not conf.exists() or conf.read_text() != text:
            conf.write_text(text)
        self.env = dict(os.environ, APT_CONFIG=str(conf), LC_ALL="C")

    def _apt(self, *argv, cwd=None):
        return run([argv[0], *self.options, *argv[1:]], self.env, cwd, " ".join(argv[:6]))

    def update(self):
        """Fetch the package lists unless they are fresh."""
        stamp = self.path / "updated"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_MAX_AGE:
            return
        archive, security, keyring = _mirrors()
        lines = [
            f"deb [signed-by={keyring}] {archive} {self.suite} main",
            f"deb [signed-by={keyring}] {archive} {self.suite}-updates main",
            f"deb [signed-by={keyring}] {archive} {self.suite}-backports main",
            f"deb [signed-by={keyring}] {security} {self.suite}-security main",
        ]
        (self.path / "etc/sources.list").write_text("\n".join(lines) + "\n")
        say(f"fetching package lists of {self.suite}/{self.archs[0]}")
        self._apt("apt-get", "update")
        stamp.touch()

    def depends(self, package, backports=False):
        """[(name, version or None)] that package depends on directly, and package's own version."""
        target = ["-t", f"{self.suite}-backports"] if backports else []
        text = self._apt("apt-cache", *target, "show", "--no-all-versions", package)
        fields = dict(re.findall(r"^([\w-]+): (.*)$", text, re.M))
        result = []
        for entry in fields.get("Depends", "").split(","):
            found = re.match(r"\s*([\w.+-]+)(?::\w+)?(?:\s*\(=\s*([^)]+)\))?", entry)
            if found:
                result.append((found.group(1), found.group(2)))
        return fields["Version"], result

    def fetch(self, names):
        """Download exactly these packages (name[:arch][=version]); the .deb files, in order."""
        work = self.path / "cache" / f"fetch.{os.getpid()}"
        work.mkdir(parents=True, exist_ok=True)
        try:
            debs = []
            for name in names:
                # Where it comes from, its file's name, size: what the pool has already need not be fetched again.
                found = re.findall(r"^'[^']+' (\S+\.deb) \d+", self._apt("apt-get", "download", "--print-uris", "-q", name, cwd=work), re.M)
                if len(found) == 1 and (self.pool / found[0]).exists():
                    debs.append(self.pool / found[0])
                    continue
                self._apt("apt-get", "download", name, cwd=work)
                got = [d for d in work.glob("*.deb")]
                for deb in got:
                    final = self.pool / deb.name
                    os.replace(deb, final)
                    debs.append(final)
            return debs
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def resolve(self, names, target=None):
        """Download these packages and all that they depend on; the .deb files."""
        archives = self.path / "cache" / "archives"
        extra = ["-t", target] if target else []
        for old in archives.glob("*.deb"):  # apt does not list what lies there
            old.unlink()
        out = self._apt("apt-get", *extra, "install", "--print-uris", "-q", *names)
        files = re.findall(r"^'[^']+' (\S+\.deb) \d+", out, re.M)
        if any(not (self.pool / f).exists() for f in files):
            for name in files:  # what the pool has already need not be fetched again
                if (self.pool / name).exists() and not (archives / name).exists():
                    os.link(self.pool / name, archives / name)
            self._apt("apt-get", *extra, "install", "--download-only", "-q", *names)
            for deb in archives.glob("*.deb"):
                if (self.pool / deb.name).exists():
                    deb.unlink()
                else:
                    os.replace(deb, self.pool / deb.name)
        return [self.pool / f for f in files]

    def source(self, name, version, target):
        """Download the upstream part of a source package into a folder; its files."""
        lists = self.path / "source"
        (lists / "lists/partial").mkdir(parents=True, exist_ok=True)
        (lists / "sources.list").write_text("".join(
            line.replace("deb ", "deb-src ", 1) + "\n"
            for line in (self.path / "etc/sources.list").read_text().splitlines()
        ))  # fmt: skip
        options = ["-o", f"Dir::Etc::sourcelist={lists}/sources.list", "-o", f"Dir::State::lists={lists}/lists"]
        Path(target).mkdir(parents=True, exist_ok=True)
        self._apt("apt-get", *options, "update")
        self._apt("apt-get", *options, "source", "--download-only", "--tar-only", f"{name}={version}", cwd=target)
        return sorted(Path(target).iterdir())
