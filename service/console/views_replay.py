"""The page that makes an answer again from its reference and the customer's request, to account for it.

What is pasted travels in a form's body and comes back in the page alone; nothing is kept. `service.api.replay` does the work
and names what is missing; this module says that in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flask import Response, request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from service.api.operations import service
from service.api.problems import InvalidRequestError
from service.api.replay import ReplayError, replay
from service.console import customer_form
from service.console.base import names, show
from service.http.body import MalformedBodyError
from service.security.references import BadReferenceError

MOST_TYPED: Final = 64 * 1024
_HINDRANCES: Final[Mapping[str, LazyString]] = {
    "foreign_reference": _l(
        "The reference was not made by this service, or under a secret it no longer has. Paste it as the answer gave it."
    ),
    "tampered_reference": _l("The reference was changed on the way. Paste it as the answer gave it."),
    "no_json": _l("The request is not JSON. Paste it as it was sent."),
    "bad_request": _l("The service would have refused this request: %(where)s"),
    "old_format": _l(
        "The reference was made before references said what was asked. The answer cannot be made again."
    ),
    "no_bundle": _l(
        "The bundle %(bundle)s is not kept here. Ask whoever runs the service to bring it back, and try again."
    ),
    "bad_bundle": _l("The bundle %(bundle)s is damaged. Tell whoever runs the service."),
    "other_code": _l(
        "The answer was made by the decision code %(code)s; this service has %(ours)s. It can be made again with the release that has %(code)s."
    ),
    "other_shown": _l(
        "The request listed other content as shown before. Paste the request as it was sent, “shown” included."
    ),
    "other_showable": _l(
        "The request listed other channels or kinds of content that can be shown. Paste the request as it was sent, “channels” and “content_types” included; those of a batch stand beside its customers."
    ),
    "other_answer": _l(
        "These signals do not give that answer. It offered %(was)s; these signals give %(now)s. They are not the ones it was made from."
    ),
    "other_permission": _l(
        "Whether personalisation was allowed differs. The signals are not the ones the answer was made from."
    ),
}


def replaying() -> Response:
    """A form for a reference and the request it answered."""
    return show("replay", reference="", asked_for="", problem=None, names=names())


def replay_answer() -> Response:
    """The answer made again, or what stands in the way."""
    token = request.form.get("reference", "").strip()[:MOST_TYPED]
    asked_for = request.form.get("request", "")[:MOST_TYPED]
    form: dict[str, Any] = {"reference": token, "asked_for": asked_for, "names": names()}
    try:
        reference = service().references.verified(token)
        ours, request_body = service().settings, asked_for.encode()
        replayed = replay(reference, token, request_body, folder=ours.bundles, public_url=ours.public_url)
    except MalformedBodyError:
        return show("replay", 422, problem=_HINDRANCES["no_json"], **form)
    except InvalidRequestError as error:
        where = "; ".join(f"{fault.pointer or '/'} {fault.message}" for fault in error.faults[:5])
        return show("replay", 422, problem=_HINDRANCES["bad_request"] % {"where": where}, **form)
    except BadReferenceError as error:
        return show("replay", 422, problem=_HINDRANCES[error.code], **form)
    except ReplayError as error:
        return show("replay", 409, problem=_HINDRANCES[error.code] % error.names, **form)
    recommender = replayed.bundle.recommender
    return show(
        "replay",
        problem=None,
        **form | {"names": names(replayed.bundle)},
        asked=customer_form.blank(replayed.signals.customer_type, reference.language),
        tried=customer_form.tried(replayed.explanation, replayed.signals),
        by_bundle=reference.bundle,
        body=replayed.body.decode(),
        catalogue=recommender.catalogue,
        rules_of=customer_form.rules_of(recommender),
    )
