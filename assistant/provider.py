"""A provider of sign-in (OpenID Connect): the way to it, and whether what it says can be believed."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from assistant.reply import Error
from assistant.settings import OpenId

KEPT_SECONDS = 3600.0
"""How long what a provider tells of itself is believed; its keys are asked for anew when one is not known."""
LEEWAY_SECONDS = 60
"""How far its clock and ours may be apart."""
ALGORITHMS = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures that are taken: only those with a public key."""

Clock = Callable[[], datetime]


class ProviderError(Exception):
    """The provider cannot be asked, or what it says cannot be believed."""

    def __init__(self, code: str, message: str, cure: str) -> None:
        super().__init__(message)
        self.code, self.message, self.cure = code, message, cure

    def error(self) -> Error:
        """As it is told."""
        return Error(code=self.code, message=self.message, cure=self.cure)


@dataclass(frozen=True)
class Journey:
    """A sign-in that was begun: what the answer must fit."""

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Journey":
        """One that nobody can guess."""
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))


@dataclass(frozen=True)
class Claims:
    """Whom the provider vouches for."""

    issuer: str
    subject: str
    email: str | None
    """Only where the provider says that it is theirs."""
    name: str | None


class Provider:
    """The provider of the settings; asked when it is needed first."""

    def __init__(self, terms: OpenId, callback: str, clock: Clock) -> None:
        self.terms = terms
        self.callback = callback
        self._clock = clock
        self._lock = Lock()
        self._told: tuple[float, dict[str, Any]] | None = None
        self._keys: dict[str, Any] | None = None

    @property
    def issuer(self) -> str:
        """Its name, as the settings have it."""
        return str(self.terms.issuer)

    def address(self, journey: Journey) -> str:
        """Where to send somebody to sign in. Raises `ProviderError`."""
        metadata = self._metadata()
        with self._client(metadata) as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"],
                state=journey.state,
                nonce=journey.nonce,
                code_verifier=journey.verifier,
            )
        return str(address)

    def claims(self, code: str, journey: Journey) -> Claims:
        """Whom the code of a finished sign-in stands for. Raises `ProviderError`."""
        from authlib.common.errors import AuthlibBaseError
        from httpx2 import HTTPError

        metadata = self._metadata()
        try:
            with self._client(metadata) as client:
                token = client.fetch_token(
                    metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=journey.verifier,
                )
                said = self._believed(token, journey, metadata)
                if "email" not in said and "userinfo_endpoint" in metadata:
                    said = {**said, **self._more(client.get(metadata["userinfo_endpoint"]), said["sub"])}
        except AuthlibBaseError as error:
            raise _refused_code(error) from error
        except (HTTPError, ValueError) as error:
            raise _unavailable(self.issuer) from error
        email = said.get("email")
        return Claims(
            issuer=self.issuer,
            subject=said["sub"],
            email=email.strip().lower() if email and said.get("email_verified") is True else None,
            name=said.get("name") or said.get("preferred_username"),
        )

    def _client(self, metadata: dict[str, Any]) -> Any:
        from authlib.integrations.httpx_client import OAuth2Client

        secret = self.terms.client_secret
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        way = (
            "none" if secret is None else next((one for one in _SECRET_WAYS if one in ways), _SECRET_WAYS[0])
        )
        return OAuth2Client(
            self.terms.client_id,
            None if secret is None else secret.get_secret_value(),
            token_endpoint_auth_method=way,
            scope=self.terms.scopes,
            redirect_uri=self.callback,
            code_challenge_method="S256",
            timeout=self.terms.seconds,
            follow_redirects=False,
        )

    def _believed(self, token: dict[str, Any], journey: Journey, metadata: dict[str, Any]) -> dict[str, Any]:
        """What an ID token says, once everything of it was looked at."""
        from authlib.oidc.core import CodeIDToken
        from joserfc.errors import JoseError

        wanted = metadata.get("id_token_signing_alg_values_supported", ["RS256"])
        allowed = [one for one in ALGORITHMS if one in wanted]
        try:
            signed = self._decoded(token.get("id_token"), allowed)
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                options={
                    "iss": {"essential": True, "value": metadata["issuer"]},
                    "aud": {"essential": True, "value": self.terms.client_id},
                },
                params={
                    "nonce": journey.nonce,
                    "client_id": self.terms.client_id,
                    "access_token": token.get("access_token"),
                },
            )
            claims.validate(now=int(self._clock().timestamp()), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError) as error:
            raise ProviderError(
                "sign_in_not_believed",
                f"What {self.issuer} says about you cannot be believed: {_reason(error)}.",
                "Sign in again. If it goes on, compare the clocks and the client id of both sides.",
            ) from error
        if not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise _strange(self.issuer, "it names nobody")
        return dict(claims)

    def _decoded(self, id_token: Any, allowed: list[str]) -> Any:
        from joserfc import jwt
        from joserfc.errors import BadSignatureError, InvalidKeyIdError
        from joserfc.jwk import KeySet

        if not isinstance(id_token, str):
            raise _strange(self.issuer, "there is no ID token in its answer")
        try:
            return jwt.decode(id_token, KeySet.import_key_set(self._key_set()), algorithms=allowed)
        except (InvalidKeyIdError, BadSignatureError):
            # It may sign with a new key by now.
            return jwt.decode(id_token, KeySet.import_key_set(self._key_set(anew=True)), algorithms=allowed)

    def _more(self, response: Any, subject: str) -> dict[str, Any]:
        """What it says of the same person beside the ID token."""
        said = response.json() if response.is_success else {}
        return said if isinstance(said, dict) and said.get("sub") == subject else {}

    def _metadata(self) -> dict[str, Any]:
        with self._lock:
            if self._told is not None and time.monotonic() - self._told[0] < KEPT_SECONDS:
                return self._told[1]
            told = self._fetched(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            if str(told.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
                raise _strange(self.issuer, f"it calls itself {told.get('issuer')!r}; correct sign_in.issuer")
            lacking = [one for one in _NEEDED if not isinstance(told.get(one), str)]
            if lacking:
                raise _strange(self.issuer, f"it does not tell its {lacking[0]}")
            self._told = (time.monotonic(), told)
            return told

    def _key_set(self, *, anew: bool = False) -> Any:
        metadata = self._metadata()
        with self._lock:
            if self._keys is None or anew:
                self._keys = self._fetched(metadata["jwks_uri"])
            return self._keys

    def _fetched(self, address: str) -> dict[str, Any]:
        import httpx2

        try:
            response = httpx2.get(address, timeout=self.terms.seconds, follow_redirects=False)
            response.raise_for_status()
            told = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable(self.issuer) from error
        if not isinstance(told, dict):
            raise _unavailable(self.issuer)
        return told


_SECRET_WAYS = ("client_secret_basic", "client_secret_post")
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def _reason(error: Exception) -> str:
    return str(getattr(error, "description", "") or error).rstrip(".") or type(error).__name__


def _unavailable(issuer: str) -> ProviderError:
    return ProviderError(
        "provider_unavailable",
        f"{issuer} does not answer.",
        "Try again in a moment, or use a one-time link: `gtm sign-in` prints one.",
    )


def _strange(issuer: str, what: str) -> ProviderError:
    return ProviderError(
        "provider_strange",
        f"What {issuer} answers makes no sense: {what}.",
        "Compare the settings under sign_in with the provider's; `gtm sign-in` prints a one-time link.",
    )


def _refused_code(error: Any) -> ProviderError:
    described = f": {error.description}" if getattr(error, "description", "") else ""
    cure = "Sign in again."
    if error.error in ("invalid_client", "unauthorized_client"):
        cure = "Compare sign_in.client_id and GTM_SIGN_IN__CLIENT_SECRET with the provider's."
    return ProviderError("sign_in_refused", f"The provider refused ({error.error}{described}).", cure)
