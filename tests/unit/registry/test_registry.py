"""Discovery, routing and binding of plugins, with real distributions in a temporary directory."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from llmgate_core import (
    BadRequestError,
    Client,
    PluginConflictError,
    PluginError,
    PluginLoadError,
    PluginNotInstalledError,
    PluginPolicy,
    Settings,
    UnknownModelError,
)
from llmgate_core.plugin import install_command

HI = [{"role": "user", "content": "hi"}]
GOOD = """
from llmgate_core.plugin import OpenAICompatible, ProviderInfo

class Acme(OpenAICompatible):
    info = ProviderInfo(api=(1, 0), name="acme", base_url="https://acme.example/v1", env_key="ACME_API_KEY")

plugin = Acme()
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that installs a distribution with one module into a temporary site."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install_one(name: str, source: str, *prefixes: str, family: str = "chat") -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        metadata = tmp_path / f"{module}-1.2.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [f"{prefix} = {module}:plugin" for prefix in prefixes]
        (metadata / "entry_points.txt").write_text("\n".join([f"[llmgate.{family}]", *lines, ""]))
        monkeypatch.delitem(sys.modules, module, raising=False)

    return install_one


def client(policy: PluginPolicy | None = None) -> Client:
    return Client(settings=Settings(), plugins=policy or PluginPolicy(), api_key="sk-test-123456789")


def route_of(made: Client, model: str, family: str = "chat") -> tuple[str, str, str]:
    prepared = made.prepare(family, model, {"messages": HI}, {})
    return prepared.route.provider, prepared.route.prefix, prepared.route.model


def test_an_installed_plugin_is_routed_to_by_its_prefix(install: Install) -> None:
    install("llmgate-acme-a", GOOD, "acme")
    assert route_of(client(), "acme/turbo/v2") == ("acme", "acme", "turbo/v2")


def test_a_prefix_is_served_as_its_entry_point_writes_it_and_the_longest_one_wins(install: Install) -> None:
    install("llmgate-acme-b", GOOD, "acme", "acme/deep", "z.ai")
    made = client()
    assert route_of(made, "acme/deep/m") == ("acme", "acme/deep", "m")
    assert route_of(made, "acme/other/m") == ("acme", "acme", "other/m")
    assert route_of(made, "z.ai/glm") == ("acme", "z.ai", "glm")


BROKEN = {
    "cannot be imported: ModuleNotFoundError": "import a_module_that_there_is_not\n",
    "cannot be imported: SystemExit": "raise SystemExit(3)\n",
    "transform_requst": GOOD + "\nfrom llmgate_core.plugin import hookimpl\n"
    "Acme.transform_requst = hookimpl(lambda self, call, route: None)\n",
    "is async": GOOD + "\nfrom llmgate_core.plugin import hookimpl\n"
    "async def auth(self, route): ...\nAcme.auth = hookimpl(auth)\n",
    "keyword-only": GOOD + "\nfrom llmgate_core.plugin import hookimpl\n"
    "def auth(self, *, route): ...\nAcme.auth = hookimpl(auth)\n",
    "lacks the @hookimpl marker": GOOD + "\ndef auth(self, route): ...\nAcme.auth = auth\n",
    "written for plugin API 9.0": GOOD.replace("(1, 0)", "(9, 0)"),
    "written for plugin API 1.7": GOOD.replace("(1, 0)", "(1, 7)"),
    "only extensions may wrap": GOOD + "\nfrom llmgate_core.plugin import hookimpl\n"
    "def auth(self, route):\n    return (yield)\nAcme.auth = hookimpl(wrapper=True)(auth)\n",
    "has no `info": "class P: pass\nplugin = P()\n",
}


@pytest.mark.parametrize("reason", list(BROKEN))
def test_a_broken_plugin_fails_alone_and_says_why(install: Install, reason: str) -> None:
    install("llmgate-broken", BROKEN[reason], "broken")
    made = client()
    for _ in range(2):  # the second time from memory
        with pytest.raises(PluginLoadError) as caught:
            route_of(made, "broken/m")
        assert reason in str(caught.value)
        assert "LLMGATE_PLUGINS=-llmgate-broken" in str(caught.value)
        assert (caught.value.distribution, caught.value.version) == ("llmgate-broken", "1.2")
    assert route_of(made, "openai/gpt-4o") == ("openai", "openai", "gpt-4o")


def test_two_claims_on_one_route_are_a_conflict_until_prefer_decides(install: Install) -> None:
    install("llmgate-one", GOOD, "contested")
    install("llmgate-two", GOOD.replace('name="acme"', 'name="two"'), "contested")
    with pytest.raises(PluginConflictError) as caught:
        route_of(client(), "contested/m")
    assert all(name in str(caught.value) for name in ("llmgate-one 1.2", "llmgate-two 1.2"))
    chosen = client(PluginPolicy(prefer={"chat:contested": "llmgate_two"}))
    assert route_of(chosen, "contested/m")[0] == "two"


def test_a_first_party_prefix_is_not_taken_by_another_distribution_unasked(install: Install) -> None:
    install("llmgate-thief", GOOD, "openai/responses")
    with pytest.warns(UserWarning, match="llmgate-thief.*llmgate-openai-responses"):
        assert route_of(client(), "openai/responses/gpt-5")[0] == "openai"
    chosen = client(PluginPolicy(prefer={"chat:openai/responses": "llmgate-thief"}))
    assert route_of(chosen, "openai/responses/gpt-5")[0] == "acme"


@pytest.fixture
def without_responses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shadow the distribution by another of its name that serves nothing, as an older one would."""
    info = tmp_path / "llmgate_openai_responses-0.0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llmgate-openai-responses\nVersion: 0.0.1\n")
    (info / "entry_points.txt").write_text("[llmgate.extensions]\nnothing = nowhere:nothing\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("without_responses")
def test_a_known_prefix_without_its_distribution_names_the_pip_command() -> None:
    with pytest.raises(PluginNotInstalledError) as caught:
        route_of(client(), "openai/responses/gpt-5")
    assert caught.value.distribution == "llmgate-openai-responses"
    assert all(
        value in str(caught.value)
        for value in ("'openai/responses/'", "chat", install_command("llmgate-openai-responses"))
    )


@pytest.mark.usefixtures("without_responses")
def test_a_first_party_prefix_without_its_distribution_is_not_anothers_to_serve(install: Install) -> None:
    install("llmgate-thief", GOOD, "openai/responses")
    with (
        pytest.warns(UserWarning, match="llmgate-thief"),
        pytest.raises(PluginNotInstalledError, match=r"llmgate-openai-responses does.*llmgate-thief 1\.2 claims"),
    ):
        route_of(client(), "openai/responses/gpt-5")


@pytest.mark.usefixtures("without_responses")
@pytest.mark.parametrize("model", ["gpt-5-pro", "o3-pro", "openai/o3-deep-research-2025-06-26"])
def test_a_model_of_mode_responses_goes_there_by_itself(model: str) -> None:
    with pytest.raises(PluginNotInstalledError, match="llmgate-openai-responses"):
        route_of(client(), model)


@pytest.mark.parametrize(
    ("model", "near"),
    [("gpt-4oo", "gpt-4o"), ("opnai/x", "'openai/x'"), ("Openai/a/b", "'openai/a/b'"), ("openai_v2/x", "'openai/x'")],
)
def test_an_unknown_name_names_near_ones_and_is_never_guessed(model: str, near: str) -> None:
    with pytest.raises(UnknownModelError) as caught:
        route_of(client(), model)
    assert near in str(caught.value)
    assert len(str(caught.value)) < 500
    assert (caught.value.status_code, caught.value.attempts) == (404, 0)


def test_a_longer_prefix_of_another_family_does_not_fall_through() -> None:
    with pytest.raises(BadRequestError, match=r"openai/responses/.*embedding"):
        client().prepare("embedding", "openai/responses/x", {"input": "a"}, {})


def test_the_environment_switches_a_distribution_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMGATE_PLUGINS", "-llmgate-openai-chat")
    with pytest.raises(PluginNotInstalledError):
        route_of(client(), "openai/gpt-4o")
    monkeypatch.setenv("LLMGATE_PLUGINS", "llmgate-openai-chat")
    assert route_of(client(), "openai/gpt-4o")[0] == "openai"


def test_what_a_hook_raises_is_wrapped_once_with_plugin_and_hook(install: Install) -> None:
    source = GOOD + textwrap.dedent(
        """
        from llmgate_core.plugin import hookimpl
        @hookimpl
        def transform_request(self, call, route):
            raise KeyError("oops")
        Acme.transform_request = transform_request
        """
    )
    install("llmgate-raises", source, "raises")
    with pytest.raises(PluginError) as caught:
        route_of(client(), "raises/m")
    assert caught.value.hook == "transform_request"
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_plugin_object_of_this_process_serves_a_prefix() -> None:
    from llmgate_core.plugin import OpenAICompatible, ProviderInfo

    class Mine(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="mine", base_url="http://127.0.0.1:9/v1")

    made = client()
    made.add_plugin(Mine(), family="chat", prefix="mine")
    assert route_of(made, "mine/m") == ("mine", "mine", "m")
    with pytest.raises(PluginConflictError):
        made.add_plugin(Mine(), family="chat", prefix="mine")


def test_an_extension_wraps_the_hooks_of_whichever_plugin_is_chosen() -> None:
    from llmgate_core.plugin import UpstreamRequest, hookimpl

    class Signs:
        @hookimpl(wrapper=True)
        def transform_request(self, call, route):
            request = yield
            return request.with_headers({"x-signed": route.provider})

    made = Client(settings=Settings(), extensions=[Signs()], api_key="sk-test-123456789")
    prepared = made.prepare("chat", "openai/gpt-4o", {"messages": HI}, {})
    assert isinstance(prepared.request, UpstreamRequest)
    assert prepared.request.headers["x-signed"] == "openai"
    # plugins that are bound later do not answer the calls of those bound before
    made.prepare("text_completion", "text-completion-openai/gpt-3.5-turbo-instruct", {"prompt": "hi"}, {})
    again = made.prepare("chat", "openai/gpt-4o", {"messages": HI}, {})
    assert again.request.path == prepared.request.path == "/chat/completions"


def test_an_extension_sees_the_answers_of_a_plugin_that_leaves_them_as_they_are() -> None:
    from llmgate_core.plugin import hookimpl
    from llmgate_core.testing import Answer, fake_upstream

    seen = []

    class Watches:
        @hookimpl(wrapper=True)
        def transform_response(self, response):
            seen.append(response.status)
            return (yield)

    chat = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    with fake_upstream() as upstream:
        upstream.answers += [Answer.json(chat), Answer.json(chat)]
        options = {"api_key": "sk-test-123456789", "api_base": upstream.base_url}
        for extensions in ([], [Watches()]):
            Client(settings=Settings(), extensions=extensions).completion("openai/gpt-4o", HI, **options)
    assert seen == [200]


IMPORT_PROBE = """
import sys
seen = []
def hook(event, arguments):
    if event.split(".")[0] in ("socket", "subprocess") or event == "_thread.start_new_thread":
        seen.append(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(event)
sys.addaudithook(hook)
import llmgate_core
heavy = {"httpx", "pydantic", "pydantic_core", "yaml", "pluggy", "importlib_metadata", "llmgate_openai_chat", "typing"}
assert not seen, seen
assert not heavy - {"typing"} & set(sys.modules), heavy & set(sys.modules)
before = {name for name in sys.modules if name.startswith("llmgate_")}
assert before == {"llmgate_core"}, before
messages = [{"role": "user", "content": "x"}]
llmgate_core.Client(api_key="sk-test").prepare("chat", "openai/gpt-4o", {"messages": messages}, {})
loaded = {name.split(".")[0] for name in sys.modules if name.startswith("llmgate_")}
assert loaded == {"llmgate_core", "llmgate_openai_chat"}, loaded
assert "httpx" not in sys.modules and "yaml" not in sys.modules
assert not seen, seen
"""


def test_importing_loads_nothing_and_a_call_loads_only_its_plugin() -> None:
    done = subprocess.run([sys.executable, "-B", "-c", IMPORT_PROBE], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pip_installed_plugin_outside_the_tree_serves_calls(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "llmgate_outside").mkdir(parents=True)
    (source / "llmgate_outside" / "__init__.py").write_text(GOOD)
    (source / "pyproject.toml").write_text(
        textwrap.dedent(
            """
            [build-system]
            requires = ["hatchling"]
            build-backend = "hatchling.build"
            [project]
            name = "llmgate-outside"
            version = "0.3"
            dependencies = ["llmgate-core>=0.1"]
            [project.entry-points."llmgate.chat"]
            outside = "llmgate_outside:plugin"
            """
        )
    )
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([*pip, str(source)], check=True, capture_output=True, timeout=120)
    probe = (
        f"import sys; sys.path.append({str(site)!r}); from llmgate_core import Client;"
        "r = Client(api_key='k').prepare('chat', 'outside/m', {'messages': [{'role': 'user', 'content': 'x'}]}, {});"
        "print(r.route.provider, r.target.plugin.distribution, r.target.plugin.version)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("acme llmgate-outside 0.3\n", "")


def test_what_a_stream_parser_raises_is_the_plugins_fault() -> None:
    from llmgate_core.plugin import OpenAICompatible, ProviderInfo, hookimpl
    from llmgate_core.testing import Answer, fake_upstream

    class Bad:
        def feed(self, event):
            raise KeyError("oops")

        def close(self):
            return ()

    class Mine(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="mine", base_url="http://127.0.0.1:9/v1")

        @hookimpl
        def stream_parser(self, call, route):
            return Bad()

    with fake_upstream() as upstream, client() as made:
        upstream.answers.append(Answer.sse(['{"choices": []}']))
        made.add_plugin(Mine(), family="chat", prefix="mine")
        with pytest.raises(PluginError) as caught:
            made.completion("mine/m", HI, stream=True, api_base=upstream.base_url)
    assert caught.value.hook == "stream_parser"


def test_an_exchange_makes_several_requests_and_auth_asks_for_a_token_first() -> None:
    from llmgate_core.plugin import OpenAICompatible, ProviderInfo, Sleep, UpstreamRequest, hookimpl
    from llmgate_core.testing import Answer, fake_upstream

    class Jobs(OpenAICompatible):
        info = ProviderInfo(api=(1, 0), name="jobs", base_url="http://127.0.0.1:9/v1")

        @hookimpl
        def auth(self, route):
            def flow(request):
                token = yield UpstreamRequest("POST", "/token", body=b"{}")
                yield request.with_headers({"authorization": "Token " + token.json()["token"]})

            return flow

        @hookimpl
        def exchange(self, call, route):
            job = yield UpstreamRequest("POST", "/jobs", body=b"{}")
            yield Sleep(0.001)
            done = yield UpstreamRequest("GET", f"/jobs/{job.json()['id']}")
            return {"choices": [{"message": {"content": done.json()["say"]}}]}

    with fake_upstream() as upstream, client() as made:
        made.add_plugin(Jobs(), family="chat", prefix="jobs")
        token = Answer.json({"token": "t1"})
        upstream.answers += [token, Answer.json({"id": "7"}), token, Answer.json({"say": "done"})]
        answer = made.completion("jobs/m", HI, api_base=upstream.base_url)
    assert answer.choices[0].message.content == "done"
    assert [(r["method"], r["path"]) for r in upstream.received] == [
        ("POST", "/v1/token"),
        ("POST", "/v1/jobs"),
        ("POST", "/v1/token"),
        ("GET", "/v1/jobs/7"),
    ]
    assert upstream.received[3]["headers"]["authorization"] == "Token t1"


def test_a_models_file_of_a_module_without_a_folder_is_not_looked_for_in_the_working_directory(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("facts", "", "facts", family="models")
    here = tmp_path / "cloned"
    here.mkdir()
    (here / "plugin").write_text('{"provider": "openai", "models": {}}')
    monkeypatch.chdir(here)

    with pytest.warns(UserWarning, match=r"facts 1\.2: its file of models .* there is no package 'facts'"):
        client().prepare("chat", "openai/gpt-4o", {"messages": HI}, {})
