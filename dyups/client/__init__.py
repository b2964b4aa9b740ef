"""A client of the admin interface, for scripts and deployment tools, and the ``dyups-ctl`` command made of it.

    rest       Client: the calls, as coroutines
    place      where the interface is: URLs, unix sockets
    watching   what changed from one look to the next
    tables     answers as people read them
    command    dyups-ctl: arguments in, exit statuses out

It knows the interface by what ``docs/admin-interface.rst`` says, and nothing of the proxy: it imports ``errors``, treq
and Twisted, and may be used wherever these are.  ``docs/dyups-ctl.rst`` and ``docs/python-api.rst`` are the contracts.
"""

from dyups.client.rest import Client
from dyups.client.watching import Change, Watch

__all__ = ["Change", "Client", "Watch"]
