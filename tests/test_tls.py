"""TLS is verified, and a wrong address says what to do."""

from __future__ import annotations

import ssl
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest
from command import Ran, at, invoke
from server import LoopbackServer, error

trustme = pytest.importorskip("trustme")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:  # type: ignore[name-defined]
    return trustme.CA()


def certified(authority: trustme.CA, *names: str, **options: datetime) -> ssl.SSLContext:  # type: ignore[name-defined]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names, **options).configure_cert(context)
    return context


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:  # type: ignore[name-defined]
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return tmp_path / "authority.pem"


def generate(out: Path, *words: object, **environment: str) -> Ran:
    return invoke("generate", "--n", 3, "--out", out, *words, **environment)


def test_a_certificate_of_nobody_known_is_refused_at_once(
    authority: trustme.CA,  # type: ignore[name-defined]
    tmp_path: Path,
) -> None:
    with LoopbackServer(tls=certified(authority, "127.0.0.1")) as server:
        begun = time.monotonic()
        said = generate(tmp_path / "run", *at(server), OPENAI_API_KEY="sk-test").error
        assert time.monotonic() - begun < 5 and not server.calls
    assert said.startswith(f"{server.base_url}: the server's certificate is not trusted (")
    assert "self-signed certificate" in said or "unable to get local issuer" in said
    assert "set SSL_CERT_FILE" in said


def test_one_of_an_authority_named_in_ssl_cert_file_is_taken(
    authority: trustme.CA,  # type: ignore[name-defined]
    bundle: Path,
    tmp_path: Path,
) -> None:
    with LoopbackServer(tls=certified(authority, "127.0.0.1")) as server:
        generate(tmp_path / "run", *at(server), SSL_CERT_FILE=str(bundle)).done()
        assert server.calls


def test_a_certificate_for_another_name_or_of_the_past_is_refused(
    authority: trustme.CA,  # type: ignore[name-defined]
    bundle: Path,
    tmp_path: Path,
) -> None:
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    for context, why in (
        (certified(authority, "elsewhere.example"), "mismatch"),
        (certified(authority, "127.0.0.1", not_after=past), "expired"),
    ):
        with LoopbackServer(tls=context) as server:
            said = generate(tmp_path / "run", *at(server), SSL_CERT_FILE=str(bundle)).error
            assert not server.calls
        assert "is not trusted" in said and why in said


@pytest.mark.parametrize("what", ["missing", "no certificate"])
def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path, what: str) -> None:
    path = tmp_path / "authority.pem"
    if what != "missing":
        path.write_text("words\n")
    with LoopbackServer() as server:
        assert (
            "SSL_CERT_FILE"
            in generate(tmp_path / "run", *at(server), SSL_CERT_FILE=str(path)).error
        )


# ---------------------------------------------------------------- a wrong address


def test_https_to_a_server_of_http_says_so_at_once(tmp_path: Path) -> None:
    with LoopbackServer() as server:
        said = generate(
            tmp_path / "run",
            "--model",
            "m",
            "--base-url",
            server.base_url.replace("http:", "https:"),
        ).error
    assert "does not speak TLS" in said and "write http://" in said and "gave up" not in said


def test_http_to_a_server_of_https_says_what_may_be_wrong(
    authority: trustme.CA,  # type: ignore[name-defined]
    tmp_path: Path,
) -> None:
    with LoopbackServer(tls=certified(authority, "127.0.0.1")) as server:
        said = generate(
            tmp_path / "run",
            "--model",
            "m",
            "--base-url",
            server.base_url.replace("https:", "http:"),
        ).error
    assert "https" in said


@pytest.mark.parametrize(
    ("path", "wanted"), [("/", "no such path"), ("/v2", "no such path"), ("/v1/v1", "no such path")]
)
def test_a_wrong_path_is_told_from_a_wrong_model(tmp_path: Path, path: str, wanted: str) -> None:
    with LoopbackServer() as server:
        said = generate(
            tmp_path / "run", "--model", "m", "--base-url", server.base_url.replace("/v1", path)
        ).error
    assert wanted in said and "usually ends in /v1" in said


def test_an_endpoint_that_has_no_such_model_is_not_a_wrong_path(tmp_path: Path) -> None:
    async def refuse(call: object, go_on: object) -> object:
        return error(404, "model 'm' not found, try pulling it first", "api_error")

    with LoopbackServer(refuse) as server:  # type: ignore[arg-type]
        said = generate(tmp_path / "run", *at(server, model="m")).error
    assert "no such model: check --model 'm'" in said and "path" not in said


@pytest.mark.parametrize("status", [200, 302, 403, 511])
def test_a_portals_page_is_one_line(tmp_path: Path, status: int) -> None:
    from aiohttp import web

    page = (
        "<!DOCTYPE html>\n<html><head><title>Log in to\nthe\x1b[2J network</title></head>"
        + "<p>words</p>" * 9999
    )

    async def portal(call: object, go_on: object) -> object:
        return web.Response(status=status, text=page, content_type="text/html")

    with LoopbackServer(portal) as server:  # type: ignore[arg-type]
        said = generate(tmp_path / "run", *at(server)).error
    assert "a web page (Log in to the\\x1b[2J network)" in said and len(said) < 400


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1",
        "http://xn--/v1",
        "http://" + "a" * 70 + ".b/v1",
        "http://a..b/v1",
        "http://\u00fc\u0000/v1",
        "http:///v1",
    ],
)
def test_an_address_that_nobody_can_have_is_a_users_error(tmp_path: Path, address: str) -> None:
    assert (
        "\n"
        not in generate(
            tmp_path / "run", "--model", "m", "--base-url", address, "--timeout", 2
        ).error
    )
