"""Sites that a widget may stand on, and the tag that puts it there."""

from urllib.parse import urlsplit

MOST_TURNS = 30
"""Turns a minute of a widget's visitors together, where nothing else is said."""

_PORTS = {"http": 80, "https": 443}


def origin_of(address: str) -> str:
    """The site of an address as browsers name it: scheme, host and port. Raises `ValueError`."""
    parts = urlsplit(address.strip())
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError(f"{address!r} is no site; write it as https://www.example.com")
    if "*" in parts.hostname:
        raise ValueError(f"{address!r} stands for many sites; name each")
    host = parts.hostname.encode("idna").decode()
    port = "" if parts.port in (None, _PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def tag_of(url: str, token: str) -> str:
    """The script tag of a widget of the service at ``url``."""
    return f'<script src="{url}/widget.js" data-token="{token}" async></script>'
