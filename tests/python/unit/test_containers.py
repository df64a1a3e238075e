"""The files for containers: linted, and as narrow as Kubernetes' profile `restricted` asks.

No image is built here: there is no hub to take a base from.
"""

import fnmatch
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.installation import PROJECT

OPS = PROJECT / "ops"
CONTAINERFILE = OPS / "Containerfile"
MANIFESTS = sorted((OPS / "kubernetes").glob("*.yaml"))
COMPOSE = yaml.safe_load((OPS / "compose.yaml").read_text())


def lint(program: str, *arguments: str) -> None:
    finished = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


def test_hadolint_has_nothing_to_say() -> None:
    lint("hadolint", "--failure-threshold", "style", str(CONTAINERFILE))


def test_compose_follows_its_schema() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec", "--no-cache")
    lint("check-jsonschema", *schema, str(OPS / "compose.yaml"))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: path.name)
def test_manifests_follow_the_schemas_of_kubernetes(manifest: Path) -> None:
    lint("kubernetes-validate", "--strict", str(manifest))


def workloads() -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """By name: the object, and the pod that it makes."""
    found = {}
    for manifest in MANIFESTS:
        for one in yaml.safe_load_all(manifest.read_text()):
            spec = one["spec"]
            spec = spec["jobTemplate"]["spec"] if one["kind"] == "CronJob" else spec
            if "template" in spec:
                found[one["metadata"]["name"]] = (one, spec["template"]["spec"])
    return found


@pytest.mark.parametrize("name", workloads())
def test_a_pod_may_do_no_more_than_it_must(name: str) -> None:
    pod = workloads()[name][1]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == user_of_the_image()
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        # secrets come as files, for their owner and group only
        assert all("valueFrom" not in one for one in container.get("env", []))
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
    for volume in pod["volumes"]:
        if "secret" in volume:
            assert volume["secret"]["defaultMode"] == 0o440


def test_no_two_nights_and_no_two_streams_run_at_once() -> None:
    assert workloads()["likely-buyers-nightly"][0]["spec"]["concurrencyPolicy"] == "Forbid"
    stream = workloads()["likely-buyers-stream"][0]["spec"]
    assert (stream["replicas"], stream["strategy"]["type"]) == (1, "Recreate")


def test_probes_ask_what_is_open_to_all() -> None:
    from likely_buyers.serving.gate import OPEN_PATHS

    (container,) = workloads()["likely-buyers-endpoint"][1]["containers"]
    probes = {
        name: container[f"{name}Probe"]["httpGet"]["path"] for name in ("liveness", "readiness")
    }
    # a stage without a model lives, and is asked nothing
    assert probes == {"liveness": "/v2/health/live", "readiness": "/v2/health/ready"}
    assert set(probes.values()) <= OPEN_PATHS
    health = re.search(
        r"HEALTHCHECK.*?http://127\.0\.0\.1:8000(/\w+)", CONTAINERFILE.read_text(), re.DOTALL
    )
    assert health and health[1] in OPEN_PATHS


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_service_may_do_no_more_than_it_must(service: str) -> None:
    found = COMPOSE["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["user"].partition(":")[0] == str(user_of_the_image())
    # a port of this machine: TLS is in front of it
    assert all(port.startswith("127.0.0.1:") for port in found.get("ports", []))


def user_of_the_image() -> int:
    """The last stage's."""
    users = re.findall(r"^USER (\d+):\d+$", CONTAINERFILE.read_text(), re.MULTILINE)
    return int(users[-1])


def test_dbt_writes_its_log_where_it_may() -> None:
    """Where the project is read-only and no folder is named, dbt ends and says nothing."""
    settings = dict(re.findall(r"(\w+)=(\S+)", CONTAINERFILE.read_text()))
    assert settings["DBT_LOG_PATH"].startswith(settings["LIKELY_BUYERS_STATE"] + "/")


def test_commands_are_those_of_the_program() -> None:
    from typer.main import get_command

    from likely_buyers.cli.program import app

    known = get_command(app).commands  # type: ignore[attr-defined]
    files = [CONTAINERFILE, OPS / "compose.yaml", *MANIFESTS]
    text = "\n".join(re.sub(r'[",\[\]]', " ", file.read_text()) for file in files)
    used = set(
        re.findall(
            r"(?:^\s*|args:\s+|command:\s+|CMD\s+)likely-buyers +([a-z][a-z-]+)", text, re.MULTILINE
        )
    )
    assert {"serve", "serving-copy", "publish", "check", "stream"} <= used
    assert used <= set(known), used - set(known)


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a file out of the image: the last pattern that fits a folder of its path decides."""
    kept_out = False
    parts = path.split("/")
    folders = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.lstrip("!").replace("**/", "*")
            if any(fnmatch.fnmatchcase(folder, pattern) for folder in folders):
                kept_out = not line.startswith("!")
    return kept_out


def test_what_the_image_copies_is_there_and_nothing_else() -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", CONTAINERFILE.read_text(), re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    for source in sources - {"python"}:
        assert (PROJECT / source).exists(), source
        assert not ignored(source) or source.startswith("python/"), source
    kept = ("python/likely_buyers/cli/top.py", "models/x.sql", "tests/gold/assert.sql")
    assert not any(ignored(path) for path in kept)
    left_out = ("warehouse/registry.db", ".git/config", "ops/secrets/tokens", "tests/python/x.py")
    assert all(ignored(path) for path in left_out)
