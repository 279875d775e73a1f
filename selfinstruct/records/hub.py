"""The Hugging Face Hub. Owns huggingface_hub, imported late."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

from selfinstruct.errors import UserError, how_to_install


def fetched(repository: str, file: str) -> Path:
    """A file of a model's repository, from the cache if possible. Raises UserError."""
    where = f"local:hf:{repository}/{file}"
    hub = _library(where, "pip install huggingface_hub")
    # The hub's errors for "no such repository", "no such file" and "not allowed" are ValueError or
    # OSError as well.
    try:
        return Path(hub.hf_hub_download(repo_id=repository, filename=file))
    except (OSError, ValueError, hub.errors.HfHubHTTPError) as error:
        raise UserError(
            f"{where}: cannot be fetched ({_first_line(error)}); "
            "check the name and the network, or name a file: local:/path/to.gguf"
        ) from error


def token() -> str:
    """The user's token, from the environment and nowhere else. Raises UserError."""
    found = os.environ.get("HF_TOKEN", "").strip()
    if not found:
        raise UserError(
            "--push-to-hub: HF_TOKEN is not set; put a token with write access into the environment"
        )
    return found


def pushed(folder: Path, name: str) -> str:
    """Uploads a folder as the dataset `name` (OWNER/NAME), private if new; returns its address.

    Raises UserError, in which the token does not occur.
    """
    secret = token()
    where = f"--push-to-hub {name}"
    hub = _library(where, how_to_install("export"))
    try:
        api = hub.HfApi(token=secret)
        repository = api.create_repo(name, repo_type="dataset", private=True, exist_ok=True).repo_id
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message="Exported by selfinstruct",
        )
        return f"{api.endpoint}/datasets/{repository}"
    except (
        OSError,
        ValueError,
        RuntimeError,
        hub.errors.HfHubHTTPError,
        *network_errors(),
    ) as error:
        said = _first_line(error).replace(secret, "...")
        raise UserError(
            f"{where}: was not uploaded ({said}); the export itself is whole: {folder}"
        ) from None


def _library(where: str, install: str) -> Any:
    try:
        return importlib.import_module("huggingface_hub")
    except ImportError:
        raise UserError(f"{where} needs a package that is not installed: {install}") from None


def network_errors() -> tuple[type[Exception], ...]:
    """The errors of the HTTP library under the hub's, whose name has changed and may again."""
    errors = importlib.import_module("huggingface_hub.errors")
    return tuple(
        {base for base in errors.HfHubHTTPError.__mro__ if issubclass(base, Exception)}
        - {Exception}
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
