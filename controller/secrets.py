"""Secrets come from a file or from the environment, never from the configuration."""

import logging
import os
from pathlib import Path

from drivers.errors import ConfigurationError

log = logging.getLogger(__name__)

FOR_EVERYBODY = 0o004


def secret(key: str, file: Path | None, variable: str) -> str | None:
    """The content of the file that `key` names, else of the environment; None without either.

    Raises `ConfigurationError` for a file that cannot be read or is empty.
    """
    if file is None:
        return os.environ.get(variable) or None
    try:
        text = file.read_text(encoding="utf-8").strip()
        if file.stat().st_mode & FOR_EVERYBODY:
            log.warning("%s: every user of this computer can read %s: chmod o-r", key, file)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{key}: {file} cannot be read: {error}") from error
    if not text:
        raise ConfigurationError(f"{key}: {file} is empty")
    return text
