"""What is taken for a secret in a text, and which files hold secrets by their name."""

import base64
import json
import random
import time

import pytest

from kernelgen.secrets.patterns import is_secret_file, secrets_in

HEX = "0123456789abcdef"
WORD = "a1B2c3D4e5F6g7H8i9J0"

SECRETS = {
    f"ghp_{WORD * 2}": "a GitHub token",
    f"gho_{WORD * 2}": "a GitHub token",
    f"github_pat_11{WORD}_{WORD}": "a GitHub token",
    f"glpat-{WORD}": "a GitLab token",
    f"hf_{WORD * 2}": "a Hugging Face token",
    "KGAT_" + HEX * 2: "a Kaggle token",
    f'os.environ["KAGGLE_KEY"] = "{HEX * 2}"': "a Kaggle key",
    json.dumps({"username": "ann", "key": HEX * 2}): "a Kaggle key",
    json.dumps(json.dumps({"key": HEX * 2, "username": "ann"})): "a Kaggle key",
    f'wandb.login(key="{HEX * 2}01234567")': "a Weights & Biases key",
    f"wandb.login('{HEX * 2}01234567', relogin=True)": "a Weights & Biases key",
    f"!wandb login --relogin {HEX * 2}01234567": "a Weights & Biases key",
    f"%env WANDB_API_KEY={HEX * 2}01234567": "a Weights & Biases key",
    "AKIA" + "A1B2" * 4: "an AWS key",
    f'aws_secret_access_key = "{WORD * 2}"': "a key",
    "AIza" + ("Sy" + WORD * 2)[:35]: "a Google key",
    f"sk-{'a' * 48}": "a key of an AI service",
    f"sk-proj-{WORD}-{WORD}": "a key of an AI service",
    f"sk-ant-api03-{WORD}-{WORD}": "a key of an AI service",
    f"xoxb-123456789012-{WORD}": "a Slack token",
    f"https://hooks.slack.com/services/T0123ABCD/B0123ABCD/{WORD}": "a webhook's address",
    f"https://discord.com/api/webhooks/123456789012345678/{WORD}{WORD}": "a webhook's address",
    "postgresql+psycopg://ann:hunter2@db.example.org:5432/birds": "a password in an address",
    "mongodb+srv://ann:p%40ss@cluster0.example.net/birds": "a password in an address",
    "redis://:hunter2@cache:6379/0": "a password in an address",
    "Server=db;Uid=ann;Pwd=hunter2;": "a key in an address",
    "jdbc:postgresql://db/birds?user=ann&password=hunter2": "a key in an address",
    f"%env KAGGLE_KEY {HEX * 2}": "a Kaggle key",
    f"discord.Client().run('MTAxyz{WORD}.Gabcde.{WORD}abcdefgh')": "a bot's token",
    '{"X-eBirdApiToken": "abc1def2ghi3"}': "a key",
    "-----BEGIN OPENSSH PRIVATE KEY-----": "a private key",
    "-----BEGIN PRIVATE KEY-----": "a private key",
    f"eyJ{WORD}.eyJ{WORD}.{WORD}": "a JSON web token",
    f'api_key = "{WORD}"': "a key",
    f"xeno_canto_api_key='{HEX}'": "a key",
    f'{{"api_key": "{WORD}"}}': "a key",
    f"client(access_token='{WORD}')": "a key",
    f'def f(api_key: str | None = "{WORD}"): ...': "a key",
    f'os.environ.get("API_KEY", "{WORD}")': "a key",
    f'os.environ.setdefault("COMET_API_KEY", "{WORD}")': "a key",
    f'login(token="{WORD}")': "a key",
    f"MY_TOKEN={WORD}": "a key",
    f"key = '{HEX * 2}01234567'": "a key",
    f"https://{WORD * 2}@gitlab.com/a/b": "a key in an address",
    f"https://api.telegram.org/bot6569070293:AA{'h' * 33}/sendMessage": "a bot's token",
    "os.environ['DB_PASS'] = 'Tr0ub4dor3x9Q'": "a password",
    "!curl -u me:Tr0ub4dor3x9Q https://x.de": "a password in a command",
    "curl --user 'me:Tr0ub4dor3x9Q' https://x.de": "a password in a command",
    f"hvs.{WORD * 2}": "an access token",
    f"key-{HEX * 2}": "an access token",
    f"AGE-SECRET-KEY-1{'Q2W3' * 14}QQ": "a private key",
    f"machine api.wandb.ai\n  login user\n  password {WORD}": "a password of .netrc",
    "smtplib.SMTP('h').login('me@x.de', 'Tr0ub4dor3x9Q')": "a password",
    "host=db dbname=birds user=ann password=Tr0ub4dor": "a password in an address",
    f"ngrok.set_auth_token('{WORD}')": "a key",
    f"export COMET_API_KEY={WORD}": "a key",
    f"api_key: {WORD}": "a key",
    f"https://xeno-canto.org/api/3/recordings?query=rex&key={HEX * 2}01234567": "a key in an address",
    f'headers = {{"Authorization": "Bearer {WORD}"}}': "a key in a header",
    'smtp.login(user="ann", password="hunter2!")': "a password",
}  # fmt: skip

ORDINARY = [
    "# sk-learn, sk-learn-contrib and task-specific-learning-rates-of-2023 are words",
    "md5 = '0123456789abcdef0123456789abcdef'  # of the archive",
    'HASHES = {"a.onnx": "' + HEX * 4 + '"}',
    f"openvino-2025.2.0-cp312.whl --hash=sha256:{HEX * 4}",
    'WHEEL = "' + base64.b64encode(random.Random(0).randbytes(300_000)).decode() + '"',
    'api_key = os.environ["COMET_API_KEY"]',
    'wandb.login(key=secrets.get_secret("wandb"))',
    'wandb.login(host="https://wandb.example.org", anonymous="never")',
    'token = UserSecretsClient().get_secret("hf_token_2023_birdclef")',
    'api_key = "YOUR_API_KEY_0123456789"',
    'api_key = "<your key of 2023>"',
    "postgresql://{user}:{password}@{host}/birds",
    "postgresql://ann:$PASSWORD@db/birds",
    "https://www.kaggle.com/competitions/birdclef-2023",
    "git@github.com:ann/birds.git, ssh://git@example.org:22/birds",
    'token = "tf_efficientnet_b0_ns_jft_in1k"',
    'secret = "recording-2023-01-02"',
    '{"password": "string", "api_key": "string"}',
    'pad_token, mask_token = "[PAD]", "<mask>"',
    "password = getpass.getpass('password: ')",
    'tokens_per_second = "1234567890abcdef"',
    'key = "0123456789abcdef"  # of the cache',
    "hf_hub_download(repo_id='google/bird-vocalization-classifier', filename='model.onnx')",
    "-----BEGIN CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJa1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8i9J0 ann@example.org",
    "api_key: str | None = None",
    "def f(password: str, token=token_of_2023): ...",
]  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_of_a_usual_kind_is_found_on_its_line(text):
    kind = SECRETS[text]
    assert (3, kind) in secrets_in(f"# one\nx = 1\n{text}\ny = 2\n", ())
    assert (3, kind) in secrets_in(f"# one\nx = 1\n{text}\ny = 2\n".encode(), ())


@pytest.mark.parametrize("text", ORDINARY, ids=lambda text: text[:30])
def test_ordinary_text_holds_no_secret(text):
    assert secrets_in(text, ()) == []


def test_secrets_are_found_in_the_bytes_of_any_file():
    secret = f"TOKEN = ghp_{WORD * 2}"
    assert secrets_in(b"\x80\x02\x00" + secret.encode() + b"\x00\xff", ()) == [(1, "a GitHub token")]
    weights = random.Random(0).randbytes(2_000_000)
    assert secrets_in(weights + b"\n" + secret.encode() + b"\n" + weights, ())
    assert secrets_in(weights, ()) == []
    assert secrets_in(("a\n" + secret).encode("utf-16"), ()) == [(2, "a GitHub token")]


def test_the_secrets_of_this_machine_are_known_by_their_value(no_credentials, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "just-some-words")
    assert secrets_in("a\nb just-some-words c") == [(2, "a secret of this machine's credentials")]
    monkeypatch.delenv("HF_TOKEN")
    assert secrets_in("a\nb just-some-words c") == []


@pytest.mark.parametrize(
    "name",
    ["kaggle.json", "a/b/kaggle.json", "KAGGLE.JSON", "kaggle.json.bak", ".env", ".env.local", "a/.env.production",
     "kaggle (1).json", "prod.env", "server.pem", "id_rsa", "id_ed25519", ".ssh/config", ".netrc", "credentials.json",
     "access_token", "access_token.txt", ".pypirc", ".git-credentials", ".aws/config", "client_secret_123.json",
     "key.p12", "secrets.toml", "C:\\birds\\kaggle.json", ".env~"],
)  # fmt: skip
def test_a_file_of_secrets_is_known_by_its_name(name):
    assert is_secret_file(name)


@pytest.mark.parametrize(
    "name",
    ["dataset.toml", "manifest.json", "tokens.txt", "tokenizer.json", "vocab.json", "id_rsa.pub", "environment.yml",
     "kaggle.py", "my-kaggle.json.csv", "keys.csv", "model.keras", "train.env.csv", "openvino-2025-cp312.whl"],
)  # fmt: skip
def test_an_ordinary_file_is_no_file_of_secrets(name):
    assert not is_secret_file(name)


@pytest.mark.parametrize("part", ["-", "A", "a.", "0", "_", " ", "a-", "eyJ", "A1", '"', "key", "&", "\\"])
def test_long_monotonous_lines_take_no_time(part):
    words = "token password api_key:// wandb private kaggle_key discord bearer ghp_ eyj sk- "
    began = time.process_time()
    secrets_in(words + part * 50_000, ())
    assert time.process_time() - began < 2
