"""A project in Label Studio itself: tasks imported, answered through its API as its pages do, and exported in its formats."""

import json
import os
import sys
import tempfile
from pathlib import Path

SCRATCH = tempfile.mkdtemp()
os.environ |= {
    "LABEL_STUDIO_BASE_DATA_DIR": SCRATCH,
    "DJANGO_DB": "sqlite",
    "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
    "COLLECT_ANALYTICS": "False",
    "LATEST_VERSION_CHECK": "False",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LOG_LEVEL": "ERROR",
    "SECRET_KEY": "made-for-a-throwaway-project",
}

import label_studio

sys.path.insert(0, str(Path(label_studio.__file__).parent))

import django
from django.conf import settings


class _NoMigrations(dict):
    """A fresh database gets its tables at once, and not by three hundred migrations."""

    def __contains__(self, app: object) -> bool:
        return True

    def __getitem__(self, app: object) -> None:
        return None


settings.MIGRATION_MODULES = _NoMigrations()
django.setup()

import core.urls  # noqa: F401  (it imports all of the models)
from django.core.management import call_command
from organizations.models import Organization
from rest_framework.test import APIClient
from users.models import User

CONFIG = """<View>
  <Text name="question" value="$question"/>
  <Choices name="desk" toName="question" choice="single"><Choice value="permits"/><Choice value="tax"/></Choices>
  <Choices name="topics" toName="question" choice="multiple"><Choice value="cost"/><Choice value="forms"/></Choices>
  <TextArea name="reply" toName="question"/>
  <Rating name="clear" toName="question"/>
  <Number name="minutes" toName="question"/>
  <Taxonomy name="tree" toName="question"><Choice value="law"><Choice value="PBL"/></Choice></Taxonomy>
  <Labels name="parts" toName="question"><Label value="place"/><Label value="thing"/></Labels>
</View>"""
TASKS = [
    {"data": {"question": "Do I need a permit for a wall 🧱 in Malmö?", "customer": "c-17", "desk": "unsure"}},
    {"data": {"question": "¿Cuánto cuesta?\nGracias, señor", "customer": "c-18", "desk": "none", "tags": ["a", "b"]}},
    {
        "data": {"question": "Where is the office?", "customer": "c-19", "desk": "none"},
        "predictions": [
            {
                "model_version": "smollm2",
                "score": 0.75,
                "result": [
                    {
                        "id": "p1",
                        "from_name": "desk",
                        "to_name": "question",
                        "type": "choices",
                        "value": {"choices": ["tax"]},
                    }
                ],
            }
        ],
    },
    {"data": {"question": "Skipped by all", "customer": "c-20", "desk": "none"}},
]


def result(name: str, kind: str, value: dict, key: str) -> dict:
    """A result as the page sends it."""
    return {"id": key, "from_name": name, "to_name": "question", "type": kind, "origin": "manual", "value": value}


# The brick is two UTF-16 units, so what follows it stands one further on than in code points.
ANSWERS = [
    (
        0,
        "ada",
        {"lead_time": 4.2},
        [
            result("desk", "choices", {"choices": ["permits"]}, "a1"),
            result("clear", "rating", {"rating": 4}, "a2"),
            result("minutes", "number", {"number": 2.5}, "a3"),
            result("reply", "textarea", {"text": ["Yes, above 1.8 m."]}, "a4"),
            result("parts", "labels", {"start": 25, "end": 32, "text": "wall 🧱", "labels": ["thing"]}, "a5"),
            result("parts", "labels", {"start": 36, "end": 41, "text": "Malmö", "labels": ["place"]}, "a6"),
        ],
    ),
    (0, "lea", {"lead_time": 9.0}, [result("desk", "choices", {"choices": ["tax"]}, "b1")]),
    (
        1,
        "ada",
        {"ground_truth": True},
        [
            result("topics", "choices", {"choices": ["cost", "forms"]}, "c1"),
            result("tree", "taxonomy", {"taxonomy": [["law"], ["law", "PBL"]]}, "c2"),
            result("reply", "textarea", {"text": ["One.", "Two."]}, "c3"),
        ],
    ),
    (3, "lea", {"was_cancelled": True}, []),
]


def users() -> dict[str, APIClient]:
    """Two people of one organisation, signed in."""
    clients: dict[str, APIClient] = {}
    organization = None
    for name in ("ada", "lea"):
        user = User.objects.create_user(email=f"{name}@example.org", username=name)
        if organization is None:
            organization = Organization.create_organization(created_by=user, title="Throwaway")
        else:
            organization.add_user(user)
        user.active_organization = organization
        user.save()
        clients[name] = APIClient()
        clients[name].force_authenticate(user=user)
        clients[name].force_login(user)
    return clients


def answered(client: APIClient, method: str, address: str, body: object = None) -> object:
    """The answer of an address; stops with what Label Studio said where it refused."""
    answer = (
        getattr(client, method)(address, body, format="json") if body is not None else getattr(client, method)(address)
    )
    if answer.status_code >= 400:
        raise SystemExit(f"{method} {address}: {answer.status_code} {answer.content[:2000]!r}")
    return answer


def project(client: APIClient, title: str, config: str, tasks: list) -> tuple[int, list[int]]:
    """A project with tasks: its id and theirs."""
    made = answered(client, "post", "/api/projects/", {"title": title, "label_config": config}).json()["id"]
    answered(client, "post", f"/api/projects/{made}/import", tasks)
    from tasks.models import Task

    return made, list(Task.objects.filter(project=made).order_by("id").values_list("id", flat=True))


def export(client: APIClient, number: int, kind: str) -> bytes:
    answer = answered(client, "get", f"/api/projects/{number}/export?exportType={kind}&download_all_tasks=true")
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def main(folder: Path) -> None:
    call_command("migrate", run_syncdb=True, verbosity=0)
    clients = users()
    ada = clients["ada"]
    number, tasks = project(ada, "Questions", CONFIG, TASKS)
    for task, who, told, results in ANSWERS:
        answered(clients[who], "post", f"/api/tasks/{tasks[task]}/annotations/", {"result": results, **told})
    for name, kind in (
        ("label-studio.json", "JSON"),
        ("label-studio-min.json", "JSON_MIN"),
        ("label-studio.csv", "CSV"),
    ):
        (folder / name).write_bytes(export(ada, number, kind))
    ours = folder / "ours-for-label-studio.json"
    if ours.exists():
        written = json.loads(ours.read_text(encoding="utf-8"))
        config = ours.with_suffix(".xml").read_text(encoding="utf-8")
        back, _ = project(ada, "Ours", config, written)
        (folder / "ours-by-label-studio.json").write_bytes(export(ada, back, "JSON"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
