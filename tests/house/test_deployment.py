"""What people deploy is whole: Kubernetes's manifests, the compose file, Prometheus's settings, offline."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from schemas.settings import Settings
from watchroom.cli import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
VERSION = "1.30"
"""Of the schemas: the oldest that is still kept somewhere; all we use is older."""


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every manifest, by file and kind."""
    for name in kustomization()["resources"]:
        for document in yaml.safe_load_all((KUBERNETES / name).read_text(encoding="utf-8")):
            yield f"{name} {document['kind']}", document


def kustomization() -> dict[str, Any]:
    """The kustomization."""
    found: dict[str, Any] = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text(encoding="utf-8"))
    return found


MANIFESTS = dict(documents())
PODS = {
    name: document["spec"]["template"]
    for name, document in MANIFESTS.items()
    if document["kind"] in ("StatefulSet", "Deployment", "Job")
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(name: str) -> None:
    """Against Kubernetes's own schemas, strictly: an unknown key is an error."""
    kubernetes_validate.validate(MANIFESTS[name], VERSION, strict=True)


def test_the_validation_can_fail() -> None:
    """A key that is misspelt is found."""
    broken = yaml.safe_load(yaml.safe_dump(MANIFESTS["worker.yaml StatefulSet"]))
    broken["spec"]["template"]["spec"]["containers"][0]["imagee"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSION, strict=True)


def test_every_file_is_applied() -> None:
    """No manifest lies beside the kustomization, and none it names is missing."""
    there = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization()["resources"]) == there
    for generated in kustomization()["configMapGenerator"]:
        assert all((KUBERNETES / name).is_file() for name in generated["files"])
    assert (KUBERNETES / "agencies" / "sffd.toml").read_text() == (
        ROOT / "deploy" / "agencies" / "sffd.toml"
    ).read_text()


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_nobody_and_runs_a_command_of_ours(name: str) -> None:
    """Not root, read-only, no capability, a limit of memory, and words that the command line understands."""
    spec = PODS[name]["spec"]
    assert spec["securityContext"]["runAsNonRoot"]
    assert not spec["automountServiceAccountToken"]
    (container,) = spec["containers"]
    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    assert not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"]["drop"] == ["ALL"]
    assert container["resources"]["limits"]["memory"]
    assert {v["name"] for v in container["volumeMounts"]} == {v["name"] for v in spec["volumes"]}
    understood(container["args"])
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        if "exec" in container.get(probe, {}):
            understood(container[probe]["exec"]["command"][1:])


def understood(words: list[str]) -> None:
    """The command line takes these words; nothing is run."""
    assert words[0] in COMMANDS
    command: click.Command = import_module(f"watchroom.commands.{COMMANDS[words[0]][0]}").command
    # click remembers the names of --help of whoever asks first.
    command.make_context(words[0], list(map(str, words[1:])), help_option_names=["-h", "--help"])


def test_selectors_find_their_pods() -> None:
    """Every Service and budget selects the labels of some pod."""
    labels = [set(template["metadata"]["labels"].items()) for template in PODS.values()]
    for name, document in MANIFESTS.items():
        selector = document["spec"].get("selector", {}) if "spec" in document else {}
        wanted = selector.get("matchLabels", selector)
        if document["kind"] in ("Service", "PodDisruptionBudget"):
            assert any(set(wanted.items()) <= have for have in labels), name


def test_settings_in_what_is_deployed_exist() -> None:
    """Every WATCHROOM_ variable named in deploy/, the Dockerfile or the compose file is a setting."""
    known = {f"WATCHROOM_{name.upper()}" for name in Settings.model_fields} | {"WATCHROOM_IMAGE"}
    files = [ROOT / "Dockerfile", ROOT / "docker-compose.yml", *KUBERNETES.glob("*.yaml")]
    for path in files:
        named = set(re.findall(r"WATCHROOM_[A-Z_]+", path.read_text(encoding="utf-8"))) - {"WATCHROOM_"}
        assert named <= known, path.name


# -- compose

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardened_and_pinned(name: str) -> None:
    """Read-only, no capability, no new privileges, an image by version, a limit for what stays."""
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    image = re.fullmatch(r"\$\{(\w+_IMAGE):-([\w./-]+):(v?\d[\w.-]*)\}", service["image"])
    assert image is not None, service["image"]
    assert f"{image[1]}={image[2]}:{image[3]}" in (ROOT / ".env.example").read_text(encoding="utf-8")
    if service.get("restart") != "no":
        assert service["mem_limit"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_after_what_it_needs(name: str) -> None:
    """Who is waited for exists, with a check where its health is waited for, an end where its end is."""
    for other, how in SERVICES[name].get("depends_on", {}).items():
        condition = how["condition"]
        assert other in SERVICES
        assert condition != "service_healthy" or "healthcheck" in SERVICES[other]
        assert condition != "service_completed_successfully" or SERVICES[other]["restart"] == "no"


def test_our_services_run_commands_of_ours() -> None:
    """Words of services and of health checks are understood."""
    for service in SERVICES.values():
        if "WATCHROOM_IMAGE" not in service["image"]:
            continue
        understood(service["command"])
        check = service.get("healthcheck", {}).get("test", [])
        if check:
            assert check[:2] == ["CMD", "watchroom"]
            understood(check[2:])


def test_every_file_that_is_mounted_is_there() -> None:
    """Bind mounts name files of the checkout; what Docker finds missing it makes, as an empty folder."""
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"]


def test_no_password_is_shipped_and_each_installation_gets_its_own(tmp_path: Path) -> None:
    """The script makes secrets once, differently each time, and leaves what is there."""
    said_of_it = re.sub(r"grafana_admin_password|PASSWORD__FILE|\s*#.*", "", yaml.safe_dump(COMPOSE))
    assert "password" not in said_of_it.lower()
    made = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "deploy" / "compose").mkdir(parents=True)
        script = folder / "deploy" / "compose" / "secrets.sh"
        script.write_bytes((ROOT / "deploy" / "compose" / "secrets.sh").read_bytes())
        (folder / ".env.example").write_bytes((ROOT / ".env.example").read_bytes())
        said = [
            subprocess.run(["sh", str(script)], capture_output=True, text=True, check=True, timeout=30).stdout
            for _ in range(2)
        ]
        password = (folder / "secrets" / "grafana_admin_password").read_text()
        environment = (folder / ".env").read_text()
        cluster = re.search(r"^CLUSTER_ID=(.+)$", environment, re.MULTILINE)
        assert cluster is not None
        assert len(cluster[1]) == 22
        assert len(password) == 48
        assert password not in "".join(said) + environment
        assert (folder / "secrets").stat().st_mode & 0o077 == 0
        made.append((password, cluster[1]))
        subprocess.run(["sh", str(script)], capture_output=True, check=True, timeout=30)
        assert (folder / "secrets" / "grafana_admin_password").read_text() == password
        assert (folder / ".env").read_text() == environment
    assert made[0][0] != made[1][0]
    assert made[0][1] != made[1][1]


def test_every_variable_of_the_compose_file_is_in_the_example() -> None:
    """.env.example names what can be set, with the default that the file has."""
    example = dict(
        line.split("=", 1)
        for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    )
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", text))
    assert {k: v for k, v in used.items() if k != "PIP_ARGS"} == {
        k: example.get(k) for k in used if k != "PIP_ARGS"
    }


@pytest.mark.monitoring
@pytest.mark.parametrize("path", ["deploy/compose/prometheus.yml"])
def test_promtool_takes_the_settings(path: str) -> None:
    """Syntax only: the files of rules are mounted elsewhere."""
    done = subprocess.run(
        shlex.split(f"promtool check config --syntax-only {ROOT / path}"),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
