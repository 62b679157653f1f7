"""What can put a persona on, with its options, for people and programs that choose."""

from typing import Any

from pydantic import BaseModel

from visard.daemon.api.schema import ProcessorInfo
from visard.models.processor import animators, processors, swappers


def describe() -> list[ProcessorInfo]:
    """Return every processor, the best-looking first; those that cannot be used here come last."""
    usable = sorted(processors().values(), key=lambda one: (-one.quality, one.name))
    return [
        *(
            ProcessorInfo(
                name=one.name,
                summary=one.summary,
                kind=one.kind,
                accepts=tuple(sorted(one.accepts)),
                options=option_schema(one.Options),
            )
            for one in usable
        ),
        *(
            ProcessorInfo(name=name, broken=reason)
            for name, reason in {**swappers.broken, **animators.broken}.items()
        ),
    ]


def option_schema(options: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of options in one piece, without references."""
    whole = options.model_json_schema()
    definitions = whole.pop("$defs", {})

    def inlined(part: Any) -> Any:
        if isinstance(part, list):
            return [inlined(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            part = {**definitions[part["$ref"].rpartition("/")[2]], **part}
        return {key: inlined(value) for key, value in part.items() if key != "$ref"}

    return dict(inlined(whole))
