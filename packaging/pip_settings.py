"""pip's configuration, told to uv.

uv installs, but pip's configuration says from where: a company's mirror, a folder of wheels, a
certificate. uv reads none of it, so it is read here at run time and given to uv in its environment.
No index address is ever written down.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit


def read_pip_settings(listing: str) -> dict[str, str]:
    """What `pip config list` prints, as a mapping: [install] over [global], variables over both."""
    rank = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, separator, value = line.partition("=")
        section, dot, option = name.rpartition(".")
        if not separator or not dot or section not in rank:
            continue
        try:
            text = str(ast.literal_eval(value))
        except (SyntaxError, ValueError):
            text = value
        if option not in found or rank[section] >= found[option][0]:
            found[option] = (rank[section], text)
    return {option: text for option, (_, text) in found.items()}


def uv_environment(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes uv ask exactly the indexes pip would.

    uv reads none of pip's configuration. A file address or folder that does not exist is left out,
    which pip only warns about. uv's own files and index variables are not looked at.
    """
    own = {"UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS"}
    result = {name: value for name, value in environ.items() if name not in own}
    result["UV_NO_CONFIG"] = "1"
    result["UV_PYTHON_DOWNLOADS"] = "never"
    # pip looks at all indexes and takes the best; the lock file's hashes say which bytes are right.
    result["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    if index := settings.get("index-url", "").strip():
        result["UV_DEFAULT_INDEX"] = index
    extra = [place for place in settings.get("extra-index-url", "").split() if _exists(place)]
    if extra:
        result["UV_INDEX"] = " ".join(extra)
    links = [place for place in settings.get("find-links", "").split() if _exists(place)]
    if links:
        result["UV_FIND_LINKS"] = ",".join(links)
    if settings.get("no-index", "").lower() in {"1", "true", "yes", "on"}:
        result["UV_NO_INDEX"] = "1"
    plain = {
        "cert": "SSL_CERT_FILE",
        "client-cert": "SSL_CLIENT_CERT",
        "timeout": "UV_HTTP_TIMEOUT",
        "default-timeout": "UV_HTTP_TIMEOUT",
        "trusted-host": "UV_INSECURE_HOST",
    }
    for option, variable in plain.items():
        if value := settings.get(option, "").strip():
            result[variable] = value
    if proxy := settings.get("proxy", "").strip():
        result["HTTP_PROXY"] = result["HTTPS_PROXY"] = proxy
    return result


def _exists(place: str) -> bool:
    """Whether a local place exists; addresses of the network are taken as they are."""
    parts = urlsplit(place)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).exists()
    return bool(parts.scheme) or Path(place).exists()
