"""The functions that return models: their settings, keys and names."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

import declarai_like as declarai
from declarai_like.errors import ConfigurationError, RateLimited
from declarai_like.testing import Fault
from tests.conftest import World


def ask(model: Any) -> Any:
    @model.task
    def say(movie: str) -> str:
        """Describe the movie"""

    return say("Avengers")


def test_a_missing_key_is_an_error_at_the_first_request_that_names_the_variable() -> None:
    model = declarai.openai("gpt-5.5")
    with pytest.raises(
        ConfigurationError, match="API key is missing; set api_key or the environment variable OPENAI_API_KEY"
    ):
        ask(model)
    azure = declarai.azure_openai("d", azure_openai_api_base="https://r.openai.azure.com")
    with pytest.raises(
        ConfigurationError, match="set azure_openai_key or the environment variable AZURE_OPENAI_API_KEY"
    ):
        ask(azure)


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "DECLARAI_OPENAI_API_KEY"])
def test_the_key_is_read_from_the_environment(serve: Any, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    server = serve(["fine"], api_key="the-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    model = declarai.openai("m")
    monkeypatch.setenv(variable, "the-key")
    assert ask(model) == "fine"
    assert server.exchanges[0].headers["authorization"] == "Bearer the-key"


def test_another_server_needs_no_key(serve: Any) -> None:
    server = serve(["fine"])
    assert ask(declarai.openai("m", base_url=server.url)) == "fine"


def test_deprecated_names_of_settings_still_work(serve: Any) -> None:
    server = serve(["fine"], api_key="the-key")
    model = declarai.openai(
        model="m", openai_token="the-key", base_url=server.url, headers={"X-Team": "a"}, timeout=30, max_retries=2
    )
    assert ask(model) == "fine"
    assert server.exchanges[0].headers["x-team"] == "a"
    assert server.exchanges[0].body["model"] == "m"


def test_azure_posts_to_the_deployment_with_its_own_header(serve: Any) -> None:
    server = serve(["fine", "fine"], api_key="the-key")
    for model in (
        declarai.azure_openai(
            deployment_name="d",
            azure_openai_key="the-key",
            azure_openai_api_base=server.address,
            api_version="2024-10-21",
        ),
        declarai.azure_openai(
            model="d", azure_openai_key="the-key", azure_openai_api_base=server.address, stream=False
        ),
    ):
        assert ask(model) == "fine"
    for exchange in server.exchanges:
        assert exchange.path == "/openai/deployments/d/chat/completions?api-version=2024-10-21"
        assert exchange.headers["api-key"] == "the-key"


def test_azure_streams(serve: Any) -> None:
    server = serve(["one two"])
    model = declarai.azure_openai("d", azure_openai_key="k", azure_openai_api_base=server.address, stream=True)
    assert ask(model).result() == "one two"


def test_azure_needs_a_deployment_and_an_address() -> None:
    with pytest.raises(ConfigurationError, match=r"azure_openai\(\) needs deployment_name, the name of the deployment"):
        declarai.azure_openai(azure_openai_api_base="https://r.openai.azure.com")
    with pytest.raises(ConfigurationError, match="pass azure_openai_api_base, or set AZURE_OPENAI_ENDPOINT"):
        declarai.azure_openai("d")


def test_a_model_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert declarai.model("openai:gpt-5.5").name == "gpt-5.5"
    assert declarai.model("openai:org/model:free").name == "org/model:free"
    assert declarai.model("offline").name == "offline"
    monkeypatch.setenv("DECLARAI_MODEL", "openai:gpt-5.5")
    assert repr(declarai.model()) == "<model openai:gpt-5.5>"
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com")
    assert repr(declarai.model("azure_openai:d")) == "<model azure_openai:d at r.openai.azure.com>"


@pytest.mark.parametrize("name", ["", "gpt-5.5", "openai:", "offline:x", "mistral:small"])
def test_an_error_of_an_unknown_name_lists_the_choices(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'openai:<model>', 'azure_openai:<deployment>' or 'offline'"):
        declarai.model(name)


@pytest.mark.parametrize("seconds", [0, -1, "soon"])
def test_a_limit_that_is_not_a_number_of_seconds_is_refused(seconds: Any) -> None:
    found = "str" if isinstance(seconds, str) else seconds
    expected = f"must be a number of seconds > 0, got {found}; use None for no limit"
    with pytest.raises(ConfigurationError, match=rf"Timeouts\.total {expected}"):
        declarai.openai("m", timeout=seconds)
    with pytest.raises(ConfigurationError, match=rf"Timeouts\.idle {expected}"):
        declarai.Timeouts(idle=seconds)


@pytest.mark.parametrize(("wrong", "got"), [(-1, "-1"), (True, "bool"), ("2", "str")])
def test_wrong_max_retries_are_refused(wrong: Any, got: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^max_retries must be an integer >= 0, got {got}$"):
        declarai.openai("m", max_retries=wrong)


def test_wrong_settings_are_refused_where_they_are_made() -> None:
    with pytest.raises(ConfigurationError, match=r"^model of openai\(\) must be the name of a model, got ''"):
        declarai.openai("")
    wrong: Any = 5
    with pytest.raises(ConfigurationError, match="^base_url must be a str, got int"):
        declarai.openai("m", base_url=wrong)
    with pytest.raises(ConfigurationError, match="headers must be a mapping of str to str, got int"):
        declarai.openai("m", headers=wrong)
    with pytest.raises(ConfigurationError, match=r"^model of openai\(\) must be a str, got int"):
        declarai.openai(wrong)
    with pytest.raises(ConfigurationError, match="api_key must be a str, got int"):
        ask(declarai.openai("m", api_key=wrong, base_url="http://localhost:1"))
    for delay, got in (("x", "str"), (-1, "-1"), (float("nan"), "nan")):
        with pytest.raises(ConfigurationError, match=f"^delay must be a number of seconds >= 0, got {got}"):
            declarai.offline(["a"], delay=delay)  # type: ignore[call-overload]
    with pytest.raises(ConfigurationError, match=r"^Tokens\.count must be a function .*, got int"):
        declarai.window.Tokens(9, count=wrong)
    with pytest.raises(
        ConfigurationError, match="^base_url must be a URL that starts with http://.*, got 'localhost:11434/v1'"
    ):
        declarai.openai("m", base_url="localhost:11434/v1")
    with pytest.raises(ConfigurationError, match="^azure_openai_api_base must be a URL .*, got 'r.openai.azure.com'"):
        declarai.azure_openai("d", azure_openai_api_base="r.openai.azure.com")
    with pytest.raises(ConfigurationError, match="the value of header 'X-Team' must be") as caught:
        declarai.openai("m", headers={"X-Team": "gehe\u00edm"})
    assert "gehe" not in str(caught.value)
    with pytest.raises(
        ConfigurationError, match="^output must be one of 'auto', 'schema', 'tool', 'prompt', got 'xml'"
    ):
        declarai.openai("m", output="xml")  # type: ignore[call-overload]


def test_a_wrong_key_is_refused_without_showing_it(world: World, serve: Any) -> None:
    server = serve()
    with pytest.raises(ConfigurationError, match=r"the API key \(api_key\) must be ASCII; copy it again") as caught:
        world.ask(declarai.openai("m", api_key="gehe\u00edm", base_url=server.url))
    assert "gehe" not in str(caught.value)
    assert server.exchanges == []


def test_an_error_of_the_http_client_names_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "nowhere.pem")
    with pytest.raises(ConfigurationError, match="the client cannot be created.*FileNotFoundError"):
        ask(declarai.openai("m", api_key="k"))


def test_no_secret_is_shown(serve: Any) -> None:
    server = serve([Fault(429, "key-of-mine, and team-of-mine")])
    model = declarai.openai(
        "m", api_key="key-of-mine", headers={"X-Team": "team-of-mine"}, base_url=server.url, max_retries=0
    )
    with pytest.raises(RateLimited) as caught:
        ask(model)
    shown = repr(model) + repr(vars(model)) + str(caught.value)
    assert "of-mine" not in shown
    assert repr(model) == "<model openai:m at 127.0.0.1>"


def test_the_import_is_light() -> None:
    """The openai package, pydantic and jinja2 are imported on first use."""
    heavy = "{'openai', 'pydantic', 'jinja2', 'httpx2', 'anyio', 'asyncio', 'tenacity', 'docstring_parser'}"
    code = f"import sys, declarai_like; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert shown.stdout.strip() == "[]"
