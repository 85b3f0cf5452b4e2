"""Secrets in texts, and files that hold secrets by their name."""

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import PurePosixPath

from kernelgen.secrets.own_secrets import known_secrets

# Not by detect-secrets: it knows the keys of neither Kaggle, Hugging Face, Google nor Weights & Biases and no webhooks.

_TOKENS = {
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}",
    "a GitLab token": r"gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent|imt|oas)-[A-Za-z0-9_.-]{20,}",
    "a Hugging Face token": r"(?:hf|api_org)_[A-Za-z0-9]{30,}",
    "a Kaggle token": r"KGAT_[A-Za-z0-9]{16,}",
    "a Weights & Biases key": r"wandb_v[0-9]_[A-Za-z0-9_]{30,}",
    "an AWS key": r"(?:AKIA|ASIA)[0-9A-Z]{16}",
    "a Google key": r"AIza[0-9A-Za-z_-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}",
    "a key of an AI service": r"sk-(?:[A-Za-z0-9]{20,}|(?:proj|svcacct|admin|ant|or|lf)-[A-Za-z0-9_-]{20,})"
    r"|gsk_[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{37}|pplx-[A-Za-z0-9]{40,}|xai-[A-Za-z0-9]{60,}",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9.-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}",
    "a bot's token": r"[MNO][DTjz][A-Za-z0-9_-]{22,26}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}",
    "an access token": r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|dckr_pat_[A-Za-z0-9_-]{20,}|dapi[0-9a-f]{32}"
    r"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|[rs]k_live_[A-Za-z0-9]{20,}|do[opr]_v1_[0-9a-f]{64}"
    r"|hv[sb]\.[A-Za-z0-9_-]{24,}|key-[0-9a-f]{32}",
    # The second begins as Neptune's tokens do.
    "a JSON web token": r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{10,}|eyJhcGlf[A-Za-z0-9+/]{40,}=*",
}
# A token neither begins nor ends within a longer word: base64 holds any four characters sooner or later.
_WORD = r"(?<![A-Za-z0-9_+-])(?:{})(?![A-Za-z0-9_+/=-])"

_QUOTE = r"""\\?["']"""
# An assignment: `name = "`, `name: str = "`, `"name": "`, `["name"] = "`, and the same in JSON within JSON.
_ASSIGNS = rf"(?:{_QUOTE})?\]?(?:\s*:\s*[A-Za-z][\w. |\[\]]{{0,30}})?\s*[:=]\s*[rbuf]{{0,2}}{_QUOTE}"
_NAME = r"(?:api|access|auth|secret|client|private|account|service|bearer|bot)_?-?(?:key|token|secret)"
_SHORT_NAME = r"(?:token|secret)"
_PASSWORD = r"(?:password|passwd|pass_?phrase|_pass\b)"
_VARIABLE = rf"[A-Z0-9_]*{f'(?:{_NAME}|{_SHORT_NAME}|{_PASSWORD})'.upper()}"
_KAGGLE_KEY = r"(?i:kaggle_?(?:api_?)?key)"
# Both letters and digits, as words have not and keys have.
_RANDOM = r"(?=[A-Za-z_+/.~=-]*[0-9])(?=[0-9_+/.~=-]*[A-Za-z])[A-Za-z0-9_+/.~=-]"
# Names of models, files and columns have words in them.
_NO_WORDS = r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}"
# What stands for a value to be filled in: `{password}`, `$PASSWORD`, `<password>`, `***`, "your key".
_EMPTY = r"(?![<{$%*]|\.\.\.|(?i:your|my|xxx|example|change|placeholder|todo|string\b|none\b|null\b))"
_VALUE = rf"{_EMPTY}{_RANDOM}{{12,}}"

_PHRASES = {
    "a Kaggle key": (
        rf"{_KAGGLE_KEY}(?:{_ASSIGNS}|\s*[:= ]\s*)[0-9a-f]{{32}}\b",
        rf"{_QUOTE}username{_QUOTE}\s*:[^}}]{{0,80}}{_QUOTE}key{_QUOTE}\s*:\s*{_QUOTE}[0-9a-f]{{32}}\b",
        rf"{_QUOTE}key{_QUOTE}\s*:\s*{_QUOTE}[0-9a-f]{{32}}\b[^}}]{{0,20}}{_QUOTE}username{_QUOTE}\s*:",
    ),
    "a Weights & Biases key": (
        rf"(?i:wandb_?(?:api_?)?key)(?:{_ASSIGNS}|\s*[:= ]\s*)[0-9a-f]{{40}}\b",
        rf"wandb\.login\([^()]{{0,200}}?{_QUOTE}[A-Za-z0-9_-]{{20,}}{_QUOTE}",
        r"wandb\s+login\s+(?:--?[\w=-]+\s+)*[0-9a-f]{40}\b",
    ),
    "a webhook's address": (
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{16,}",
        r"discord(?:app)?\.com/api/(?:v[0-9]+/)?webhooks/[0-9]{5,}/[A-Za-z0-9_-]{16,}",
        r"webhook\.office\.com/webhookb2/[A-Za-z0-9@-]{16,}",
    ),
    "a bot's token": (r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",),
    "a private key": (
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-1[A-Z0-9]{50,}",
    ),
    "a password in an address": (
        rf"\b[a-z][a-z0-9+.-]{{1,30}}://[^\s:/@\"'{{}}<>]*:{_EMPTY}[^\s/@\"'{{}}<>]{{3,}}@[A-Za-z0-9\[]",
        rf"\b(?:host|dbname|user)=[^\n]{{1,100}}[\s;]password={_EMPTY}[^\s;\"'(){{}}<>$,]{{6,}}",
    ),
    "a password in a command": (
        rf"\b(?:curl|wget)\s[^\n]{{0,200}}?(?:-u|--user)[ =]+[\"']?[^\s:\"'$]+:{_EMPTY}[^\s\"'{{}}]{{3,}}",
    ),
    "a password of .netrc": (rf"\bmachine\s+\S+\s+login\s+\S+\s+password\s+{_EMPTY}\S{{6,}}",),
    "an Azure key": (r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}",),
    "a key in an address": (
        rf"://{_EMPTY}{_RANDOM}{{20,}}@[A-Za-z0-9\[]",
        rf"[?&](?i:(?:api_?|access_?|auth_?)?(?:key|token)|sig)={_RANDOM}{{20,}}",
        rf"[?&;]\s*(?i:password|pwd)\s*=\s*{_EMPTY}[^&;\s\"'{{}}<>]{{3,}}",
    ),
    "a key in a header": (rf"(?i:authorization)[^\n]{{0,20}}?\b(?i:bearer|basic|token)\s+{_EMPTY}{_RANDOM}{{16,}}",),
    "a key": (
        rf"(?i:{_NAME}){_ASSIGNS}{_VALUE}{_QUOTE}",
        rf"(?i:{_SHORT_NAME}){_ASSIGNS}{_EMPTY}{_NO_WORDS}{_QUOTE}",
        rf"\bkey{_ASSIGNS}(?:[0-9a-f]{{32}}|[0-9a-f]{{40}}|[0-9a-f]{{64}}){_QUOTE}",
        rf"(?i:set_auth_?token)\(\s*{_QUOTE}{_VALUE}{_QUOTE}",
        rf"(?:setenv|setdefault|getenv|get)\(\s*{_QUOTE}{_VARIABLE}{_QUOTE}\s*,\s*{_QUOTE}{_VALUE}{_QUOTE}",
        # Lines of a .env file, of a shell, of YAML: without quotes, and nothing behind them.
        rf"^[ \t!%#]*(?:(?:export|set|env|setx|set_env)[ \t]+)?{_VARIABLE}[= \t]{_VALUE}[ \t\r]*$",
        rf"^[ \t]*(?:-[ \t]+)?[\w-]*(?i:{_NAME}|{_PASSWORD}):[ \t]+{_VALUE}[ \t\r]*$",
    ),
    "a password": (
        rf"\.login\(\s*{_QUOTE}[^\"'\n]+{_QUOTE}\s*,\s*{_QUOTE}{_EMPTY}[^\s\"'\\{{}}]{{6,}}{_QUOTE}",
        rf"(?i:{_PASSWORD}){_ASSIGNS}{_EMPTY}(?!(?i:{_PASSWORD}))[^\s\"'\\{{}}]{{6,}}{_QUOTE}",
    ),
}
_KINDS = [(name, _WORD.format(pattern)) for name, pattern in _TOKENS.items()]
_KINDS += [(name, "|".join(patterns)) for name, patterns in _PHRASES.items()]

_FILES = (
    "kaggle.json credentials.json credentials access_token token client_secret*.json service-account*.json "
    "service_account*.json .dockercfg .env .env.* *.env .netrc _netrc .pgpass .pypirc .npmrc .git-credentials "
    ".htpasswd htpasswd .envrc netrc .s3cfg rclone.conf .bash_history .zsh_history id_rsa id_dsa id_ecdsa id_ecdsa_sk "
    "id_ed25519 id_ed25519_sk *.p8 *.ovpn *.pem *.key *.p12 *.pfx *.ppk *.jks *.keystore *.kdbx "
    "secrets.toml secrets.json secrets.yaml secrets.yml"
).split()
_FOLDERS = frozenset({".aws", ".docker", ".gnupg", ".kaggle", ".kube", ".ssh"})
# What copies of a file are called: "kaggle (1).json", "id_rsa.bak", ".env~".
_COPY = re.compile(r"[ _-]?\([0-9]+\)|~$|\.(?:bak|backup|old|orig|save|txt)$")


def secrets_in(content: str | bytes, known: Collection[str] | None = None) -> list[tuple[int, str]]:
    """(line, kind) of everything that looks like a secret; lines count from 1, kinds read "a GitHub token".

    Args:
        content: a text, or the bytes of any file; the lines of a binary file are its stretches of ASCII.
        known: secrets to look for by their value; those of this machine's credentials if not given.
    """
    text = content if isinstance(content, str) else _decoded(content)
    return list(_found(text, tuple(known_secrets() if known is None else known)))


def is_secret_file(name: str) -> bool:
    """Whether a file, told by its name or its path, is one that holds secrets: "kaggle.json", ".env", "id_rsa"."""
    path = PurePosixPath(name.replace("\\", "/").lower())
    plain = _COPY.sub("", path.name)
    return not _FOLDERS.isdisjoint(path.parts[:-1]) or any(
        fnmatchcase(candidate, pattern) for candidate in (path.name, plain) for pattern in _FILES
    )


@lru_cache(maxsize=4096)  # kernels share most of their cells, those of the library
def _found(text: str, known: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    places = {(match.start(), kind) for kind, pattern in _KINDS for match in re.finditer(pattern, text, re.MULTILINE)}
    places |= {(text.find(value), "a secret of this machine's credentials") for value in known if value in text}
    return tuple(sorted({(text.count("\n", 0, position) + 1, kind) for position, kind in places}))


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        if b"\0" not in data:
            return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    # A search through all of a model's weights would take minutes.
    return b"\n".join(re.findall(rb"[\t -~]{12,}", data)).decode("ascii")
