"""A word to a person, where they read anyway: ``NOTIFY_URLS``, by apprise.

::

    listener.py    what needs attention of all that events and sweeps come to, once a day
    delivery.py    a thread for each service: what is told within a while makes one message
    services.py    the services behind the URLs, which are secrets
    words.py       what happened, to which host, and what to do about it

apprise is optional, so that only ``services`` imports it, and nobody that one unless it is wanted.
"""

from typing import TYPE_CHECKING

from adapters.config.settings import Secret
from functions.errors import ConfigurationError

if TYPE_CHECKING:
    from adapters.notify.listener import Notifier
    from adapters.notify.services import Service


def services_of(urls: Secret) -> "list[Service]":
    """Return the service behind each URL; nobody is called yet.

    Raises ConfigurationError if apprise is missing, and for a URL that will not do, by its place.
    """
    try:
        from adapters.notify.services import services
    except ImportError:
        raise ConfigurationError("NOTIFY_URLS needs apprise, the extra 'notify'") from None
    return services(urls)


def notifier(urls: Secret) -> "Notifier":
    """Return what tells all of them what needs attention; raises ConfigurationError as above."""
    found = services_of(urls)
    from adapters.notify.delivery import Delivery
    from adapters.notify.listener import Notifier

    return Notifier([Delivery(each) for each in found])
