"""Web sessions: a signed cookie that names a user and nothing else."""

import hashlib
import hmac
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from assistant.bus import Clock
from assistant.settings import ConfigurationError

_KEY_LETTERS = 64


@dataclass(frozen=True)
class Session:
    """Who signed in, until when, and which of this user's sessions it is."""

    user_id: int
    until: float
    nonce: str


class Sessions:
    """Signs sessions and reads them back."""

    def __init__(self, key: str, lifetime: timedelta, clock: Clock) -> None:
        self.lifetime = lifetime
        self._key = key
        self._clock = clock
        self._signer = URLSafeSerializer(key, salt="session")
        self._seal = URLSafeSerializer(key, salt="signing-in")

    def start(self, user_id: int, name: str | None = None) -> Session:
        """A new session, of a name of its own where none is given; it holds once it is written down."""
        until = (self._clock() + self.lifetime).timestamp()
        return Session(user_id, until, name or secrets.token_urlsafe(16))

    def signed(self, session: Session) -> str:
        """A session's cookie."""
        return _text(self._signer.dumps(asdict(session)))

    def sealed(self, kept: dict[str, Any]) -> str:
        """Something the browser shall keep until somebody is signed in, and cannot change."""
        return _text(self._seal.dumps(kept))

    def unsealed(self, cookie: str) -> dict[str, Any]:
        """What was `sealed`. Raises `itsdangerous.BadSignature`."""
        kept: dict[str, Any] = self._seal.loads(cookie)
        return kept

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie; None when it is forged, damaged or over."""
        if not cookie:
            return None
        try:
            session = Session(**self._signer.loads(cookie))
        except (BadSignature, TypeError):
            return None
        return session if session.until > self._clock().timestamp() else None

    def csrf_token(self, session: Session) -> str:
        """What a page of this session sends along to show that the request is its own."""
        message = f"csrf:{session.user_id}:{session.nonce}".encode()
        return hmac.new(self._key.encode(), message, hashlib.sha256).hexdigest()

    def is_csrf_token(self, session: Session, token: str) -> bool:
        """Whether the token belongs to the session."""
        return hmac.compare_digest(self.csrf_token(session).encode(), token.encode())


def _text(signed: str | bytes) -> str:
    return signed if isinstance(signed, str) else signed.decode()


def session_key(data_dir: Path) -> str:
    """The secret sessions are signed with, made on the first start. Raises `ConfigurationError`."""
    path = data_dir / "session.key"
    if not path.exists():
        _make_key(path)
    key = path.read_text(encoding="ascii", errors="replace").strip()
    if len(key) < _KEY_LETTERS:
        raise ConfigurationError(f"{path} holds no usable key. Remove it; the next start makes a new one.")
    return key


def _make_key(path: Path) -> None:
    """Write the key elsewhere first: another process must never read half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=path.parent, prefix=".session-", encoding="ascii") as file:
        # The file is readable by its owner only from the moment it is there.
        file.write(secrets.token_hex(_KEY_LETTERS // 2))
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return
