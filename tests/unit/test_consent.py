"""Nobody's face is put on without a word on why it may be: there is no default anywhere."""

import inspect
from pathlib import Path

import pytest
from control import ask, fake
from PIL import Image

from visard.daemon.api.client import Client
from visard.daemon.api.requests import NewPersona
from visard.daemon.api.schema import ErrorBody
from visard.daemon.personas.library import Library
from visard.daemon.service.service import Service


@pytest.mark.parametrize("consent", [{}, {"consent": None}, {"consent": ""}])
def test_a_persona_without_consent_is_refused_over_the_api(
    tmp_path: Path, consent: dict[str, object]
) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(photo)
    service = fake(tmp_path)
    before = service.personas()
    answer = ask(service, "POST", "/personas", json={"path": str(photo), "name": "ada", **consent})
    error = ErrorBody.model_validate(answer.json()).error
    assert (answer.status_code, error.code) == (422, "invalid")
    assert "consent" in error.message
    assert service.personas() == before
    service.stop()


@pytest.mark.parametrize("add", [Client.add_persona, Library.add])
def test_no_way_to_add_a_persona_assumes_consent(add: object) -> None:
    assert callable(add)
    assert inspect.signature(add).parameters["consent"].default is inspect.Parameter.empty


def test_the_service_takes_only_what_states_consent() -> None:
    wanted = inspect.signature(Service.add_persona).parameters["wanted"]
    assert (wanted.annotation, wanted.default) == (NewPersona, inspect.Parameter.empty)
    assert NewPersona.model_fields["consent"].is_required()
