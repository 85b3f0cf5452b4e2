"""Who may talk to the server, and for whom."""

from __future__ import annotations

import base64
import binascii
import itertools

from .errors import Refusal


class Accounts:
    """Users with keys, access tokens, OAuth's refresh tokens, and organisations."""

    OPEN = frozenset({"IntrospectToken", "GenerateAccessToken", "ExpireApiToken"})

    def __init__(self):
        self.keys: dict[str, str] = {}
        self.tokens: dict[str, str] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self._numbers = itertools.count(1)

    def user_of(self, authorization: str | None) -> str:
        """The user that the request's header names; 401 for a wrong one or none."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme == "Basic":
            try:
                name, _, key = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, ValueError):
                name, key = "", ""
            if name in self.keys and self.keys[name] == key:
                return name
        elif scheme == "Bearer" and value in self.tokens:
            return self.tokens[value]
        raise Refusal(401, "Unauthenticated")

    def may_write(self, user: str, owner: str) -> bool:
        return owner == user or user in self.members.get(owner, ())

    def IntrospectToken(self, body: dict, user: str | None) -> dict:
        name = self.tokens.get(body.get("token", ""))
        if name is None:
            return {"active": False}
        return {"active": True, "clientId": "kagglesdk", "username": name, "userId": 1, "scope": "", "exp": 4102444800}

    def GenerateAccessToken(self, body: dict, user: str | None) -> dict:
        name = self.refresh_tokens.get(body.get("refreshToken", ""))
        if name is None:
            raise Refusal(401, "Unauthenticated")
        token = f"access-{next(self._numbers)}"
        self.tokens[token] = name
        return {"token": token, "expiresIn": 43200, "userName": name, "userId": 1}
